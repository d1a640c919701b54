package serve

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go-hep.org/x/hep/hbook"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/listing"
	"github.com/gomapfile/mapfile/codec"
	_ "github.com/gomapfile/mapfile/codec/hbook"
	"github.com/gomapfile/mapfile/codec/protobuf"
	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/registry"
)

// Servers in these tests listen on real sockets; producers are processes of their own (this test binary)
// where their life matters, and else mapped files of this process.

func TestMain(m *testing.M) {
	for _, c := range []codec.Codec{codec.Basic, protobuf.Codec} {
		if err := registry.Default.AddCodec(c); err != nil {
			panic(err)
		}
	}
	if path := os.Getenv("SERVE_TEST_PRODUCER"); path != "" {
		if err := produce(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// produce publishes a number and a histogram until it is killed.
func produce(path string) error {
	mf, err := mapfile.OpenOrCreate(path)
	if err != nil {
		return err
	}
	n, h := int64(0), hbook.NewH1D(10, 0, 10)
	if _, err := mf.Add("n", &n); err != nil {
		return err
	}
	if _, err := mf.Add("h", h); err != nil {
		return err
	}
	for {
		n++
		h.Fill(float64(n%10), 1)
		if err := mf.Update(); err != nil {
			return nil // a test has replaced the file
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// startProducer starts the process that produces path; stop kills it.
func startProducer(t testing.TB, path string) (stop func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SERVE_TEST_PRODUCER="+path)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	t.Cleanup(stop)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := mapfile.Wait(ctx, path, "n"); err != nil {
		t.Fatal(err)
	}
	return stop
}

// A web is a server that listens, and a client of it.
type web struct {
	t        testing.TB
	server   *Server
	listener *Listener
	url      string // without the last /
	client   *http.Client
	log      *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.String()
}

// start serves a directory.
func start(t testing.TB, dir string, c Config, a Address) *web {
	t.Helper()
	w := &web{t: t, log: &lockedBuffer{}}
	c.Set = listing.NewSet(nil, []string{dir})
	c.Log = slog.New(slog.NewTextHandler(w.log, nil))
	if c.Describe == nil {
		c.Describe = error.Error
	}
	if c.Auth != nil {
		c.Auth.log = c.Log
	}
	a.Listen = first(a.Listen, "127.0.0.1:0")
	l, err := Listen(a)
	if err != nil {
		t.Fatal(err)
	}
	w.server, w.listener, w.url = New(c), l, strings.TrimSuffix(l.URL(), "/")
	w.client = &http.Client{Transport: &http.Transport{DisableCompression: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ctx, cancel := context.WithCancelCause(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.server.Serve(ctx, l) }()
	t.Cleanup(func() {
		w.client.CloseIdleConnections()
		cancel(errEnd)
		if err := <-ended; err != errEnd {
			t.Error("the server ended with", err)
		}
		c.Set.Close()
	})
	return w
}

var errEnd = fmt.Errorf("end of the test")

func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// do asks with header lines "Name: value"; Host counts.
func (w *web) do(method, path string, body io.Reader, headers ...string) (*http.Response, string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, w.url+path, body)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header.Set(name, value)
	}
	answer, err := w.client.Do(r)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer, string(text)
}

func (w *web) get(path string, headers ...string) (*http.Response, string) {
	w.t.Helper()
	return w.do("GET", path, nil, headers...)
}

// json gets a 200 with JSON.
func (w *web) json(path string, v any) {
	w.t.Helper()
	answer, text := w.get(path)
	if answer.StatusCode != 200 || answer.Header.Get("Content-Type") != typeJSON {
		w.t.Fatalf("%s: %s %s", path, answer.Status, text)
	}
	if err := json.Unmarshal([]byte(text), v); err != nil {
		w.t.Fatalf("%s: %v in %s", path, err, text)
	}
}

// raw sends bytes as they are, and returns the status of the answer, or "" if there is none.
func (w *web) raw(request string) string {
	w.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		return ""
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return ""
	}
	defer answer.Body.Close()
	return answer.Status
}

func (w *web) host() string { return strings.TrimPrefix(w.url, "http://") }

// A sent is what tests need of an event.
type sent struct {
	event string
	picture
	Files  []map[string]any
	Slots  []map[string]any
	Gone   []string
	Faults []string
}

type picture struct {
	Item, Title, Kind, Message, State string
	Version                           uint64
	Age                               *float64 `json:"age_seconds"`
	Content, Errors                   []*float64
	Stats                             [][2]string
	Value                             any
	Cut                               bool
	X, Y                              map[string]any
	Payload                           []byte `json:"payload_head"`
}

// listen opens a stream. Its events come until the test ends, or stop is called.
func (w *web) listen(query string, headers ...string) (events <-chan sent, stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", w.url+"/api/events?"+query, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	answer, err := w.client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	if answer.StatusCode != 200 || answer.Header.Get("Content-Type") != eventType {
		text, _ := io.ReadAll(answer.Body)
		w.t.Fatalf("%s: %s %s", query, answer.Status, text)
	}
	list := make(chan sent, 10000)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(list)
		defer answer.Body.Close()
		var s sent
		lines := bufio.NewReaderSize(answer.Body, 1<<20)
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			line = strings.TrimSuffix(line, "\n")
			if name, ok := strings.CutPrefix(line, "event: "); ok {
				s = sent{event: name}
			}
			if strings.HasPrefix(line, ": ") {
				list <- sent{event: line}
			}
			if data, ok := strings.CutPrefix(line, "data: "); ok {
				if err := json.Unmarshal([]byte(data), &s); err != nil {
					w.t.Errorf("%s: %v in %.200s", query, err, data)
				}
				list <- s
			}
		}
	}()
	stop = func() { cancel(); <-ended }
	w.t.Cleanup(stop)
	return list, stop
}

// await is the first event for which want is true.
func await(t testing.TB, events <-chan sent, what string, want func(sent) bool) sent {
	t.Helper()
	timeout := time.After(20 * time.Second)
	var last sent
	for {
		select {
		case s, open := <-events:
			if !open {
				t.Fatalf("the stream ended before: %s; last %.500s", what, fmt.Sprint(last))
			}
			if last = s; want(s) {
				return s
			}
		case <-timeout:
			t.Fatalf("never: %s; last event %.500s", what, fmt.Sprint(last))
		}
	}
}

// awaitEnd waits until the stream ends.
func awaitEnd(t testing.TB, events <-chan sent) {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		select {
		case _, open := <-events:
			if !open {
				return
			}
		case <-timeout:
			t.Fatal("the stream never ends")
		}
	}
}

// awaitAll waits for events in any order.
func awaitAll(t testing.TB, events <-chan sent, what string, wants ...func(sent) bool) {
	t.Helper()
	seen := make([]bool, len(wants))
	await(t, events, what, func(s sent) bool {
		all := true
		for i, want := range wants {
			seen[i] = seen[i] || want(s)
			all = all && seen[i]
		}
		return all
	})
}

func create(t testing.TB, dir, name string) *mapfile.MapFile {
	t.Helper()
	mf, err := mapfile.Recreate(filepath.Join(dir, name), mapfile.WithTitle("a title"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mf.Close() })
	return mf
}

func put(t testing.TB, mf *mapfile.MapFile, name string, v any, opts ...mapfile.SlotOption) *mapfile.Slot {
	t.Helper()
	s, err := mf.Add(name, v, opts...)
	if err == nil {
		err = s.Update()
	}
	if err != nil {
		t.Fatal(name, err)
	}
	return s
}

func number64(n int64) *int64 { return &n }
