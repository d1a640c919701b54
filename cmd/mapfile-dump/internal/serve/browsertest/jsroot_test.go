package browsertest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// jsrootPage opens our h.json as JSROOT's own pages do.
const jsrootPage = `<!doctype html><meta charset="utf-8"><title>JSROOT</title>
<link rel="icon" href="data:,">
<div id="tree"></div><div id="drawing" style="width: 800px; height: 600px"></div>
<script type="module">
import { HierarchyPainter } from './jsroot/modules/gui/HierarchyPainter.mjs';
try {
	const h = new HierarchyPainter('online', 'tree');
	await h.openOnline('');
	h.setDisplay('simple', 'drawing');
	window.show = async item => {
		window.shown = undefined;
		const painter = await h.display(item);
		const object = painter?.getObject();
		window.shown = { type: object?._typename, entries: object?.fEntries, title: object?.fTitle, x: object?.fXaxis?.fTitle };
	};
	window.names = []; h.forEachItem(item => names.push(h.itemFullName(item)));
	window.ready = true;
} catch (err) { window.failed = String(err?.stack ?? err); }
</script>`

// JSROOT, as it comes from npm, draws our files.
func TestJSROOTDrawsOurFiles(t *testing.T) {
	dir := os.Getenv("MAPFILE_JSROOT")
	if dir == "" {
		dir = filepath.Join("node_modules", "jsroot")
	}
	if _, err := os.Stat(filepath.Join(dir, "modules", "main.mjs")); err != nil {
		t.Skip("SKIPPED, NOT TESTED: no JSROOT here: npm install --ignore-scripts jsroot, or set MAPFILE_JSROOT to the package")
	}
	_, target := beam(t)
	address, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(address) }}
	mux := http.NewServeMux()
	mux.Handle("/jsroot/", http.StripPrefix("/jsroot/", http.FileServer(http.Dir(dir))))
	mux.HandleFunc("/jsroot.html", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, jsrootPage)
	})
	mux.Handle("/", proxy)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)

	p := newTab(t)
	p.allowed = []string{"log: ", "warning: "} // those of JSROOT are its own
	p.do(chromedp.Navigate(server.URL + "/jsroot.html"))
	p.wait("the hierarchy", `window.ready || window.failed`)
	if failed := eval[string](p, `window.failed ?? ''`); failed != "" {
		t.Fatal(failed)
	}
	t.Logf("items: %v", eval[[]string](p, `names`))
	for item, want := range map[string]string{"run1/hpx": "TH1D", "run1/hpxpy": "TH2D", "run1/hprof": "TProfile"} {
		full := eval[string](p, fmt.Sprintf(`names.find(name => name.endsWith(%q)) ?? ''`, item))
		if full == "" {
			t.Errorf("JSROOT does not list %s", item)
			continue
		}
		p.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`void show(%q)`, full)))
		p.wait("drawing of "+item, `window.shown`)
		if got := eval[string](p, `shown.type ?? 'nothing'`); got != want {
			t.Errorf("%s: JSROOT draws %s, want %s", item, got, want)
		}
		if n := eval[float64](p, `shown.entries ?? 0`); n < 4000 {
			t.Errorf("%s: %g entries", item, n)
		}
		if got := eval[string](p, `shown.x ?? ''`); got != "p_{x} [GeV]" {
			t.Errorf("%s: x axis %q", item, got)
		}
		p.wait("its SVG", `document.querySelectorAll('#drawing svg path').length > 5`)
	}
	p.shot("page-jsroot.png")
}
