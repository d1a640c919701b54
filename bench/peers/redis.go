package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/redis/go-redis/v9"
)

// inRedis is a Redis server over a Unix socket, without persistence, that the publisher starts. With
// news, each value is also sent to those that wait for it.
type inRedis struct{ news bool }

const redisProgram = "redis-server"

func (s inRedis) create(dir string, sizes []int) (publisher, error) {
	server, err := startServer(dir, redisProgram, "--port", "0", "--unixsocket", redisSocket(dir),
		"--dir", dir, "--save", "", "--appendonly", "no", "--daemonize", "no")
	if err != nil {
		return nil, err
	}
	p := &redisPublisher{newRedis(dir, sizes), server, s.news}
	if err := server.await(p.ping); err != nil {
		return nil, err
	}
	return p, p.publishAll(makeValues(sizes))
}

func (s inRedis) open(dir string, sizes []int) (reader, error) {
	r := &redisReader{redisClient: newRedis(dir, sizes)}
	return r, r.ping()
}

func redisSocket(dir string) string { return filepath.Join(dir, "redis.sock") }

type redisClient struct {
	client *redis.Client
	keys   []string
}

func newRedis(dir string, sizes []int) redisClient {
	c := redisClient{client: redis.NewClient(&redis.Options{Network: "unix", Addr: redisSocket(dir), MaxRetries: -1})}
	for i := range sizes {
		c.keys = append(c.keys, slotName(i))
	}
	return c
}

func (c *redisClient) ping() error { return c.client.Ping(context.Background()).Err() }

func (c *redisClient) close() error { return c.client.Close() }

// redisBatch is how many values one MSET or MGET has, of a pipeline of them: a megabyte or so.
const redisBatch = 100

// batches calls one for each range of slots in a pipeline.
func (c *redisClient) batches(one func(p redis.Pipeliner, from, to int)) error {
	_, err := c.client.Pipelined(context.Background(), func(p redis.Pipeliner) error {
		for from := 0; from < len(c.keys); from += redisBatch {
			one(p, from, min(from+redisBatch, len(c.keys)))
		}
		return nil
	})
	return err
}

type redisPublisher struct {
	redisClient
	*server
	news bool
}

func (p *redisPublisher) publish(slot int, value []byte) error {
	ctx := context.Background()
	if !p.news {
		return p.client.Set(ctx, p.keys[slot], value, 0).Err()
	}
	_, err := p.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.Publish(ctx, p.keys[slot], value)
		pipe.Set(ctx, p.keys[slot], value, 0) // for those that come later
		return nil
	})
	return err
}

func (p *redisPublisher) publishAll(values [][]byte) error {
	return p.batches(func(pipe redis.Pipeliner, from, to int) {
		pairs := make([]any, 0, 2*redisBatch)
		for i := from; i < to; i++ {
			pairs = append(pairs, p.keys[i], values[i])
		}
		pipe.MSet(context.Background(), pairs...)
	})
}

func (p *redisPublisher) close() error {
	err := p.redisClient.close()
	p.server.stop()
	return err
}

type redisReader struct {
	redisClient
	news    *redis.PubSub
	message string // of the last wait, which read has not taken yet
}

func (r *redisReader) read(slot int, buf []byte) error {
	if slot == 0 && r.message != "" {
		copy(buf, r.message)
		r.message = ""
		return nil
	}
	n, err := r.client.GetToBuffer(context.Background(), r.keys[slot], buf).Result()
	if err == nil && n != len(buf) {
		err = fmt.Errorf("%s has %d bytes, not %d", r.keys[slot], n, len(buf))
	}
	return err
}

func (r *redisReader) readAll(bufs [][]byte) error {
	var answers []*redis.SliceCmd
	err := r.batches(func(pipe redis.Pipeliner, from, to int) {
		answers = append(answers, pipe.MGet(context.Background(), r.keys[from:to]...))
	})
	if err != nil {
		return err
	}
	i := 0
	for _, answer := range answers {
		for _, v := range answer.Val() {
			value, _ := v.(string)
			if len(value) != len(bufs[i]) {
				return fmt.Errorf("%s has %d bytes, not %d", r.keys[i], len(value), len(bufs[i]))
			}
			copy(bufs[i], value)
			i++
		}
	}
	return nil
}

// wait sleeps until the next value is sent, and read takes that one.
func (r *redisReader) wait() error {
	ctx := context.Background()
	if r.news == nil {
		r.news = r.client.Subscribe(ctx, r.keys[0])
	}
	message, err := r.news.ReceiveMessage(ctx)
	if err != nil {
		return err
	}
	r.message = message.Payload
	return nil
}

func (r *redisReader) close() error {
	if r.news != nil {
		r.news.Close()
	}
	return r.redisClient.close()
}
