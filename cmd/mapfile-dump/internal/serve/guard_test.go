package serve

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// J02: whatever changes something is refused, and so are the names by which THttpServer executes methods.
func TestOnlyReading(t *testing.T) {
	dir := t.TempDir()
	put(t, create(t, dir, "f.map"), "n", number64(1))
	w := start(t, dir, Config{}, Address{})
	for _, path := range []string{"/", "/app.js", "/api/files", "/api/value/f/n", "/api/events?list=1", "/f/n/root.json", "/metrics", "/healthz", "/h.json", "/multi.json"} {
		for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "get"} {
			if path == "/multi.json" && method == "POST" {
				continue
			}
			answer, text := w.do(method, path, nil)
			if answer.StatusCode != 405 || !strings.HasPrefix(answer.Header.Get("Allow"), "GET, HEAD") {
				t.Errorf("%s %s: %s, Allow %q: %s", method, path, answer.Status, answer.Header.Get("Allow"), text)
			}
			if asJSON := answer.Header.Get("Content-Type") == typeJSON; asJSON != strings.HasPrefix(path, "/api/") {
				t.Errorf("%s %s: %s", method, path, text)
			}
		}
	}
	for _, path := range []string{"/f/n/exe.json?method=Delete", "/f/n/cmd.json", "/f/n/exe.bin"} {
		if answer, text := w.get(path); answer.StatusCode != 403 {
			t.Errorf("%s: %s %s", path, answer.Status, text)
		}
	}
}

// A page of another site whose name leads here is not answered.
func TestHostAgainstRebinding(t *testing.T) {
	dir := t.TempDir()
	w := start(t, dir, Config{}, Address{})
	_, port, err := net.SplitHostPort(w.host())
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]bool{
		"127.0.0.1:" + port: true, "localhost:" + port: true, "LocalHost:" + port: true, "[::1]:" + port: true,
		"evil.example:" + port: false, "127.0.0.1.evil.example:" + port: false, "localhost": false, "localhost:1": false, "evil.example": false,
		"localhost.:" + port: false, "192.168.0.1:" + port: false, "": false, "localhost:" + port + ":" + port: false,
	} {
		want := map[bool]string{true: "200 OK", false: "421 Misdirected Request"}[want]
		for _, path := range []string{"/", "/api/files"} {
			if got := w.raw("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n"); got != want {
				t.Errorf("Host %q: %s got %q, want %q", host, path, got, want)
			}
		}
	}
	if got := w.raw("GET http://evil.example/api/files HTTP/1.1\r\nHost: " + w.host() + "\r\nConnection: close\r\n\r\n"); got != "421 Misdirected Request" {
		t.Errorf("another name in the request line: %q", got)
	}
	if got := w.raw("GET /api/files HTTP/1.0\r\n\r\n"); got != "421 Misdirected Request" {
		t.Errorf("no Host: %q", got)
	}
}

// Beyond loopback, with nothing but --insecure, addresses are answered and names of others are not.
func TestHostBeyondLoopback(t *testing.T) {
	l, err := Listen(Address{Listen: "0.0.0.0:0", Insecure: true})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for host, want := range map[string]bool{
		"10.1.2.3:" + l.port: true, "[fe80::1]:" + l.port: true, "localhost:" + l.port: true, "evil.example:" + l.port: false, "10.1.2.3:1": false, "10.1.2.3": false,
	} {
		if got := l.knows(host); got != want {
			t.Errorf("Host %q: %t", host, got)
		}
	}
	if !l.knows(strings.TrimSuffix(strings.TrimPrefix(l.URL(), "http://"), "/")) {
		t.Errorf("the address that it prints, %s, is not answered", l.URL())
	}
	for _, a := range []Address{{Listen: ":0"}, {Listen: "0.0.0.0:0"}, {Listen: "[::]:0"}} {
		if l, err := Listen(a); err != ErrRefused {
			t.Errorf("%s: %v", a.Listen, err)
			if err == nil {
				l.Close()
			}
		}
	}
}

// Other sites get no data, whatever the browser; the page itself can be linked to.
func TestCrossSite(t *testing.T) {
	dir := t.TempDir()
	put(t, create(t, dir, "f.map"), "n", number64(1))
	w := start(t, dir, Config{}, Address{})
	for _, c := range []struct {
		headers []string
		want    int
	}{
		{nil, 200},
		{[]string{"Sec-Fetch-Site: same-origin"}, 200},
		{[]string{"Sec-Fetch-Site: none"}, 200},
		{[]string{"Sec-Fetch-Site: cross-site"}, 403},
		{[]string{"Sec-Fetch-Site: same-site"}, 403},
		{[]string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"}, 403},
		{[]string{"Sec-Fetch-Site: something new"}, 403},
		{[]string{"Origin: http://" + w.host()}, 200},
		{[]string{"Origin: http://evil.example"}, 403},
		{[]string{"Origin: null"}, 403},
		{[]string{"Origin: https://" + w.host()}, 403},
	} {
		for _, path := range []string{"/api/files", "/api/value/f/n", "/api/download/f/n?to=csv", "/f/n/root.json", "/h.json", "/metrics", "/healthz", "/multi.json"} {
			if answer, text := w.get(path, c.headers...); answer.StatusCode != c.want {
				t.Errorf("%s %q: %s %s", path, c.headers, answer.Status, text)
			}
		}
		if answer, _ := w.get("/", c.headers...); answer.StatusCode != 200 {
			t.Errorf("/ %q: %s", c.headers, answer.Status)
		}
	}
	if answer, _ := w.do("POST", "/multi.json", strings.NewReader("f/n"), "Origin: http://evil.example", "Sec-Fetch-Site: cross-site"); answer.StatusCode != 403 {
		t.Errorf("POST of another site: %s", answer.Status)
	}
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	dir := t.TempDir()
	put(t, create(t, dir, "f.map"), "n", number64(1))
	w := start(t, dir, Config{}, Address{})
	for _, path := range []string{"/", "/app.js", "/style.css", "/favicon.svg", "/api/files", "/api/nosuch", "/nosuch", "/f/n/root.json", "/metrics", "/api/events"} {
		answer, _ := w.do("HEAD", path, nil)
		for name, want := range map[string]string{
			"Content-Security-Policy": contentPolicy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Resource-Policy": "same-origin", "Access-Control-Allow-Origin": "",
		} {
			if got := answer.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		if answer.Header.Get("Cache-Control") == "" {
			t.Errorf("%s: no Cache-Control", path)
		}
	}
}

// J04: no path leaves the tree, and none is redirected.
func TestNoPathLeadsOut(t *testing.T) {
	dir := t.TempDir()
	put(t, create(t, dir, "f.map"), "n", number64(1))
	w := start(t, dir, Config{}, Address{})
	for _, path := range []string{
		"/../../../../etc/passwd", "/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2f..%2fetc%2fpasswd", "/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
		"//etc/passwd", "/page/index.html", "/page/app.js", "/index.html", "/./app.js", "/x/../app.js", "/serve.go", "/.git/config",
		"/api/value/../../../../etc/passwd", "/api/value/%2e%2e/%2e%2e/etc/passwd", "/api/value/..%2f..%2fetc%2fpasswd/root.json",
		"/api/value//etc/passwd", "/api/value/%2fetc%2fpasswd", "/api/value/f/../f/n", "/api/value/f/%2e%2e/f/n", "/api/value/f/./n", "/api/value/f//n", "/api/value/f/n/",
		"/api/draw/f/../n", "/api/download/f/..%2fn?to=json", "/api/download/..%2f..%2fetc/passwd?to=root", "/api//files", "/api/files/", "/api/", "/api",
		"/f/../f/n/root.json", "/..%2ff/n/root.json", "/f/n/../root.json", "/f/%00/root.json", "/f/n%00/root.json", "/api/value/f/n%00",
		"/f\\n/root.json", "/api/value/f.map/n", "/api/value" + dir + "/f.map/n", "/\xff\xfe", "/f/\xff/root.json",
	} {
		got := w.raw("GET " + path + " HTTP/1.1\r\nHost: " + w.host() + "\r\nConnection: close\r\n\r\n")
		if !strings.HasPrefix(got, "404") && !strings.HasPrefix(got, "400") {
			t.Errorf("%q: %q", path, got)
		}
	}
	// The same way, but an item that there is.
	if got := w.raw("GET /api/value/%66/%6e HTTP/1.1\r\nHost: " + w.host() + "\r\nConnection: close\r\n\r\n"); got != "200 OK" {
		t.Errorf("f/n: %q", got)
	}
}

func TestSizesAndTimesAreLimited(t *testing.T) {
	dir := t.TempDir()
	put(t, create(t, dir, "f.map"), "n", number64(1))
	w := start(t, dir, Config{Limits: Limits{Header: 8 << 10, Body: 1 << 10, Read: time.Second, Idle: time.Second, Items: 2}}, Address{})
	end := " HTTP/1.1\r\nHost: " + w.host() + "\r\nConnection: close\r\n\r\n"
	if got := w.raw("GET /" + strings.Repeat("x", 64<<10) + end); !strings.HasPrefix(got, "431") {
		t.Errorf("long path: %q", got)
	}
	if got := w.raw("GET / HTTP/1.1\r\nHost: " + w.host() + "\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n"); !strings.HasPrefix(got, "431") {
		t.Errorf("long header: %q", got)
	}
	if answer, _ := w.do("POST", "/multi.json", strings.NewReader(strings.Repeat("f/n\n", 1000))); answer.StatusCode != 413 {
		t.Errorf("long body: %s", answer.Status)
	}
	for query, want := range map[string]int{
		"item=f/n&item=f/m&item=f/l": 400, "item=f": 400, "item=f/%2e%2e": 400, "item=": 400, "rate=x&item=f/n": 400, "rate=0&list=1": 400, "rate=-1&list=1": 400,
		"rate=NaN&list=1": 400, "a=%zz": 400, "a=1;b=2": 400,
	} {
		if answer, text := w.get("/api/events?" + query); answer.StatusCode != want || !strings.HasPrefix(text, `{"error":`) {
			t.Errorf("%s: %s %s", query, answer.Status, text)
		}
	}
	if answer, _ := w.get("/multi.json?number=1000000000"); answer.StatusCode != 400 {
		t.Errorf("number: %s", answer.Status)
	}
	// Who sends slowly, or nothing, is cut off; who only listens to a stream is not.
	events, _ := w.listen("item=f/n")
	for _, begin := range []string{"", "GET / HT", "GET / HTTP/1.1\r\nHost: x\r\n", "POST /multi.json HTTP/1.1\r\nHost: " + w.host() + "\r\nContent-Length: 10\r\n\r\nf"} {
		conn, err := net.Dial("tcp", w.host())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		io.WriteString(conn, begin)
		conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.Copy(io.Discard, conn); err != nil {
			t.Errorf("%q is never cut off: %v", begin, err)
		}
	}
	time.Sleep(1500 * time.Millisecond)
	mf := create(t, dir, "f.map")
	put(t, mf, "n", number64(77))
	await(t, events, "77 in a stream that is older than the limit for reading", func(s sent) bool { return s.Value == 77.0 })
}

func TestNumberOfStreamsIsLimited(t *testing.T) {
	dir := t.TempDir()
	put(t, create(t, dir, "f.map"), "n", number64(1))
	w := start(t, dir, Config{Limits: Limits{Streams: 2}}, Address{})
	_, stop := w.listen("list=1")
	w.listen("item=f/n")
	if answer, text := w.get("/api/events?list=1"); answer.StatusCode != 503 || answer.Header.Get("Retry-After") == "" {
		t.Errorf("%s %s", answer.Status, text)
	}
	if answer, _ := w.get("/api/files"); answer.StatusCode != 200 {
		t.Error("the rest goes on:", answer.Status)
	}
	stop()
	for range 100 {
		if w.server.hub.counts.streams.Load() == 1 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	w.listen("list=1")
}

func TestNumberOfConnectionsIsLimited(t *testing.T) {
	w := start(t, t.TempDir(), Config{Limits: Limits{Connections: 3}}, Address{})
	var idle []net.Conn
	for range 3 {
		conn, err := net.Dial("tcp", w.host())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "GET /healthz HTTP/1.1\r\nHost: %s\r\n\r\n", w.host())
		if n, err := conn.Read(make([]byte, 4096)); n == 0 {
			t.Fatal(err)
		}
		idle = append(idle, conn)
	}
	answered := make(chan error, 1)
	go func() {
		answer, err := http.Get(w.url + "/healthz")
		if err == nil {
			answer.Body.Close()
		}
		answered <- err
	}()
	select {
	case <-answered:
		t.Error("a fourth connection was answered at once")
	case <-time.After(300 * time.Millisecond):
	}
	idle[0].Close()
	select {
	case err := <-answered:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it is never answered")
	}
	http.DefaultClient.CloseIdleConnections()
}
