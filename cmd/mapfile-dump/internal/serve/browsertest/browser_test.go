// Package browsertest tests the page of mapfile-dump serve, and what JSROOT gets from it, in a real
// browser: headless Chromium, looking at real producers through a real server. It is a module of its own,
// so that nobody who uses the library gets its dependencies.
//
//	go test ./...                       skips loudly where there is no Chromium
//	MAPFILE_CHROME=PATH go test ./...   takes this one
//	MAPFILE_JSROOT=DIR go test ./...    JSROOT: the npm package jsroot, unpacked; else node_modules/jsroot
//	go test -v -run FirstHistogram      prints how long it takes from navigation to the first histogram
//	go test -run Screenshots -shots DIR
package browsertest

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

var shots = flag.String("shots", "", "write screenshots into `DIR`")

// The test binary is the producer, too: under the name producer in the first argument.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "producer" {
		os.Exit(produce(os.Args[2:]))
	}
	flag.Parse()
	code := m.Run()
	if browser.stop != nil {
		browser.stop()
	}
	if tool.dir != "" {
		os.RemoveAll(tool.dir)
	}
	os.Exit(code)
}

// browser is the one that all tests share, each in a tab of its own.
var browser struct {
	sync.Once
	ctx  context.Context
	stop func()
	err  error
}

var errNoBrowser = errors.New("no Chromium here: set MAPFILE_CHROME or install chromium")

func startBrowser() {
	path := os.Getenv("MAPFILE_CHROME")
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "headless-shell"} {
		if path == "" {
			path, _ = exec.LookPath(name)
		}
	}
	if path == "" {
		browser.err = errNoBrowser
		return
	}
	dir, err := os.MkdirTemp("", "browsertest")
	if err != nil {
		browser.err = err
		return
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(dir), chromedp.WindowSize(1280, 800),
		chromedp.DisableGPU, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses to run as root with it
	}
	alloc, stopAlloc := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stopBrowser := chromedp.NewContext(alloc)
	browser.stop = func() {
		chromedp.Cancel(ctx)
		stopBrowser()
		stopAlloc()
		os.RemoveAll(dir)
	}
	browser.ctx, browser.err = ctx, chromedp.Do(ctx)
}

// A tab is a page in the browser. It fails its test if the page writes an error or a warning to the
// console: a script that failed, or the content security policy that had something to refuse.
type tab struct {
	t       *testing.T
	ctx     context.Context
	mu      sync.Mutex
	console []string
	allowed []string // parts of messages that are no failure
}

func newTab(t *testing.T) *tab {
	t.Helper()
	browser.Do(startBrowser)
	if errors.Is(browser.err, errNoBrowser) {
		t.Skip("SKIPPED, NOT TESTED: ", browser.err)
	}
	if browser.err != nil {
		t.Fatal(browser.err)
	}
	ctx, cancel := chromedp.NewContext(browser.ctx, chromedp.WithNewBrowserContext())
	ctx, timeout := context.WithTimeout(ctx, 2*time.Minute)
	p := &tab{t: t, ctx: ctx}
	p.do(chromedp.EmulateViewport(1280, 800))
	messages := chromedp.Console(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for message, err := range messages {
			if err != nil {
				return
			}
			p.mu.Lock()
			p.console = append(p.console, fmt.Sprintf("%s: %s (%s)", message.Type, message.Text, message.URL))
			p.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		time.Sleep(50 * time.Millisecond) // the last messages are still on their way
		if t.Failed() {
			body, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.innerText`))
			t.Logf("the page shows:\n%s", body)
		}
		timeout()
		cancel()
		<-ended
		for _, message := range p.console {
			if !p.isAllowed(message) {
				t.Errorf("console: %s", message)
			}
		}
	})
	return p
}

func (p *tab) isAllowed(message string) bool {
	for _, part := range p.allowed {
		if strings.Contains(message, part) {
			return true
		}
	}
	return false
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, steps...); err != nil {
		p.t.Fatal(err)
	}
}

// open goes to a page of the server and waits for the list.
func (p *tab) open(url string) {
	p.t.Helper()
	p.do(chromedp.Navigate(url))
	if url != "about:blank" {
		p.wait("the list", `document.querySelector('#summary')?.textContent`)
	}
}

// eval is the value of a JavaScript expression.
func eval[T any](p *tab, js string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](js))
	if err != nil {
		p.t.Fatalf("%s: %v", js, err)
	}
	return v
}

// wait waits until an expression is true.
func (p *tab) wait(what, js string) {
	p.t.Helper()
	p.within(15*time.Second, what, js)
}

func (p *tab) within(limit time.Duration, what, js string) {
	p.t.Helper()
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if eval[bool](p, `Boolean(`+js+`)`) {
			return
		}
		if time.Since(start) > limit {
			p.t.Fatalf("waited %v for %s: %s", limit, what, js)
		}
	}
}

// never fails if an expression becomes true within a moment.
func (p *tab) never(what, js string) {
	p.t.Helper()
	for range 15 {
		if eval[bool](p, `Boolean(`+js+`)`) {
			p.t.Fatalf("%s: %s", what, js)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (p *tab) click(css string) {
	p.t.Helper()
	p.do(chromedp.Click(chromedp.CSS(css)))
}

func (p *tab) shot(name string) {
	p.t.Helper()
	if *shots == "" {
		return
	}
	png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(*shots, name), png, 0o644)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// tool is mapfile-dump, built once.
var tool struct {
	sync.Once
	dir, path string
	err       error
}

func toolPath(t *testing.T) string {
	t.Helper()
	tool.Do(func() {
		if tool.dir, tool.err = os.MkdirTemp("", "browsertest"); tool.err != nil {
			return
		}
		tool.path = filepath.Join(tool.dir, "mapfile-dump")
		if runtime.GOOS == "windows" {
			tool.path += ".exe"
		}
		build := exec.Command("go", "build", "-o", tool.path, "./cmd/mapfile-dump")
		build.Dir = filepath.Join("..", "..", "..", "..", "..")
		if out, err := build.CombinedOutput(); err != nil {
			tool.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if tool.err != nil {
		t.Fatal(tool.err)
	}
	return tool.path
}

// A process runs until the test ends or it is killed.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	out *bufio.Reader
}

func start(t *testing.T, path string, args ...string) *process {
	t.Helper()
	cmd := exec.Command(path, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{t, cmd, bufio.NewReader(out)}
	t.Cleanup(p.kill)
	return p
}

// line is the next line on stdout.
func (p *process) line() string {
	p.t.Helper()
	text, err := p.out.ReadString('\n')
	if err != nil {
		p.t.Fatalf("%s: %v", p.cmd, err)
	}
	return strings.TrimSpace(text)
}

func (p *process) kill() {
	if p.cmd.ProcessState == nil {
		p.cmd.Process.Kill()
		io.Copy(io.Discard, p.out)
		p.cmd.Wait()
	}
}

// startProducer starts a producer that plays a scenario in a file, and waits for its first commit.
func startProducer(t *testing.T, scenario, path string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, self, "producer", scenario, path)
	p.line()
	return p
}

// serve starts mapfile-dump serve and returns its URL.
func serve(t *testing.T, args ...string) (*process, string) {
	t.Helper()
	p := start(t, toolPath(t), append([]string{"serve"}, args...)...)
	return p, p.line()
}
