package exporting_test

import (
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go-hep.org/x/hep/hbook"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/decode"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/exporting"
	"github.com/gomapfile/mapfile/codec"
	_ "github.com/gomapfile/mapfile/codec/hbook"
	"github.com/gomapfile/mapfile/mapfile"
)

// publish makes a file with values by slot and reads it as the command does: all as of one commit.
func publish(t *testing.T, values map[string]any) (*exporting.File, []exporting.Slot) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "run.map")
	mf, err := mapfile.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer mf.Close()
	for name, v := range values {
		if _, err := mf.Add(name, v, mapfile.WithTitle("=title")); err != nil {
			t.Fatal(err)
		}
	}
	if err := mf.Update(); err != nil {
		t.Fatal(err)
	}
	snapshot, err := mf.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	info, err := mf.Stat()
	if err != nil {
		t.Fatal(err)
	}
	f := &exporting.File{Path: path, Info: info, Commit: snapshot.Commit()}
	var slots []exporting.Slot
	for info := range snapshot.Slots() {
		var raw mapfile.Raw
		if err := snapshot.GetInto(info.Name, &raw); err != nil {
			t.Fatal(err)
		}
		s := exporting.Slot{SlotInfo: info, Payload: raw.Payload}
		s.Value, s.Err = decode.Payload(path, info.Name, raw.Type, raw.Payload)
		f.Slots = append(f.Slots, info.Name)
		slots = append(slots, s)
	}
	return f, slots
}

// put writes slots and ends the export.
func put(t *testing.T, w exporting.Writer, err error, slots []exporting.Slot) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for i := range slots {
		if err := w.Put(&slots[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.End(); err != nil {
		t.Fatal(err)
	}
}

func export(t *testing.T, format string, f *exporting.File, slots []exporting.Slot) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := exporting.New(format, &b, f)
	put(t, w, err, slots)
	return b.Bytes()
}

// histograms have weights, underflow, overflow and titles.
func histograms() (h1 *hbook.H1D, h2 *hbook.H2D, p1 *hbook.P1D) {
	h1, h2, p1 = hbook.NewH1DFromEdges([]float64{-1, 0, .5, 4}), hbook.NewH2D(3, 0, 3, 2, 0, 2), hbook.NewP1D(4, 0, 4)
	for i := range 200 {
		x, y, w := float64(i%7)-1.5, float64(i%5)-1.25, .25+float64(i%3)
		h1.Fill(x, w)
		h2.Fill(x, y, w)
		p1.Fill(x, y, w)
	}
	h1.Ann["title"] = "=px \"quoted\", with comma"
	return h1, h2, p1
}

// A table is a CSV file that was read back.
type table struct {
	t       *testing.T
	columns map[string]int
	rows    [][]string
}

func readCSV(t *testing.T, text []byte) table {
	t.Helper()
	all, err := csv.NewReader(bytes.NewReader(text)).ReadAll() // each row has as many cells as the first
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	tab := table{t, map[string]int{}, all[1:]}
	for i, name := range all[0] {
		tab.columns[name] = i
	}
	return tab
}

func (tab table) of(slot, row string) (rows [][]string) {
	for _, r := range tab.rows {
		if tab.cell(r, "slot") == slot && tab.cell(r, "row") == row {
			rows = append(rows, r)
		}
	}
	return rows
}

func (tab table) cell(row []string, column string) string { return row[tab.columns[column]] }

func (tab table) number(row []string, column string) float64 {
	x, err := strconv.ParseFloat(tab.cell(row, column), 64)
	if err != nil {
		tab.t.Fatalf("%s in %q: %v", column, row, err)
	}
	return x
}

// value is the value of a path; a ' that was put before text is taken away again.
func (tab table) value(slot, path string) string {
	for _, r := range tab.of(slot, "value") {
		if tab.cell(r, "path") == path {
			return strings.TrimPrefix(tab.cell(r, "value"), "'")
		}
	}
	return ""
}

func near(a, b float64) bool {
	return a == b || math.Abs(a-b) <= 1e-12*math.Max(math.Abs(a), math.Abs(b))
}

// J11: contents, sums of squared weights, entries, what fell outside and titles come back from CSV.
func TestHistogramsComeBackFromCSV(t *testing.T) {
	h1, h2, p1 := histograms()
	f, slots := publish(t, map[string]any{"h1": h1, "h2": h2, "p1": p1})
	tab := readCSV(t, export(t, exporting.CSV, f, slots))

	check := func(what string, row []string, low, high, content, errorOf float64, entries int64) {
		t.Helper()
		if tab.number(row, "x_low") != low || tab.number(row, "x_high") != high || !near(tab.number(row, "content"), content) ||
			!near(tab.number(row, "error"), errorOf) || tab.number(row, "entries") != float64(entries) {
			t.Errorf("%s: %q; want %v %v %v %v %v", what, row, low, high, content, errorOf, entries)
		}
	}
	rows := tab.of("h1", "bin")
	if len(rows) != 3 {
		t.Fatalf("%d bins", len(rows))
	}
	for i, b := range h1.Binning.Bins {
		check("h1", rows[i], b.XMin(), b.XMax(), b.SumW(), math.Sqrt(b.SumW2()), b.Entries())
	}
	under, over := h1.Binning.Outflows[0], h1.Binning.Outflows[1]
	check("under", tab.of("h1", "under")[0], math.Inf(-1), -1, under.SumW(), math.Sqrt(under.SumW2()), under.Entries())
	check("over", tab.of("h1", "over")[0], 4, math.Inf(1), over.SumW(), math.Sqrt(over.SumW2()), over.Entries())
	if got := tab.value("h1", "title"); got != h1.Ann["title"] {
		t.Errorf("title %q", got)
	}
	if got := tab.value("h1", "total.entries"); got != strconv.FormatInt(h1.Entries(), 10) {
		t.Errorf("total.entries %q", got)
	}
	if got, _ := strconv.ParseFloat(tab.value("h1", "total.sum_wx2"), 64); got != h1.SumWX2() {
		t.Errorf("total.sum_wx2 %v, want %v", got, h1.SumWX2())
	}

	rows = tab.of("h2", "bin")
	if len(rows) != 6 || tab.cell(rows[4], "bin") != "1/1" {
		t.Fatal(rows)
	}
	for i, b := range h2.Binning.Bins {
		check("h2", rows[i], b.XMin(), b.XMax(), b.SumW(), math.Sqrt(b.SumW2()), b.Entries())
		if tab.number(rows[i], "y_low") != b.YMin() || tab.number(rows[i], "y_high") != b.YMax() {
			t.Errorf("h2: %q; want y %v %v", rows[i], b.YMin(), b.YMax())
		}
	}
	// All that is outside, by its limits: the sums over fills there.
	outside, total := tab.of("h2", "outside"), 0.0
	if len(outside) != 8 {
		t.Fatal(outside)
	}
	for _, row := range outside {
		want, entries := 0.0, int64(0)
		for i := range 200 {
			x, y, w := float64(i%7)-1.5, float64(i%5)-1.25, .25+float64(i%3)
			if x >= tab.number(row, "x_low") && x < tab.number(row, "x_high") && y >= tab.number(row, "y_low") && y < tab.number(row, "y_high") {
				want, entries = want+w, entries+1
			}
		}
		if !near(tab.number(row, "content"), want) || tab.number(row, "entries") != float64(entries) {
			t.Errorf("h2 outside: %q; want %v, %d", row, want, entries)
		}
		total += want
	}
	if total == 0 {
		t.Error("nothing outside")
	}

	rows = tab.of("p1", "bin")
	if len(rows) != 4 {
		t.Fatal(rows)
	}
	for i, b := range p1.Binning().Bins() {
		var w, w2, wy, wy2 float64
		for j := range 200 {
			if x := float64(j%7) - 1.5; x >= b.XMin() && x < b.XMax() {
				y, weight := float64(j%5)-1.25, .25+float64(j%3)
				w, w2, wy, wy2 = w+weight, w2+weight*weight, wy+weight*y, wy2+weight*y*y
			}
		}
		errorOf := math.Sqrt(wy2/w-wy*wy/w/w) / math.Sqrt(w*w/w2)
		check("p1", rows[i], b.XMin(), b.XMax(), wy/w, errorOf, b.Entries())
	}
}

// J11: JSON has every digit of every column.
func TestHistogramsComeBackFromJSON(t *testing.T) {
	h1, h2, p1 := histograms()
	f, slots := publish(t, map[string]any{"h1": h1, "h2": h2, "p1": p1})
	type sums struct {
		Entries     int64
		SumW, SumW2 float64 `json:"-"`
		W           float64 `json:"sum_w"`
		W2          float64 `json:"sum_w2"`
	}
	var list struct {
		Schema int
		Kind   string
		Items  []struct {
			Name, Title string
			Commit      uint64
			Session     uint64
			Producer    struct{ Started string }
			Value       struct {
				Title               string
				SumW                []float64 `json:"sum_w"`
				SumW2               []float64 `json:"sum_w2"`
				Entries             []int64
				Underflow, Overflow sums
			}
		}
	}
	if err := json.Unmarshal(export(t, exporting.JSON, f, slots), &list); err != nil || list.Schema != 1 || list.Kind != "list" || len(list.Items) != 3 {
		t.Fatalf("%v: %+v", err, list)
	}
	first := list.Items[0]
	if first.Name != "h1" || first.Title != "=title" || first.Commit != f.Commit || f.Commit == 0 || first.Session != 1 || first.Producer.Started == "" {
		t.Errorf("%+v", first)
	}
	for i, b := range h1.Binning.Bins {
		if v := first.Value; v.SumW[i] != b.SumW() || v.SumW2[i] != b.SumW2() || v.Entries[i] != b.Entries() {
			t.Errorf("bin %d: %+v", i, v)
		}
	}
	under, over := h1.Binning.Outflows[0], h1.Binning.Outflows[1]
	if v := first.Value; v.Title != h1.Ann["title"] || v.Underflow.W != under.SumW() || v.Underflow.W2 != under.SumW2() || v.Overflow.Entries != over.Entries() {
		t.Errorf("%+v", v)
	}
	lines := bytes.Split(bytes.TrimSpace(export(t, exporting.NDJSON, f, slots)), []byte("\n"))
	if len(lines) != 3 || !json.Valid(lines[2]) || !bytes.HasPrefix(lines[2], []byte(`{"schema":1,"kind":"slot",`)) {
		t.Errorf("%s", lines)
	}
}

// Text never looks like a formula, numbers stay numbers, and every cell comes back.
func TestTextInCSVIsNoFormula(t *testing.T) {
	values := map[string]any{}
	texts := []string{"=1+1", "+1", "-1", "@x", "\tx", "\rx", "\nx", "'x", "plain", "a,b\"c\"\nd;=x", "<script>", "\x00\u202e", ""}
	for i := range texts {
		values["text/"+strconv.Itoa(i)] = &texts[i]
	}
	number, real, whole, yes := int64(-5), math.Inf(-1), uint64(1<<53+1), false
	values["=cmd|' /C calc'!A0"], values["@real"], values["whole"], values["yes"] = &number, &real, &whole, &yes
	f, slots := publish(t, values)
	tab := readCSV(t, export(t, exporting.CSV, f, slots))
	for _, row := range tab.rows {
		for column, i := range tab.columns {
			cell := row[i]
			if cell == "" || !strings.ContainsAny(cell[:1], "=+-@\t\r\n") {
				continue
			}
			if _, err := strconv.ParseFloat(cell, 64); err != nil || column == "slot" || column == "path" {
				t.Errorf("%s is %q", column, cell)
			}
		}
	}
	for i, want := range texts {
		if got := tab.value("text/"+strconv.Itoa(i), ""); got != strings.ReplaceAll(want, "\r\n", "\n") {
			t.Errorf("%q came back as %q", want, got)
		}
	}
	for slot, want := range map[string]string{"'=cmd|' /C calc'!A0": "-5", "'@real": "-inf", "whole": "9007199254740993", "yes": "false"} {
		rows := tab.of(slot, "value")
		if len(rows) != 1 || tab.cell(rows[0], "value") != want {
			t.Errorf("%s: %q", slot, rows)
		}
	}
	if rows := tab.of("whole", "slot"); len(rows) != 1 || tab.cell(rows[0], "path") != "title" || tab.cell(rows[0], "value") != "'=title" || tab.cell(rows[0], "started") == "" {
		t.Errorf("%q", rows)
	}
}

// A slot that cannot be decoded is in the export as such, and so is one without a value.
func TestSlotsWithoutValueAreInTheExport(t *testing.T) {
	f, slots := publish(t, map[string]any{
		"bad":     &mapfile.Raw{Type: mapfile.TypeInfo{Name: "mapfile.v1.H1D", Codec: "protobuf"}, Payload: []byte("\xff\xff")},
		"foreign": &mapfile.Raw{Type: mapfile.TypeInfo{Name: "their.Type", Codec: "theirs"}, Payload: []byte("\x00bytes")},
	})
	slots = append(slots, exporting.Slot{SlotInfo: mapfile.SlotInfo{Name: "damaged", Stamp: mapfile.Stamp{Version: 3}}, Err: mapfile.ErrCorrupt})
	slots = append(slots, exporting.Slot{SlotInfo: mapfile.SlotInfo{Name: "never"}})
	f.Slots = append(f.Slots, "damaged", "never")
	tab := readCSV(t, export(t, exporting.CSV, f, slots))
	if rows := tab.of("bad", "error"); len(rows) != 1 || tab.cell(rows[0], "value") == "" {
		t.Errorf("bad: %q", rows)
	}
	if rows := tab.of("damaged", "error"); len(rows) != 1 || tab.cell(rows[0], "value") != "damaged" {
		t.Errorf("damaged: %q", rows)
	}
	if rows := tab.of("foreign", "payload"); len(rows) != 1 || tab.cell(rows[0], "value") != base64.StdEncoding.EncodeToString([]byte("\x00bytes")) {
		t.Errorf("foreign: %q", rows)
	}
	if len(tab.of("never", "slot")) != 1 || len(tab.rows) != 4+3 {
		t.Errorf("%q", tab.rows)
	}
	var items []struct {
		Name, Error string
		Payload     []byte
		Value       any
	}
	for line := range bytes.Lines(export(t, exporting.NDJSON, f, slots)) {
		items = append(items, struct {
			Name, Error string
			Payload     []byte
			Value       any
		}{})
		if err := json.Unmarshal(line, &items[len(items)-1]); err != nil {
			t.Fatal(err)
		}
	}
	if len(items) != 4 || items[0].Error == "" || string(items[0].Payload) != "\xff\xff" || items[1].Error != "" || string(items[1].Payload) != "\x00bytes" ||
		items[2].Error != "damaged" || items[3].Error != "" || items[3].Value != nil {
		t.Errorf("%+v", items)
	}
	export(t, exporting.ROOT, f, slots)
	export(t, exporting.Prom, f, slots)
}

func TestEmptyExportsAreValid(t *testing.T) {
	f := &exporting.File{Path: "empty.map"}
	if got := export(t, exporting.JSON, f, nil); string(got) != `{"schema":1,"kind":"list","items":[]}`+"\n" {
		t.Errorf("%s", got)
	}
	if got := export(t, exporting.NDJSON, f, nil); len(got) != 0 {
		t.Errorf("%s", got)
	}
	if tab := readCSV(t, export(t, exporting.CSV, f, nil)); len(tab.columns) != 18 || len(tab.rows) != 0 {
		t.Errorf("%+v", tab)
	}
	if len(export(t, exporting.ROOT, f, nil)) == 0 {
		t.Error("no ROOT file")
	}
}

// hostileNames are slots that are one name for a careless file system, or none at all.
var hostileNames = []string{
	"../../etc/passwd", "/abs", "..", ".", "", ".hidden", "-rf", "a/b", "a%2Fb", "a%2fb", "A/b", "A/B", "CON", "con.txt", "nul", "lpt1", "trailing.", "two\nlines", "\x00", "日本",
	strings.Repeat("long", 63), strings.Repeat("long", 62) + "lon.", strings.Repeat("日", 80), "index.json", "type0.schema", `back\slash`, "c:d", "*", "~1", "\xff",
}

// A raw directory has every payload, under a name that leads nowhere else, and says which is which.
func TestRawDirKeepsAllPayloads(t *testing.T) {
	f := &exporting.File{Path: "run.map", Slots: hostileNames}
	parent := t.TempDir()
	path := filepath.Join(parent, "out")
	dir, err := exporting.CreateDir(path, false, f)
	var slots []exporting.Slot
	for i, name := range hostileNames {
		info := mapfile.SlotInfo{Name: name, Type: mapfile.TypeInfo{Name: "T", Codec: "c", Schema: []byte("schema")}, Stamp: mapfile.Stamp{Version: 1}}
		slots = append(slots, exporting.Slot{SlotInfo: info, Payload: []byte(strconv.Itoa(i))})
	}
	put(t, dir, err, slots)
	index, err := os.ReadFile(filepath.Join(path, exporting.IndexName))
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Items []struct {
			Name        string
			PayloadFile string `json:"payload_file"`
			SchemaFile  string `json:"schema_file"`
		}
	}
	if err := json.Unmarshal(index, &list); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i, item := range list.Items {
		name := item.PayloadFile
		if filepath.Base(name) != name || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "-") || len(name) > 255 || strings.ContainsAny(name, "\\:*?\"<>|\n\x00 ") || seen[strings.ToLower(name)] {
			t.Errorf("%q is in %q", item.Name, name)
		}
		seen[strings.ToLower(name)] = true
		if got, err := os.ReadFile(filepath.Join(path, name)); err != nil || string(got) != strconv.Itoa(i) {
			t.Errorf("%q: %q, %v", item.Name, got, err)
		}
		if got, err := os.ReadFile(filepath.Join(path, item.SchemaFile)); err != nil || string(got) != "schema" {
			t.Errorf("%q: schema %q, %v", item.Name, got, err)
		}
	}
	if entries, _ := os.ReadDir(path); len(list.Items) != len(hostileNames) || len(entries) != len(hostileNames)+2 {
		t.Errorf("%d items, %d files", len(list.Items), len(entries))
	}
	if entries, _ := os.ReadDir(parent); len(entries) != 1 {
		t.Errorf("beside it: %v", entries)
	}
}

// What is there already stays, unless it is replaced on demand, and then only if it is ours alone.
func TestRawDirReplacesOnlyItsLikes(t *testing.T) {
	f := &exporting.File{Path: "run.map"}
	path := filepath.Join(t.TempDir(), "out")
	make1 := func(force bool) error {
		dir, err := exporting.CreateDir(path, force, f)
		if err != nil {
			return err
		}
		defer dir.Close()
		if err := dir.Put(&exporting.Slot{SlotInfo: mapfile.SlotInfo{Name: "s", Stamp: mapfile.Stamp{Version: 1}}, Payload: []byte("x")}); err != nil {
			t.Fatal(err)
		}
		return dir.End()
	}
	if err := make1(false); err != nil {
		t.Fatal(err)
	}
	if err := make1(false); !errors.Is(err, fs.ErrExist) {
		t.Errorf("without force: %v", err)
	}
	if err := make1(true); err != nil {
		t.Errorf("with force: %v", err)
	}
	own := filepath.Join(path, "thesis.tex")
	if err := os.WriteFile(own, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := make1(true); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), "thesis.tex") {
		t.Errorf("with a file of the user's in it: %v", err)
	}
	if _, err := os.Stat(own); err != nil {
		t.Error(err)
	}
	payload := filepath.Join(path, "s.bin")
	if err := errors.Join(os.Remove(own), os.Remove(payload), os.Mkdir(payload, 0o777)); err != nil {
		t.Fatal(err)
	}
	if err := make1(true); !errors.Is(err, fs.ErrExist) {
		t.Errorf("with a directory of the user's in it: %v", err)
	}
	// An export that does not come to its end leaves nothing.
	dir, err := exporting.CreateDir(path+"2", false, f)
	if err != nil {
		t.Fatal(err)
	}
	if err := dir.Close(); err != nil {
		t.Error(err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("left: %v", entries)
	}
}

// Values that are deep, or contradict themselves, are written by their fields.
func TestOddValuesAreWritten(t *testing.T) {
	node := codec.Node{Type: "int64", Value: int64(1)}
	for range 50 {
		node = codec.Node{Type: "struct", Children: []codec.Node{{Name: "=f", Type: node.Type, Value: node.Value, Children: node.Children}}}
	}
	slots := []exporting.Slot{
		{SlotInfo: mapfile.SlotInfo{Name: "deep", Stamp: mapfile.Stamp{Version: 1}}, Payload: []byte{}, Value: node},
		{SlotInfo: mapfile.SlotInfo{Name: "none", Type: mapfile.TypeInfo{Name: "x.H1D"}, Stamp: mapfile.Stamp{Version: 1}}, Payload: []byte{}, Value: node},
		{SlotInfo: mapfile.SlotInfo{Name: "empty", Stamp: mapfile.Stamp{Version: 1}}, Payload: []byte{}, Value: codec.Node{Type: "struct"}},
	}
	f := &exporting.File{Path: "x.map", Slots: []string{"deep", "none", "empty"}}
	for _, format := range slices.DeleteFunc(slices.Clone(exporting.Formats), func(f string) bool { return f == exporting.RawDir }) {
		export(t, format, f, slots)
	}
	tab := readCSV(t, export(t, exporting.CSV, f, slots))
	if rows := tab.of("deep", "value"); len(rows) != 1 || !strings.HasPrefix(tab.cell(rows[0], "path"), "'=f.=f.") {
		t.Errorf("%q", rows)
	}
}

func TestFormatOfAName(t *testing.T) {
	for name, want := range map[string]string{
		"a.json": "json", "a.NDJSON": "ndjson", "dir.csv/a": "", "a.csv": "csv", "a.root": "root", "a.prom": "prom", "a": "", "-": "", ".json": "json",
	} {
		if got := exporting.FormatOf(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
