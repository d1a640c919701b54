package browsertest

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestScreenshots draws what people see first, light, dark and on a phone, for somebody to look at.
func TestScreenshots(t *testing.T) {
	if *shots == "" {
		t.Skip("give -shots DIR")
	}
	dir := t.TempDir()
	startProducer(t, "run", filepath.Join(dir, "beam.map"))
	startProducer(t, "odd", filepath.Join(dir, "odd.map"))
	startProducer(t, "many", filepath.Join(dir, "hits.map"))
	dead := startProducer(t, "run", filepath.Join(dir, "night.map"))
	dead.kill()
	_, url := serve(t, dir)
	p := newTab(t)
	view := "#beam/run1/hpx;beam/run1/hpxpy;beam/run1/mass,errors;beam/run1/hprof"
	p.open(url + view)
	p.wait("four drawings", `document.querySelectorAll('.picture').length === 4`)
	time.Sleep(time.Second)
	p.shot("page-light.png")
	p.do(chromedp.Evaluate[chromedp.Void](`document.querySelector('#theme').click()`))
	time.Sleep(300 * time.Millisecond)
	p.shot("page-dark.png")
	p.do(chromedp.Evaluate[chromedp.Void](`document.querySelector('#theme').click()`))
	p.open(url + "#beam/config;beam/packet;odd/edges,logx,logy;odd/large2d;night/run1/hpx;odd/dense")
	time.Sleep(time.Second)
	p.shot("page-other.png")
	p.do(chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile, chromedp.EmulateTouch))
	p.open(url + view)
	p.wait("four drawings", `document.querySelectorAll('.picture').length === 4`)
	time.Sleep(500 * time.Millisecond)
	p.shot("page-phone.png")
	p.click("#menu")
	time.Sleep(500 * time.Millisecond)
	p.shot("page-phone-list.png")
}
