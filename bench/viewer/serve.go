package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// serve: how soon it answers, and what it costs when many look.

// A server is a running mapfile-dump serve.
type server struct {
	cmd *exec.Cmd
	url string // with a slash at the end
}

// serve starts a server and waits for its address.
func (b *bench) serve(args ...string) (*server, error) {
	cmd := exec.CommandContext(b.ctx, b.binary, append([]string{"serve"}, args...)...)
	cmd.Stderr = b.log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{cmd: cmd}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("serve says no address, only %q", line), err, s.end())
	}
	s.url = strings.TrimSpace(line)
	return s, nil
}

func (s *server) end() error {
	if s == nil {
		return nil
	}
	s.cmd.Process.Signal(os.Interrupt)
	stop := time.AfterFunc(5*time.Second, func() { s.cmd.Process.Kill() })
	defer stop.Stop()
	s.cmd.Wait()
	return nil
}

// get asks for a page of the server.
func get(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %.200s", url, resp.Status, body)
	}
	return string(body), err
}

// items are the records of a list of the API.
func (s *server) items(ctx context.Context, path string) ([]struct{ Item, Label string }, error) {
	text, err := get(ctx, s.url+path)
	if err != nil {
		return nil, err
	}
	var list struct {
		Items []struct{ Item, Label string }
	}
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, fmt.Errorf("%s: %w: %.200s", path, err, text)
	}
	return list.Items, nil
}

// firstItem is the address of a slot.
func (s *server) firstItem(ctx context.Context) (string, error) {
	files, err := s.items(ctx, "api/files")
	if err != nil || len(files) == 0 {
		return "", errors.Join(errors.New("serve has no files"), err)
	}
	slots, err := s.items(ctx, "api/slots?file="+url.QueryEscape(files[0].Label))
	if err != nil || len(slots) == 0 {
		return "", errors.Join(errors.New("serve has no slots"), err)
	}
	return slots[0].Item, nil
}

// measureServeDir times serve of a directory, from its start to the list of all files.
func (b *bench) measureServeDir(dir string) error {
	var took []time.Duration
	for range b.runs + 1 {
		start := time.Now()
		s, err := b.serve(dir)
		if err != nil {
			return err
		}
		files, err := s.items(b.ctx, "api/files")
		took = append(took, time.Since(start))
		s.end()
		if err != nil {
			return err
		}
		if len(files) != b.files {
			return fmt.Errorf("serve lists %d files of %d", len(files), b.files)
		}
	}
	median, rest := milliseconds(took[1:])
	b.add("dir", fmt.Sprintf("serve of a DIR of %d files, start to list", b.files), median, "ms", 200, "%s", rest)
	return nil
}

// ours are the addresses of a page's own scripts and styles.
var ours = regexp.MustCompile(`(?:src|href)="([^"]+\.(?:js|css|svg))"`)

// measurePage times what a browser asks for until it can draw a histogram: the page, its parts, the list
// and the histogram, one after the other on new connections. What the browser itself needs is not in it.
func measurePage(b *bench) error {
	path, err := b.manySlots()
	if err != nil {
		return err
	}
	s, err := b.serve(path)
	if err != nil {
		return err
	}
	defer s.end()
	item, err := s.firstItem(b.ctx)
	if err != nil {
		return err
	}
	var took []time.Duration
	for range b.runs + 1 {
		http.DefaultClient.CloseIdleConnections()
		start := time.Now()
		page, err := get(b.ctx, s.url)
		if err != nil {
			return err
		}
		for _, part := range ours.FindAllStringSubmatch(page, -1) {
			if _, err := get(b.ctx, s.url+strings.TrimPrefix(part[1], "/")); err != nil {
				return err
			}
		}
		if err := firstDraw(b.ctx, s.url, item); err != nil {
			return err
		}
		took = append(took, time.Since(start))
	}
	median, rest := milliseconds(took[1:])
	b.add("page", fmt.Sprintf("page to first histogram, %d slots", b.slots), median, "ms", 300, "%s; HTTP only, without a browser's own time", rest)
	return nil
}

// firstDraw waits for the list and a histogram from the stream of events.
func firstDraw(ctx context.Context, base, item string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	stream, err := events(ctx, base+"api/events?list=1&item="+url.QueryEscape(item))
	if err != nil {
		return err
	}
	defer stream.Close()
	lines := bufio.NewReader(stream)
	list, draw := false, false
	for !list || !draw {
		line, err := lines.ReadString('\n')
		if err != nil {
			return err
		}
		list = list || strings.HasPrefix(line, "event: list")
		draw = draw || strings.HasPrefix(line, "event: draw")
	}
	return nil
}

// events opens a stream of server-sent events.
func events(ctx context.Context, url string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := (&http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("%s: %s", url, resp.Status)
	}
	return resp.Body, nil
}

// A round of the fan-out is so many clients that look while the producer publishes flat out, and then
// 1,000 times a second.
type round struct {
	flat, steady publishing
	cpu          float64 // of the server, seconds a second
	encoding     float64 // the part of it that reads, decodes and encodes, seconds a second
	encodes      float64 // a second
	events       float64 // that each client got, a second
}

// rounds is how often each number of clients has its turn: they take turns, so that what else the machine
// does hits them alike. The median counts.
const rounds = 3

// mostSlowdown is how much slower the producer may be with all clients than with none: "not at all" is
// what is meant, and this is what such a figure varies by itself.
const mostSlowdown = 1.1

func measureFanout(b *bench) error {
	if _, err := cpuTime(os.Getpid()); err != nil {
		return err
	}
	path := filepath.Join(b.dir, "fan.map")
	producer, err := b.startRole("fanout", path)
	if err != nil {
		return err
	}
	defer producer.end()
	s, err := b.serve(path)
	if err != nil {
		return err
	}
	defer s.end()
	item, err := s.firstItem(b.ctx)
	if err != nil {
		return err
	}
	crowds := slices.Compact([]int{0, 1, b.clients})
	all := map[int][]round{}
	for range rounds {
		for _, clients := range crowds {
			r, err := b.fanoutRound(s, producer, item, clients)
			if err != nil {
				return err
			}
			all[clients] = append(all[clients], r)
		}
	}
	median := func(clients int, of func(round) float64) float64 {
		var values []float64
		for _, r := range all[clients] {
			values = append(values, of(r))
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	flat := func(r round) float64 { return r.flat.PerSecond }
	call := func(r round) float64 { return float64(r.steady.MedianNs) / 1000 }
	encoding := func(r round) float64 { return 1000 * r.encoding }
	for _, n := range crowds {
		b.add("fanout", fmt.Sprintf("publishes flat out, %s", clientsText(n)), median(n, flat), "/s", 0, "median of %d × %v", rounds, b.period)
	}
	b.add("fanout", fmt.Sprintf("  0 clients over %d", b.clients), median(0, flat)/median(b.clients, flat), "×", mostSlowdown, "the producer is not slowed")
	for _, n := range crowds {
		b.add("fanout", fmt.Sprintf("an Update at 1 kHz, %s", clientsText(n)), median(n, call), "µs", 0, "p99 %s µs, %s publishes/s",
			number(median(n, func(r round) float64 { return float64(r.steady.Percent99) / 1000 })),
			number(median(n, func(r round) float64 { return r.steady.PerSecond })))
	}
	for _, n := range crowds {
		b.add("fanout", fmt.Sprintf("server, %s", clientsText(n)), 1000*median(n, func(r round) float64 { return r.cpu }), "ms CPU/s", 0,
			"%s ms/s of it in %s encodings/s; %s events/s to each client", number(median(n, encoding)),
			number(median(n, func(r round) float64 { return r.encodes })), number(median(n, func(r round) float64 { return r.events })))
	}
	if one := median(1, encoding); one > 0 {
		b.add("fanout", fmt.Sprintf("  encoding, %d clients over 1", b.clients), median(b.clients, encoding)/one, "×", 2, "one encode a change, however many look")
	}
	return nil
}

func clientsText(n int) string {
	if n == 1 {
		return "1 client"
	}
	return fmt.Sprint(n, " clients")
}

// fanoutRound measures one number of clients. What the server uses is taken while the producer publishes
// 1,000 times a second, which leaves it the processor.
func (b *bench) fanoutRound(s *server, producer *child, item string, clients int) (r round, err error) {
	count := func() (float64, error) { return 0, nil } // events since it was last called
	if clients > 0 {
		crowd, err := b.startRole("clients", s.url, item, clients)
		if err != nil {
			return r, err
		}
		defer crowd.end()
		count = func() (float64, error) {
			answer, err := crowd.ask("count")
			if err != nil {
				return 0, err
			}
			return strconv.ParseFloat(answer, 64)
		}
	}
	if r.flat, err = producer.publish(b.period, 0); err != nil {
		return r, err
	}
	if _, err := count(); err != nil {
		return r, err
	}
	before, err := s.usage(b.ctx)
	if err != nil {
		return r, err
	}
	if r.steady, err = producer.publish(b.period, time.Millisecond); err != nil {
		return r, err
	}
	after, err := s.usage(b.ctx)
	if err != nil {
		return r, err
	}
	got, err := count()
	if err != nil {
		return r, err
	}
	seconds := r.steady.Seconds
	r.cpu = (after.cpu - before.cpu) / seconds
	r.encoding = (after.encoding - before.encoding) / seconds
	r.encodes = (after.encodes - before.encodes) / seconds
	r.events = got / float64(max(clients, 1)) / seconds
	return r, nil
}

// publish lets the producer of the fan-out publish for a while.
func (c *child) publish(period, pause time.Duration) (p publishing, err error) {
	answer, err := c.ask("%v %v", period, pause)
	if err != nil {
		return p, err
	}
	return p, json.Unmarshal([]byte(answer), &p)
}

// usage is what a server has used so far: seconds of the processors, by the system; encodings and the
// seconds they took, by its own counters.
type usage struct{ cpu, encodes, encoding float64 }

func (s *server) usage(ctx context.Context) (u usage, err error) {
	cpu, err := cpuTime(s.cmd.Process.Pid)
	if err != nil {
		return u, err
	}
	u.cpu = cpu.Seconds()
	metrics, err := get(ctx, s.url+"metrics")
	if err != nil {
		return u, err
	}
	for _, counter := range []struct {
		name string
		to   *float64
	}{{"mapfile_serve_encodes_total", &u.encodes}, {"mapfile_serve_encode_seconds_total", &u.encoding}} {
		_, behind, _ := strings.Cut(metrics, "\n"+counter.name+" ")
		value, _, _ := strings.Cut(behind, "\n")
		if *counter.to, err = strconv.ParseFloat(value, 64); err != nil {
			return u, fmt.Errorf("%smetrics: %s: %w", s.url, counter.name, err)
		}
	}
	return u, nil
}

// roleClients is many browsers: URL ITEM N. They look at one slot; asked for it, they say how many events
// came since last time.
func roleClients(args []string, ask *bufio.Scanner) error {
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	var got atomic.Int64
	var first sync.WaitGroup
	failed := make(chan error, n)
	for range n {
		first.Add(1)
		stream, err := events(context.Background(), args[0]+"api/events?item="+url.QueryEscape(args[1]))
		if err != nil {
			return err
		}
		go func() {
			defer stream.Close()
			once := sync.OnceFunc(first.Done)
			lines := bufio.NewReaderSize(stream, 64<<10)
			for {
				line, err := lines.ReadSlice('\n')
				if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
					failed <- err
					once()
					return
				}
				if strings.HasPrefix(string(line), "event: draw") {
					got.Add(1)
					once()
				}
			}
		}()
	}
	first.Wait()
	if len(failed) > 0 {
		return <-failed
	}
	say("ready")
	for ask.Scan() {
		if len(failed) > 0 {
			return <-failed
		}
		say("%d", got.Swap(0))
	}
	return nil
}
