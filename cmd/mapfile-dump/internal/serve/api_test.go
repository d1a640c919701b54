package serve

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go-hep.org/x/hep/hbook"

	"github.com/gomapfile/mapfile/mapfile"
)

// hists are a file with one histogram of each kind, and values.
func hists(t testing.TB, dir string) *mapfile.MapFile {
	mf := create(t, dir, "hits.map")
	h1, h2, p1 := hbook.NewH1D(4, 0, 4), hbook.NewH2D(3, 0, 3, 2, 0, 2), hbook.NewP1D(3, 0, 3)
	for _, x := range []float64{0.5, 0.5, 1.5, 7} {
		h1.Fill(x, 1)
		h2.Fill(x, 1.5, 2)
		p1.Fill(x, 10*x, 1)
	}
	h1.Ann["title"] = "its own title"
	put(t, mf, "crate/h1", h1, mapfile.WithTitle("of the slot;energy [MeV];hits"))
	put(t, mf, "crate/h2", h2, mapfile.WithTitle("map;column;row"))
	put(t, mf, "p1", p1)
	big := uint64(1<<53 + 1)
	put(t, mf, "big", &big)
	if _, err := mf.Add("never", number64(0)); err != nil {
		t.Fatal(err)
	}
	return mf
}

func TestDrawings(t *testing.T) {
	dir := t.TempDir()
	mf := hists(t, dir)
	odd := []float64{math.NaN(), math.Inf(1), 1}
	put(t, mf, "odd", &odd)
	long := make([]float64, 100000)
	put(t, mf, "long", &long)
	text := strings.Repeat("ä", 10000)
	put(t, mf, "text", &text)
	w := start(t, dir, Config{}, Address{})
	draw := func(item string) (p picture) {
		w.json("/api/draw/"+item, &p)
		if p.Item != item {
			t.Errorf("%s: item %s", item, p.Item)
		}
		return p
	}
	values := func(list []*float64) string {
		var texts []string
		for _, x := range list {
			if x == nil {
				texts = append(texts, "null")
				continue
			}
			texts = append(texts, fmt.Sprint(*x))
		}
		return strings.Join(texts, " ")
	}

	h1 := draw("hits/crate/h1")
	if h1.Kind != "h1d" || h1.Title != "its own title" || values(h1.Content) != "2 1 0 0" || h1.Errors != nil || h1.State != "LIVE" || h1.Version != 1 || h1.Age == nil {
		t.Errorf("%+v", h1)
	}
	if h1.X["title"] != "energy [MeV]" || h1.Y["title"] != "hits" || h1.X["bins"] != 4.0 || h1.X["min"] != 0.0 || h1.X["max"] != 4.0 || len(h1.Y) != 1 {
		t.Errorf("axes %v %v", h1.X, h1.Y)
	}
	if got := fmt.Sprint(h1.Stats); got != "[[entries 4] [mean 2.375] [rms 2.70127] [under 0] [over 1]]" {
		t.Error(got)
	}
	h2 := draw("hits/crate/h2") // x runs fastest
	if h2.Kind != "h2d" || values(h2.Content) != "0 0 0 4 2 0" || h2.Title != "map" || h2.X["title"] != "column" || h2.Y["title"] != "row" || h2.Y["bins"] != 2.0 {
		t.Errorf("%+v", h2)
	}
	if values(h2.Errors) == "" { // weights: not the roots of the contents
		t.Error("no errors of a weighted histogram")
	}
	p1 := draw("hits/p1")
	if p1.Kind != "p1d" || values(p1.Content) != "5 15 null" || values(p1.Errors) != "0 0 null" {
		t.Errorf("%+v", p1)
	}
	if big := draw("hits/big"); big.Kind != "value" || big.Value != "9007199254740993" {
		t.Errorf("%+v", big)
	}
	if odd := draw("hits/odd"); fmt.Sprint(odd.Value) != "[NaN Infinity 1]" {
		t.Errorf("%+v", odd)
	}
	if long := draw("hits/long"); !long.Cut || len(long.Value.([]any)) >= maxNodes {
		t.Errorf("%d elements, cut %t", len(long.Value.([]any)), long.Cut)
	}
	if text := draw("hits/text"); !text.Cut || len(text.Value.(string)) > maxText+3 {
		t.Errorf("%d bytes, cut %t", len(text.Value.(string)), text.Cut)
	}
	for _, item := range []string{"hits/never", "hits/nosuch", "nofile/n"} {
		if p := draw(item); p.Kind != "none" || p.Message == "" || p.Age != nil {
			t.Errorf("%s: %+v", item, p)
		}
	}
}

// The records are those of ls and get.
func TestRecords(t *testing.T) {
	dir := t.TempDir()
	hists(t, dir)
	put(t, create(t, dir, "other.map"), "n", number64(1))
	w := start(t, dir, Config{}, Address{})
	type list struct {
		Schema int
		Kind   string
		Items  []map[string]any
	}
	var files, slots, all, matched, none list
	w.json("/api/files", &files)
	if files.Schema != 1 || files.Kind != "list" || len(files.Items) != 2 || files.Items[0]["label"] != "hits" || files.Items[0]["kind"] != "file" || files.Items[0]["slots"] != 5.0 {
		t.Errorf("%+v", files)
	}
	w.json("/api/slots?file=hits", &slots)
	if len(slots.Items) != 5 || slots.Items[1]["item"] != "hits/crate/h1" || slots.Items[1]["name"] != "crate/h1" || slots.Items[1]["schema"] != 1.0 || slots.Items[1]["type"] != "hbook.H1D" {
		t.Errorf("%+v", slots)
	}
	w.json("/api/slots", &all)
	w.json("/api/slots?file=hits&match=crate/*&match=p1", &matched)
	w.json("/api/slots?file=hits&match=nosuch", &none)
	if len(all.Items) != 6 || len(matched.Items) != 3 || none.Items == nil || len(none.Items) != 0 {
		t.Errorf("%d %d %v", len(all.Items), len(matched.Items), none.Items)
	}
	for path, want := range map[string]int{"/api/slots?file=nosuch": 404, "/api/slots?file=hits&match=[": 400, "/api/nosuch": 404, "/api/value/hits/never": 404} {
		if answer, text := w.get(path); answer.StatusCode != want || !strings.HasPrefix(text, `{"error":`) {
			t.Errorf("%s: %s %s", path, answer.Status, text)
		}
	}
	var value map[string]any
	w.json("/api/value/hits/big", &value)
	if value["value"] != "9007199254740993" || value["kind"] != "slot" || value["file"] != filepath.Join(dir, "hits.map") {
		t.Errorf("%v", value)
	}
}

// J05
func TestTagsCompressionHead(t *testing.T) {
	dir := t.TempDir()
	mf := hists(t, dir)
	w := start(t, dir, Config{}, Address{})
	for _, path := range []string{"/", "/app.js", "/api/draw/hits/crate/h1", "/api/value/hits/crate/h1", "/hits/crate/h1/root.json"} {
		answer, text := w.get(path)
		etag := answer.Header.Get("Etag")
		if etag == "" {
			t.Fatalf("%s: no ETag", path)
		}
		for tags, want := range map[string]int{etag: 304, `"x", ` + etag: 304, strings.TrimPrefix(etag, "W/"): 304, `"x"`: 200, "*": 304} {
			again, body := w.get(path, "If-None-Match: "+tags)
			if again.StatusCode != want || want == 304 && (body != "" || again.Header.Get("Etag") != etag) {
				t.Errorf("%s, If-None-Match %s: %s", path, tags, again.Status)
			}
		}
		head, body := w.do("HEAD", path, nil)
		if head.StatusCode != 200 || body != "" || path == "/" && head.ContentLength != int64(len(text)) {
			t.Errorf("HEAD %s: %s, %d bytes of %d", path, head.Status, head.ContentLength, len(text))
		}
	}
	answer, text := w.get("/hits/crate/h1/root.json", "Accept-Encoding: br, gzip;q=0.8")
	if answer.Header.Get("Content-Encoding") != "gzip" || !strings.Contains(unzip(t, text), `"TH1D"`) {
		t.Errorf("not compressed: %v", answer.Header)
	}
	if answer, _ := w.get("/hits/crate/h1/root.json", "Accept-Encoding: gzip;q=0"); answer.Header.Get("Content-Encoding") != "" {
		t.Error("compressed for one that cannot read it")
	}
	if answer, text := w.get("/h.json.gz?compact=3"); answer.Header.Get("Content-Encoding") != "gzip" || !strings.Contains(unzip(t, text), "crate") {
		t.Errorf("h.json.gz: %v", answer.Header)
	}
	if answer, _ := w.get("/api/files"); answer.Header.Get("Cache-Control") != "no-store" || answer.Header.Get("Etag") != "" {
		t.Errorf("%v", answer.Header)
	}
	before, _ := w.get("/api/draw/hits/big")
	big := uint64(5)
	if err := mf.Remove("big"); err != nil {
		t.Fatal(err)
	}
	put(t, mf, "big", &big)
	if after, text := w.get("/api/draw/hits/big", "If-None-Match: "+before.Header.Get("Etag")); after.StatusCode != 200 || !strings.Contains(text, `"value":5`) {
		t.Errorf("a new value: %s %s", after.Status, text)
	}
}

func unzip(t *testing.T, text string) string {
	t.Helper()
	r, err := gzip.NewReader(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

// J04: names with letters that mean something else in addresses work everywhere.
func TestNamesInAddresses(t *testing.T) {
	names := []string{
		"with space", "100%", "a?b=c&d", "c#d", "e+f", "a..b/..c/d..", "ünï/日本", "%2e%2e%2f", "%2F", "x;y,z", `back\slash`, ".hidden/.x", "trailing. ",
		"two\nlines", "tab\there", "\x01\x7f", "<script>alert(1)</script>", `"quoted"`, "a:b@c", "…/\u202eevil", "root.json", "h.json/item.json", "~*'()!$",
	}
	labels := []string{"plain", "a b%2f#?", "ünï+ü;,", "<b>"}
	dir := t.TempDir()
	for i, label := range labels {
		mf := create(t, dir, label+".map")
		for j, name := range names {
			put(t, mf, name, number64(int64(100*i+j)))
		}
	}
	w := start(t, dir, Config{}, Address{})
	var list struct {
		Items []struct{ Item, Name, File string }
	}
	w.json("/api/slots", &list)
	if len(list.Items) != len(names)*len(labels) {
		t.Fatalf("%d slots", len(list.Items))
	}
	for _, slot := range list.Items {
		i := slices.Index(labels, strings.TrimSuffix(filepath.Base(slot.File), ".map"))
		want := float64(100*i + slices.Index(names, slot.Name))
		var value struct {
			Name  string
			Value any
		}
		w.json("/api/value/"+slot.Item, &value)
		var p picture
		w.json("/api/draw/"+slot.Item, &p)
		if value.Name != slot.Name || value.Value != want || p.Value != want || p.Item != slot.Item {
			t.Errorf("%s: %+v %+v, want %v", slot.Item, value, p, want)
		}
		var object struct{ FString string }
		w.json("/"+slot.Item+"/root.json", &object)
		if object.FString != fmt.Sprint(want) {
			t.Errorf("%s/root.json: %+v, want %v", slot.Item, object, want)
		}
		for _, format := range []string{"json", "csv", "root"} {
			answer, text := w.get("/api/download/" + slot.Item + "?to=" + format)
			disposition := answer.Header.Get("Content-Disposition")
			name, _ := strings.CutPrefix(disposition, `attachment; filename="`)
			name, _ = strings.CutSuffix(name, `"`)
			if answer.StatusCode != 200 || name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != "" ||
				strings.HasPrefix(name, ".") || strings.HasPrefix(name, "-") || strings.Contains(name, "..") {
				t.Errorf("%s to %s: %s %s: %.100s", slot.Item, format, answer.Status, disposition, text)
			}
		}
		query := url.Values{"item": {slot.Item}, "rate": {"100"}}
		events, stop := w.listen(query.Encode())
		if s := await(t, events, slot.Item, func(s sent) bool { return s.event == "draw" }); s.Value != want {
			t.Errorf("%s in a stream: %+v", slot.Item, s)
		}
		stop()
	}

	// JSROOT joins the names of h.json with "/".
	var top hNode
	w.json("/h.json?compact=3", &top)
	found := 0
	var walk func(n hNode, path string)
	walk = func(n hNode, path string) {
		if n.Kind == "ROOT.TObjString" {
			found++
			address, err := url.Parse(w.url + path + "/root.json.gz?compact=23")
			if err != nil {
				t.Fatal(err)
			}
			answer, err := w.client.Get(address.String())
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(answer.Body)
			answer.Body.Close()
			if answer.StatusCode != 200 || !strings.Contains(unzip(t, string(text)), `"TObjString"`) {
				t.Errorf("%s: %s", path, answer.Status)
			}
		} else if answer, _ := w.get(strings.ReplaceAll(path, " ", "%20") + "/h.json"); answer.StatusCode != 200 {
			t.Errorf("folder %s: %s", path, answer.Status)
		}
		for _, child := range n.Childs {
			walk(child, path+"/"+child.Name)
		}
	}
	for _, child := range top.Childs {
		walk(child, "/"+child.Name)
	}
	if found != len(list.Items) {
		t.Errorf("%d items in h.json, %d slots", found, len(list.Items))
	}
}

type hNode struct {
	Name   string  `json:"_name"`
	Kind   string  `json:"_kind"`
	Title  string  `json:"_title"`
	Childs []hNode `json:"_childs"`
}

func TestROOT(t *testing.T) {
	dir := t.TempDir()
	hists(t, dir)
	w := start(t, dir, Config{}, Address{})
	var top hNode
	w.json("/h.json", &top)
	if len(top.Childs) != 1 || top.Childs[0].Name != "hits" || top.Childs[0].Title != "a title" || top.Childs[0].Kind != "Folder" {
		t.Fatalf("%+v", top)
	}
	kinds := map[string]string{}
	for _, child := range append(top.Childs[0].Childs, top.Childs[0].Childs[1].Childs...) {
		kinds[child.Name] = child.Kind
	}
	if want := map[string]string{"big": "ROOT.TObjString", "crate": "Folder", "h1": "ROOT.TH1D", "h2": "ROOT.TH2D", "never": "ROOT.TObjString", "p1": "ROOT.TProfile"}; fmt.Sprint(kinds) != fmt.Sprint(want) {
		t.Errorf("%v", kinds)
	}
	var folder hNode
	w.json("/hits/crate/h.json", &folder)
	if folder.Name != "crate" || len(folder.Childs) != 2 {
		t.Errorf("%+v", folder)
	}
	var about hNode
	w.json("/hits/crate/h1/item.json", &about)
	if about.Name != "h1" || about.Kind != "ROOT.TH1D" || about.Title != "of the slot;energy [MeV];hits" {
		t.Errorf("%+v", about)
	}
	for path, class := range map[string]string{"/hits/crate/h1": "TH1D", "/hits/crate/h2": "TH2D", "/hits/p1": "TProfile"} {
		var object struct {
			Type     string    `json:"_typename"`
			Name     string    `json:"fName"`
			FArray   []float64 `json:"fArray"`
			FEntries float64   `json:"fEntries"`
		}
		w.json(path+"/root.json?compact=23", &object)
		if object.Type != class || object.FEntries != 4 || !strings.HasSuffix(path, object.Name) || len(object.FArray) == 0 {
			t.Errorf("%s: %+v", path, object)
		}
	}
	if answer, text := w.get("/hits/crate/h1/root.bin"); answer.StatusCode != 404 || !strings.Contains(text, "root.json") {
		t.Errorf("root.bin: %s %s", answer.Status, text)
	}
	for _, path := range []string{"/hits/never/root.json", "/hits/nosuch/root.json", "/nosuch/h.json", "/hits/crate/root.json", "/hits/crate/h1", "/hits/nosuch/item.json", "/hits/root.json"} {
		if answer, _ := w.get(path); answer.StatusCode != 404 {
			t.Errorf("%s: %s", path, answer.Status)
		}
	}
}

// J03: as many answers as were asked for, in that order, null where there is nothing.
func TestMulti(t *testing.T) {
	dir := t.TempDir()
	hists(t, dir)
	w := start(t, dir, Config{}, Address{})
	names := func(text string) string {
		var objects []*struct {
			FName   string `json:"fName"`
			FString string
			Name    string `json:"_name"`
		}
		if err := json.Unmarshal([]byte(text), &objects); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		list := []string{}
		for _, o := range objects {
			if o == nil {
				list = append(list, "null")
				continue
			}
			list = append(list, o.FName+o.FString+o.Name)
		}
		return strings.Join(list, " ")
	}
	for _, c := range []struct{ query, body, want string }{
		{"", "hits/p1/root.json\nhits/crate/h1/root.json\n", "p1 h1"},
		{"?number=3", "hits/crate/h2/root.json?compact=3\nhits/nosuch/root.json\nhits/big/root.json.gz", `h2 null "9007199254740993"`},
		{"?number=3", "hits/p1\n", "p1 null null"},
		{"?number=1", "hits/p1\nhits/big\n", "p1"},
		{"?number=0", "hits/p1\n", ""},
		{"", "", ""},
		{"", "\n", "null"},
		{"", "hits/p1\r\n\r\n/hits/p1\r\n", "p1 null p1"},
		{"", "hits/never\n../../etc/passwd\n%2e%2e/x\nhits/crate/h1/exe.json?method=GetTitle\n%zz\nhits/crate/h1/item.json\nhits/h.json", "null null null null null h1 hits"},
	} {
		answer, text := w.do("POST", "/multi.json"+c.query, strings.NewReader(c.body))
		if answer.StatusCode != 200 || names(text) != c.want {
			t.Errorf("%q %q: %s %q", c.query, c.body, answer.Status, names(text))
		}
	}
	if _, text := w.get("/multi.json?items=hits/p1,nosuch,hits/crate/h1"); names(text) != "p1 null h1" {
		t.Error(names(text))
	}
}

func TestMetrics(t *testing.T) {
	dir := t.TempDir()
	mf := hists(t, dir)
	put(t, mf, "bad", &mapfile.Raw{Type: mapfile.TypeInfo{Name: "hbook.H1D", Codec: "protobuf", Schema: []byte("\xff\xff")}, Payload: []byte("\x01\x02nonsense")})
	put(t, mf, "events/total", number64(12))
	w := start(t, dir, Config{}, Address{})
	w.listen("list=1")
	answer, text := w.get("/metrics")
	if answer.StatusCode != 200 || !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Fatal(answer.Status, answer.Header)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, name := range []string{"events_total", "crate_h1", "mapfile_serve_encodes_total", "mapfile_serve_encode_seconds_total", "mapfile_serve_clients", "mapfile_slot_age_seconds"} {
		if families[name] == nil {
			t.Errorf("no %s in\n%s", name, text)
		}
	}
	if f := families["crate_h1"]; f != nil && f.GetType() != dto.MetricType_HISTOGRAM {
		t.Error(f.GetType())
	}
	if f := families["mapfile_serve_clients"]; f != nil && f.Metric[0].Gauge.GetValue() != 1 {
		t.Error(f)
	}
}

func TestHealth(t *testing.T) {
	dir := t.TempDir()
	w := start(t, dir, Config{}, Address{})
	if answer, text := w.get("/healthz"); answer.StatusCode != 200 || text != "ok\n" {
		t.Errorf("an empty directory: %s %s", answer.Status, text)
	}
	if err := os.WriteFile(filepath.Join(dir, "bad.map"), []byte("no map file"), 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(lookFresh)
	if answer, text := w.get("/healthz"); answer.StatusCode != 503 {
		t.Errorf("no file can be read: %s %s", answer.Status, text)
	}
}

// What hostile producers write is text in JSON and nothing else.
func TestHostileTextIsHarmless(t *testing.T) {
	dir := t.TempDir()
	mf := create(t, dir, "f.map")
	evil := "</script><script>alert(1)</script>\x1b[31m\u202e\u0000\r\n\r\nevent: x\ndata: {}\n\n"
	put(t, mf, "text", &evil, mapfile.WithTitle("<img src=x onerror=alert(1)>\n\ndata: y"))
	put(t, mf, "two\nlines", number64(1))
	w := start(t, dir, Config{}, Address{})
	for _, path := range []string{"/api/files", "/api/slots", "/api/value/f/text", "/api/draw/f/text", "/h.json", "/f/text/root.json", "/f/text/item.json"} {
		answer, text := w.get(path)
		if i := strings.IndexFunc(strings.TrimSuffix(text, "\n"), func(r rune) bool { return r < ' ' || r == 0x7f }); answer.StatusCode != 200 || i >= 0 {
			t.Errorf("%s: %s, control character in %q", path, answer.Status, text)
		}
		if strings.Contains(text, "<script") || strings.Contains(text, "<img") {
			t.Errorf("%s: markup in %s", path, text)
		}
	}
	events, _ := w.listen("list=1&item=f/text&item=f/" + url.QueryEscape("two%0Alines"))
	awaitAll(t, events, "list and drawings",
		func(s sent) bool { return s.event == "list" && len(s.Slots) == 2 },
		func(s sent) bool { return s.Item == "f/two%0Alines" && s.Value == 1.0 },
		func(s sent) bool { return s.Item == "f/text" && s.Value == evil },
		func(s sent) bool {
			if s.event == "x" {
				t.Error("an event of the payload's")
			}
			return true
		})
}
