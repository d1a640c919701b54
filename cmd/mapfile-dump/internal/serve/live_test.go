package serve

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go-hep.org/x/hep/hbook"

	"github.com/gomapfile/mapfile/mapfile"
)

// One encode for each change, with 1 client and with 100.
func TestOneEncodeForEachChange(t *testing.T) {
	const changes = 20
	encodes := map[int]int64{}
	for _, clients := range []int{1, 100} {
		dir := t.TempDir()
		n := int64(0)
		slot := put(t, create(t, dir, "f.map"), "n", &n)
		w := start(t, dir, Config{MaxRate: 1000}, Address{})
		var streams []<-chan sent
		for range clients {
			events, _ := w.listen("item=f/n&rate=1000")
			streams = append(streams, events)
		}
		for _, events := range streams {
			await(t, events, "the first value", func(s sent) bool { return s.event == "draw" })
		}
		for n = 1; n <= changes; n++ {
			if err := slot.Update(); err != nil {
				t.Fatal(err)
			}
			for _, events := range streams { // all have seen it before the next
				await(t, events, fmt.Sprint("change ", n), func(s sent) bool { return s.Value == float64(n) })
			}
		}
		encodes[clients] = w.server.hub.counts.encodes.Load()
	}
	t.Logf("encodes of %d changes by number of clients: %v", changes, encodes)
	if encodes[1] != encodes[100] || encodes[1] != 1+changes {
		t.Errorf("encodes of %d changes by number of clients: %v", changes, encodes)
	}
}

// The same for those who ask again and again, and for JSROOT's clients.
func TestOneEncodeForManyRequests(t *testing.T) {
	dir := t.TempDir()
	h := hbook.NewH1D(10, 0, 10)
	put(t, create(t, dir, "f.map"), "h", h)
	w := start(t, dir, Config{}, Address{})
	for range 20 {
		for _, path := range []string{"/api/draw/f/h", "/f/h/root.json"} {
			if answer, text := w.get(path); answer.StatusCode != 200 {
				t.Fatal(answer.Status, text)
			}
		}
	}
	if got := w.server.hub.counts.encodes.Load(); got != 1 {
		t.Errorf("%d Drawings were encoded", got)
	}
	if n := len(w.server.rootObjects.entries); n != 1 {
		t.Errorf("%d objects are kept", n)
	}
}

// Nothing is done for what nobody watches.
func TestNoLookWithoutClients(t *testing.T) {
	dir := t.TempDir()
	put(t, create(t, dir, "f.map"), "n", number64(1))
	w := start(t, dir, Config{}, Address{})
	events, stop := w.listen("list=1&item=f/n")
	awaitAll(t, events, "list and draw", func(s sent) bool { return s.event == "list" }, func(s sent) bool { return s.event == "draw" })
	stop()
	hub := w.server.hub
	for range 100 {
		hub.mu.Lock()
		idle := len(hub.rooms) == 0 && len(hub.list.clients) == 0
		hub.mu.Unlock()
		if idle {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	last := hub.now.Load()
	time.Sleep(lookEvery + 500*time.Millisecond)
	if hub.now.Load() != last {
		t.Error("the files were looked at with no client there")
	}
}

// J06: clients that go away free everything.
func TestAbortedStreamsLeaveNothing(t *testing.T) {
	dir := t.TempDir()
	startProducer(t, filepath.Join(dir, "f.map"))
	w := start(t, dir, Config{MaxRate: 1000}, Address{})
	w.get("/healthz")
	before := runtime.NumGoroutine()
	for range 1000 {
		conn, err := net.Dial("tcp", w.host())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "GET /api/events?list=1&item=f/n&item=f/h&item=f/nosuch&rate=1000 HTTP/1.1\r\nHost: %s\r\n\r\n", w.host())
		conn.Read(make([]byte, 1000))
		conn.Close()
	}
	hub := w.server.hub
	var goroutines int
	for range 500 {
		goroutines = runtime.NumGoroutine()
		hub.mu.Lock()
		rooms, clients := len(hub.rooms), len(hub.list.clients)
		hub.mu.Unlock()
		if goroutines <= before && rooms == 0 && clients == 0 && hub.counts.streams.Load() == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	stacks := make([]byte, 1<<16)
	t.Errorf("%d goroutines, before %d; %d streams\n%s", goroutines, before, hub.counts.streams.Load(), stacks[:runtime.Stack(stacks, true)])
}

// A client that does not read slows nobody, and is sent the newest when it reads again.
func TestSlowClientDisturbsNobody(t *testing.T) {
	dir := t.TempDir()
	n, large := int64(0), hbook.NewH2D(100, 0, 100, 100, 0, 100) // of which each frame is 180 kB
	mf := create(t, dir, "f.map")
	number, picture := put(t, mf, "n", &n), put(t, mf, "large", large)
	w := start(t, dir, Config{MaxRate: 1000}, Address{})
	slow := slowClient(t, w, "item=f/large&item=f/n&rate=1000")
	events, _ := w.listen("item=f/n&rate=1000")
	longest, frames := time.Duration(0), int64(0)
	for frames < 60 { // 11 MB: more than the system keeps for a connection
		n++
		for i := range 10000 {
			large.Fill(float64(i%100), float64(i/100), 1/float64(i+3))
		}
		if err := picture.Update(); err != nil {
			t.Fatal(err)
		}
		if err := number.Update(); err != nil {
			t.Fatal(err)
		}
		from := time.Now()
		await(t, events, fmt.Sprint(n), func(s sent) bool { return s.Value == float64(n) })
		longest = max(longest, time.Since(from))
		frames = w.server.hub.counts.encodes.Load() - n
	}
	t.Logf("%d changes beside a client that does not read; the longest wait was %v", n, longest)

	slow.SetReadDeadline(time.Now().Add(30 * time.Second))
	lines := bufio.NewReaderSize(slow, 1<<20)
	got, newest := int64(0), fmt.Sprintf(`"value":%d,`, n)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("after %d frames: %v", got, err)
		}
		if strings.Contains(line, `"h2d"`) {
			got++
		}
		if strings.Contains(line, newest) {
			break
		}
	}
	t.Logf("it was sent %d of %d frames", got, frames)
	if got > frames/2 {
		t.Error("what it did not read was queued")
	}
}

// A client that does not read for too long is cut off.
func TestDeadClientIsCutOff(t *testing.T) {
	dir := t.TempDir()
	text, query := strings.Repeat("x", maxText), "rate=1000"
	mf := create(t, dir, "f.map")
	for i := range 20 {
		put(t, mf, fmt.Sprint(i), &text)
		query += fmt.Sprint("&item=f/", i)
	}
	w := start(t, dir, Config{MaxRate: 1000, Limits: Limits{Write: 500 * time.Millisecond}}, Address{})
	slowClient(t, w, query)
	for range 2000 {
		if w.server.hub.counts.streams.Load() == 0 {
			return
		}
		if err := mf.Update(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("it is never cut off")
}

// slowClient opens a stream and does not read it.
func slowClient(t *testing.T, w *web, query string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", w.host())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.(*net.TCPConn).SetReadBuffer(64 << 10)
	fmt.Fprintf(conn, "GET /api/events?%s HTTP/1.1\r\nHost: %s\r\n\r\n", query, w.host())
	for w.server.hub.counts.streams.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	return conn
}

// The rate of a client and that of the server are kept.
func TestRateIsKept(t *testing.T) {
	dir := t.TempDir()
	startProducer(t, filepath.Join(dir, "f.map"))
	w := start(t, dir, Config{MaxRate: 20}, Address{})
	for asked, most := range map[string]float64{"5": 5, "1000": 20} {
		events, stop := w.listen("item=f/n&rate=" + asked)
		await(t, events, "draw", func(s sent) bool { return s.event == "draw" })
		const n = 10
		begin := time.Now()
		for range n {
			await(t, events, "draw", func(s sent) bool { return s.event == "draw" })
		}
		took := time.Since(begin)
		stop()
		t.Logf("rate %s, at most 20: %d in %v", asked, n, took)
		if took.Seconds() < (n-2)/most {
			t.Errorf("rate %s, at most 20: %d in %v", asked, n, took)
		}
	}
}

// J06: the producer's death, its restart, a new file, removal and return: the stream says so and goes on.
func TestProducersComeAndGo(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f.map")
	kill := startProducer(t, path)
	w := start(t, dir, Config{}, Address{})
	events, _ := w.listen("list=1&item=f/n&item=f/h")
	drawn := func(item string, want func(sent) bool) func(sent) bool {
		return func(s sent) bool { return s.event == "draw" && s.Item == item && want(s) }
	}
	listed := func(name, state string) func(sent) bool {
		return func(s sent) bool {
			for _, row := range s.Slots {
				if row["item"] == name && row["state"] == state {
					return true
				}
			}
			return false
		}
	}
	first := await(t, events, "a live picture", drawn("f/h", func(s sent) bool { return s.Kind == "h1d" && s.State == "LIVE" && len(s.Content) == 10 }))
	await(t, events, "a newer one", drawn("f/h", func(s sent) bool { return s.Version > first.Version }))

	kill()
	dead := await(t, events, "death in the drawing", drawn("f/n", func(s sent) bool { return s.State == "DEAD" }))
	if dead.Kind != "value" || dead.Value == nil {
		t.Errorf("the last value is shown beside: %+v", dead)
	}

	startProducer(t, path) // goes on with the file
	await(t, events, "life in the list", listed("f/n", "LIVE"))
	last := await(t, events, "life in the drawing", drawn("f/n", func(s sent) bool { return s.State == "LIVE" && s.Version > dead.Version }))

	mf := create(t, dir, "f.map") // another file in its place, which counts anew
	put(t, mf, "n", number64(-7))
	awaitAll(t, events, "the new file",
		drawn("f/n", func(s sent) bool { return s.Value == -7.0 && s.Version < last.Version }),
		drawn("f/h", func(s sent) bool { return s.Kind == "none" }),
		listed("f/n", "LIVE"))

	if err := mf.Remove("n"); err != nil {
		t.Fatal(err)
	}
	await(t, events, "a removed slot", drawn("f/n", func(s sent) bool { return s.Kind == "none" && s.Message != "" }))
	put(t, mf, "n", number64(-8))
	await(t, events, "the slot again", drawn("f/n", func(s sent) bool { return s.Value == -8.0 }))

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	awaitAll(t, events, "a file that has gone",
		func(s sent) bool { return s.event == "list" && len(s.Files) == 0 },
		drawn("f/n", func(s sent) bool { return s.Kind == "none" }))
	put(t, create(t, dir, "f.map"), "n", number64(-9))
	awaitAll(t, events, "the file again",
		drawn("f/n", func(s sent) bool { return s.Value == -9.0 }),
		func(s sent) bool { return len(s.Slots) > 0 })
}

// A value of the same version in a new file is another value.
func TestSameVersionInANewFile(t *testing.T) {
	dir := t.TempDir()
	put(t, create(t, dir, "f.map"), "n", number64(1))
	w := start(t, dir, Config{}, Address{})
	events, _ := w.listen("item=f/n")
	await(t, events, "1", func(s sent) bool { return s.Value == 1.0 && s.Version == 1 })
	answer, _ := w.get("/api/value/f/n")
	put(t, create(t, dir, "f.map"), "n", number64(2))
	await(t, events, "2", func(s sent) bool { return s.Value == 2.0 && s.Version == 1 })
	if answer, text := w.get("/api/value/f/n", "If-None-Match: "+answer.Header.Get("Etag")); answer.StatusCode != 200 {
		t.Errorf("%s %s", answer.Status, text)
	}
}

// A payload that cannot be decoded, or is damaged, is told as such; the rest goes on.
func TestBadPayloadIsTold(t *testing.T) {
	dir := t.TempDir()
	mf := create(t, dir, "f.map")
	put(t, mf, "bad", &mapfile.Raw{Type: mapfile.TypeInfo{Name: "hbook.H1D", Codec: "protobuf", Schema: []byte("\xff\xff")}, Payload: []byte("\x01\x02nonsense")})
	put(t, mf, "odd", &mapfile.Raw{Type: mapfile.TypeInfo{Name: "my.Type", Codec: "mine"}, Payload: bytes.Repeat([]byte("ab"), 1000)})
	text := "a text that will be damaged"
	put(t, mf, "damaged", &text)
	n := int64(1)
	good := put(t, mf, "good", &n)
	path := filepath.Join(dir, "f.map")
	all, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("X"), int64(bytes.Index(all, []byte(text)))); err != nil {
		t.Fatal(err)
	}
	w := start(t, dir, Config{}, Address{})
	events, _ := w.listen("item=f/bad&item=f/odd&item=f/damaged&item=f/good")
	got := map[string]sent{}
	for len(got) < 4 {
		s := await(t, events, "draw", func(s sent) bool { return s.event == "draw" })
		got[s.Item] = s
	}
	for item, kind := range map[string]string{"f/bad": "error", "f/odd": "bytes", "f/damaged": "error", "f/good": "value"} {
		s := got[item]
		if s.Kind != kind || (kind != "value") != (s.Message != "") {
			t.Errorf("%s: %+v", item, s)
		}
		if strings.Contains(s.Message, dir) {
			t.Errorf("%s: tells the path: %s", item, s.Message)
		}
	}
	if len(got["f/odd"].Payload) != headBytes {
		t.Errorf("%d bytes of payload", len(got["f/odd"].Payload))
	}
	n = 2
	if err := good.Update(); err != nil {
		t.Fatal(err)
	}
	await(t, events, "2", func(s sent) bool { return s.Value == 2.0 })
	for path, status := range map[string]int{
		"/api/value/f/bad": 422, "/api/value/f/damaged": 422, "/api/value/f/odd": 200, "/f/bad/root.json": 422, "/f/odd/root.json": 200, "/api/draw/f/bad": 200,
		"/api/download/f/damaged?to=csv": 422, "/healthz": 200, "/metrics": 200, "/api/value/f/nosuch": 404, "/f/nosuch/root.json": 404, "/api/value/g/n": 404,
	} {
		if answer, text := w.get(path); answer.StatusCode != status {
			t.Errorf("%s: %s %s", path, answer.Status, text)
		}
	}
}

// A fault of this program that a payload finds ends neither the server nor the room for others.
func TestFaultIsContained(t *testing.T) {
	w := start(t, t.TempDir(), Config{}, Address{})
	for range 2 * decoders {
		if err := w.server.hub.limited(func() error { panic("found") }); err != errInternal {
			t.Error(err)
		}
	}
	if !strings.Contains(w.log.text(), "found") {
		t.Error("nothing in the log")
	}
}

// What the list says of changes: rows that changed and nothing else, and what has gone.
func TestRows(t *testing.T) {
	dir := t.TempDir()
	mf := create(t, dir, "f.map")
	n := int64(0)
	slot := put(t, mf, "n", &n)
	put(t, mf, "still", number64(1))
	put(t, mf, "goes", number64(1))
	put(t, create(t, dir, "other.map"), "n", number64(1))
	w := start(t, dir, Config{}, Address{})
	events, _ := w.listen("list=1")
	list := await(t, events, "list", func(s sent) bool { return s.event == "list" })
	if len(list.Files) != 2 || len(list.Slots) != 4 || list.Files[0]["label"] != "f" {
		t.Fatalf("%+v", list)
	}
	time.Sleep(lookEvery + 200*time.Millisecond)
	n++
	if err := slot.Update(); err != nil {
		t.Fatal(err)
	}
	rows := await(t, events, "rows", func(s sent) bool { return s.event == "rows" && len(s.Slots) > 0 })
	if len(rows.Slots) != 1 || rows.Slots[0]["item"] != "f/n" || rows.Slots[0]["version"] != 2.0 || len(rows.Files) != 1 {
		t.Errorf("%+v", rows)
	}
	if err := mf.Remove("goes"); err != nil {
		t.Fatal(err)
	}
	gone := await(t, events, "gone", func(s sent) bool { return len(s.Gone) > 0 })
	if fmt.Sprint(gone.Gone) != "[f/goes]" || gone.event != "rows" {
		t.Errorf("%+v", gone)
	}
	put(t, mf, "new", number64(1))
	await(t, events, "the whole list after a new slot", func(s sent) bool { return s.event == "list" && len(s.Slots) == 4 })
	if err := os.WriteFile(filepath.Join(dir, "bad.map"), []byte("no map file"), 0o600); err != nil {
		t.Fatal(err)
	}
	await(t, events, "a fault", func(s sent) bool { return len(s.Faults) == 1 && strings.Contains(s.Faults[0], "bad.map") })
	if log := w.log.text(); strings.Count(log, "bad.map") != 1 {
		t.Errorf("log: %s", log)
	}
	if answer, _ := w.get("/healthz"); answer.StatusCode != 200 {
		t.Error(answer.Status)
	}
}

// A client that joins others gets the ages of now, not of the last change.
func TestLateClientGetsTheAgeOfNow(t *testing.T) {
	dir := t.TempDir()
	put(t, create(t, dir, "f.map"), "n", number64(1))
	w := start(t, dir, Config{}, Address{})
	early, _ := w.listen("item=f/n&list=1")
	await(t, early, "draw", func(s sent) bool { return s.event == "draw" })
	time.Sleep(2500 * time.Millisecond)
	late, _ := w.listen("item=f/n&list=1")
	for range 2 {
		s := await(t, late, "draw or list", func(s sent) bool { return s.event == "draw" || s.event == "list" })
		age := s.Age
		if s.event == "list" {
			x, _ := s.Slots[0]["age_seconds"].(float64)
			age = &x
		}
		if age == nil || *age < 1.4 || *age > 30 {
			t.Errorf("%s: age %v", s.event, age)
		}
	}
	if got := w.server.hub.counts.encodes.Load(); got > 6 {
		t.Errorf("%d encodes", got)
	}
}

func TestStreamSaysThatItLives(t *testing.T) {
	w := start(t, t.TempDir(), Config{Limits: Limits{Alive: 50 * time.Millisecond, Write: time.Second}}, Address{})
	events, _ := w.listen("item=f/n")
	for range 3 {
		await(t, events, "alive", func(s sent) bool { return s.event == ": alive" })
	}
}

// The server ends its streams when it ends, at once.
func TestEndOfTheServerEndsStreams(t *testing.T) {
	dir := t.TempDir()
	startProducer(t, filepath.Join(dir, "f.map"))
	w := start(t, dir, Config{}, Address{})
	events, _ := w.listen("list=1&item=f/n")
	await(t, events, "draw", func(s sent) bool { return s.event == "draw" })
	begin := time.Now()
	w.server.Close()
	awaitEnd(t, events)
	if d := time.Since(begin); d > 5*time.Second {
		t.Errorf("took %v", d)
	}
}

// BenchmarkFanOut is the cost of a change with so many clients: the encodes stay the same.
func BenchmarkFanOut(b *testing.B) {
	for _, clients := range []int{1, 10, 100} {
		b.Run(fmt.Sprint(clients), func(b *testing.B) {
			dir := b.TempDir()
			h := hbook.NewH1D(100, 0, 100)
			slot := put(b, create(b, dir, "f.map"), "h", h)
			w := start(b, dir, Config{MaxRate: 1000}, Address{})
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			arrived := make(chan string, clients)
			for range clients {
				r, err := http.NewRequestWithContext(ctx, "GET", w.url+"/api/events?item=f/h&rate=1000", nil)
				if err != nil {
					b.Fatal(err)
				}
				answer, err := w.client.Do(r)
				if err != nil {
					b.Fatal(err)
				}
				go func() {
					defer answer.Body.Close()
					lines := bufio.NewReaderSize(answer.Body, 1<<16)
					for {
						line, err := lines.ReadString('\n')
						if err != nil {
							return
						}
						if _, rest, ok := strings.Cut(line, `"version":`); ok {
							version, _, _ := strings.Cut(rest, ",")
							arrived <- version
						}
					}
				}()
			}
			for range clients {
				<-arrived
			}
			before := w.server.hub.counts.encodes.Load()
			nanos := w.server.hub.counts.nanos.Load()
			for b.Loop() {
				h.Fill(50, 1)
				if err := slot.Update(); err != nil {
					b.Fatal(err)
				}
				want := fmt.Sprint(slot.Version())
				for n := 0; n < clients; {
					if <-arrived == want {
						n++
					}
				}
			}
			b.ReportMetric(float64(w.server.hub.counts.encodes.Load()-before)/float64(b.N), "encodes/op")
			b.ReportMetric(float64(w.server.hub.counts.nanos.Load()-nanos)/float64(b.N), "encode-ns/op")
		})
	}
}
