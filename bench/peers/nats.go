package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// inNATS is a key-value bucket of NATS' JetStream, in memory, over loopback TCP (it has no other sockets),
// by a server that the publisher starts. A reader of many slots watches all of them, so that the server
// sends what is new.
type inNATS struct{}

// natsConfig leaves the port to the system; the server writes it to a file in its directory.
const natsConfig = `
listen: "127.0.0.1:-1"
ports_file_dir: %[1]q
max_payload: 8MB
jetstream { store_dir: %[1]q, max_memory_store: 4GB }
`

const natsBucket = "values"

func (inNATS) create(dir string, sizes []int) (publisher, error) {
	config := filepath.Join(dir, "nats.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, natsConfig, dir), 0o600); err != nil {
		return nil, err
	}
	server, err := startServer(dir, filepath.Join(buildDir, "nats-server"), "--config", config)
	if err != nil {
		return nil, err
	}
	p := &natsPublisher{server: server}
	if err := server.await(func() (err error) { p.natsClient, err = newNATS(dir, sizes); return err }); err != nil {
		return nil, err
	}
	p.bucket, err = p.stream.CreateKeyValue(context.Background(), jetstream.KeyValueConfig{Bucket: natsBucket, Storage: jetstream.MemoryStorage})
	if err != nil {
		return nil, err
	}
	return p, p.publishAll(makeValues(sizes))
}

func (inNATS) open(dir string, sizes []int) (reader, error) {
	c, err := newNATS(dir, sizes)
	if err == nil {
		c.bucket, err = c.stream.KeyValue(context.Background(), natsBucket)
	}
	if err != nil {
		return nil, err
	}
	return &natsReader{natsClient: c}, nil
}

type natsClient struct {
	conn   *nats.Conn
	stream jetstream.JetStream
	bucket jetstream.KeyValue
	keys   []string
}

// newNATS connects to the server in dir.
func newNATS(dir string, sizes []int) (c natsClient, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.ports"))
	if err != nil || len(files) == 0 {
		return c, errors.Join(errors.New("no server in "+dir), err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		return c, err
	}
	var ports struct {
		NATS []string `json:"nats"`
	}
	if err := json.Unmarshal(text, &ports); err != nil || len(ports.NATS) == 0 {
		return c, errors.Join(errors.New("the server has no port yet"), err)
	}
	if c.conn, err = nats.Connect(ports.NATS[0]); err != nil {
		return c, err
	}
	if c.stream, err = jetstream.New(c.conn, jetstream.WithPublishAsyncMaxPending(256)); err != nil {
		return c, err
	}
	for i := range sizes {
		c.keys = append(c.keys, slotName(i))
	}
	return c, nil
}

func (c *natsClient) close() error {
	c.conn.Close()
	return nil
}

type natsPublisher struct {
	natsClient
	*server
}

func (p *natsPublisher) publish(slot int, value []byte) error {
	_, err := p.bucket.Put(context.Background(), p.keys[slot], value)
	return err
}

// publishAll puts all without waiting for each.
func (p *natsPublisher) publishAll(values [][]byte) error {
	for i, v := range values {
		if _, err := p.stream.PublishAsync("$KV."+natsBucket+"."+p.keys[i], v); err != nil {
			return err
		}
	}
	select {
	case <-p.stream.PublishAsyncComplete():
		return nil
	case <-time.After(patience / 2):
		return errors.New("the server does not acknowledge what was published")
	}
}

func (p *natsPublisher) close() error {
	err := p.natsClient.close()
	p.server.stop()
	return err
}

type natsReader struct {
	natsClient
	one     jetstream.KeyWatcher // for wait
	message []byte               // of the last wait, which read has not taken yet
	all     *natsMirror          // for readAll
}

func (r *natsReader) read(slot int, buf []byte) error {
	value := r.message
	if slot != 0 || value == nil {
		entry, err := r.bucket.Get(context.Background(), r.keys[slot])
		if err != nil {
			return err
		}
		value = entry.Value()
	} else {
		r.message = nil
	}
	return r.take(slot, value, buf)
}

func (r *natsReader) take(slot int, value, buf []byte) error {
	if len(value) != len(buf) {
		return fmt.Errorf("%s has %d bytes, not %d", r.keys[slot], len(value), len(buf))
	}
	copy(buf, value)
	return nil
}

// wait sleeps until the server sends the next value, and read takes that one.
func (r *natsReader) wait() (err error) {
	if r.one == nil {
		if r.one, err = r.bucket.Watch(context.Background(), r.keys[0]); err != nil {
			return err
		}
	}
	for entry := range r.one.Updates() {
		if entry != nil { // nil: what was there before the Watch has been sent
			r.message = entry.Value()
			return nil
		}
	}
	return errors.New("the server sends no more values")
}

func (r *natsReader) readAll(bufs [][]byte) (err error) {
	if r.all == nil {
		if r.all, err = r.mirror(); err != nil {
			return err
		}
	}
	return r.all.read(r, bufs)
}

func (r *natsReader) close() error {
	if r.one != nil {
		r.one.Stop()
	}
	if r.all != nil {
		r.all.watch.Stop()
	}
	return r.natsClient.close()
}

// A natsMirror is what the server has sent of all values.
type natsMirror struct {
	watch  jetstream.KeyWatcher
	begun  chan struct{} // closed when each value has been sent once
	mu     sync.Mutex
	values [][]byte
}

func (r *natsReader) mirror() (*natsMirror, error) {
	watch, err := r.bucket.WatchAll(context.Background())
	if err != nil {
		return nil, err
	}
	m := &natsMirror{watch: watch, begun: make(chan struct{}), values: make([][]byte, len(r.keys))}
	slots := map[string]int{}
	for i, key := range r.keys {
		slots[key] = i
	}
	go func() { // until the watch is stopped
		for entry := range watch.Updates() {
			if entry == nil {
				close(m.begun)
				continue
			}
			m.mu.Lock()
			m.values[slots[entry.Key()]] = entry.Value()
			m.mu.Unlock()
		}
	}()
	return m, nil
}

func (m *natsMirror) read(r *natsReader, bufs [][]byte) error {
	select {
	case <-m.begun:
	case <-time.After(patience / 2):
		return errors.New("the server does not send the values")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, buf := range bufs {
		if err := r.take(i, m.values[i], buf); err != nil {
			return err
		}
	}
	return nil
}
