package top

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/exp/teatest/v2"
	"go-hep.org/x/hep/hbook"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/listing"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/codec"
	_ "github.com/gomapfile/mapfile/codec/hbook"
	jsoncodec "github.com/gomapfile/mapfile/codec/json"
	"github.com/gomapfile/mapfile/codec/protobuf"
	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/registry"
)

var registerOnce sync.Once

func TestMain(m *testing.M) {
	for _, c := range []codec.Codec{codec.Basic, protobuf.Codec, jsoncodec.Codec} {
		registry.Default.AddCodec(c) // again is an error, and no matter
	}
	os.Exit(m.Run())
}

// A desk is a model with real files behind it, and hands to press its keys.
type desk struct {
	t     *testing.T
	dir   string
	files map[string]*mapfile.MapFile
	set   *watchedSet
	m     *model
}

// watchedSet counts what is asked for to be decoded.
type watchedSet struct {
	*listing.Set
	opened []string
}

func (s *watchedSet) File(label string) (*mapfile.MapFile, bool) {
	s.opened = append(s.opened, label)
	return s.Set.File(label)
}

func newDesk(t *testing.T, change ...func(*Options)) *desk {
	d := &desk{t: t, dir: t.TempDir(), files: map[string]*mapfile.MapFile{}}
	d.set = &watchedSet{Set: listing.NewSet(nil, []string{d.dir})}
	t.Cleanup(d.set.Close)
	o := Options{Files: d.set, First: d.set.Look(), Interval: time.Millisecond, Sort: "name", Fault: error.Error}
	for _, c := range change {
		c(&o)
	}
	d.m = newModel(o)
	d.send(tea.WindowSizeMsg{Width: 80, Height: 24})
	return d
}

// file makes a file of that name, or returns the one that was made.
func (d *desk) file(name string) *mapfile.MapFile {
	d.t.Helper()
	if d.files[name] == nil {
		mf, err := mapfile.Create(filepath.Join(d.dir, name+".map"))
		if err != nil {
			d.t.Fatal(err)
		}
		d.t.Cleanup(func() { mf.Close() })
		d.files[name] = mf
	}
	return d.files[name]
}

// put adds a slot and publishes it.
func (d *desk) put(file, name string, v any, opts ...mapfile.SlotOption) *mapfile.Slot {
	d.t.Helper()
	s, err := d.file(file).Add(name, v, opts...)
	if err == nil {
		err = s.Update()
	}
	if err != nil {
		d.t.Fatal(err)
	}
	return s
}

// numbers puts slots of a number each.
func (d *desk) numbers(file string, names ...string) {
	d.t.Helper()
	for _, name := range names {
		n := int64(7)
		d.put(file, name, &n)
	}
}

// send gives the model a message, and does what it commands but for waiting.
func (d *desk) send(msg tea.Msg) {
	d.t.Helper()
	_, cmd := d.m.Update(msg)
	d.m.View()
	d.do(cmd)
}

func (d *desk) do(cmd tea.Cmd) {
	d.t.Helper()
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case tea.BatchMsg:
		for _, cmd := range msg {
			d.do(cmd)
		}
	case tickMsg, nil:
	default:
		d.send(msg)
	}
}

// look is the next picture.
func (d *desk) look() { d.t.Helper(); d.send(tickMsg{}) }

// keys presses keys: words are names of keys, as in "down", else one for each letter.
func (d *desk) keys(keys ...string) {
	d.t.Helper()
	names := map[string]rune{"up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft, "right": tea.KeyRight, "enter": tea.KeyEnter,
		"esc": tea.KeyEscape, "backspace": tea.KeyBackspace, "pgdown": tea.KeyPgDown, "pgup": tea.KeyPgUp, "home": tea.KeyHome, "end": tea.KeyEnd}
	for _, key := range keys {
		if code, ok := names[key]; ok {
			d.send(tea.KeyPressMsg{Code: code})
			continue
		}
		for _, r := range key {
			d.send(tea.KeyPressMsg{Code: r, Text: string(r)})
		}
	}
}

var sgr = regexp.MustCompile("\x1b\\[[0-9;:]*m")

func (d *desk) screen() string { return sgr.ReplaceAllString(d.m.View().Content, "") }

func (d *desk) lines() []string { return strings.Split(d.screen(), "\n") }

// names are the first words of the rows.
func (d *desk) names() (names []string) {
	for _, line := range d.lines()[headLines : headLines+min(len(d.m.rows), d.m.page())] {
		names = append(names, strings.Fields(line)[0])
	}
	return names
}

// selected is the name in the row that is shown reversed.
func (d *desk) selected() string {
	d.t.Helper()
	for line := range strings.Lines(d.m.View().Content) {
		if strings.HasPrefix(line, "\x1b[7m") {
			return strings.Fields(sgr.ReplaceAllString(line, ""))[0]
		}
	}
	d.t.Errorf("no row is selected:\n%s", d.screen())
	return ""
}

func (d *desk) wantNames(want ...string) {
	d.t.Helper()
	if got := d.names(); !slices.Equal(got, want) {
		d.t.Errorf("rows are %q, want %q", got, want)
	}
}

func (d *desk) wantScreen(patterns ...string) {
	d.t.Helper()
	for _, p := range patterns {
		if !regexp.MustCompile("(?m)" + p).MatchString(d.screen()) {
			d.t.Errorf("the screen does not show %s:\n%s", p, d.screen())
		}
	}
}

func TestListShowsAllSlotsOfAllFiles(t *testing.T) {
	d := newDesk(t)
	d.wantScreen("^0 files  0 slots/s  0 B/s$", "^no map files")
	d.numbers("a", "x/1", "x/2")
	d.look()
	d.wantScreen(`^1 file  2 LIVE  `, `^NAME +STATE +RATE +B/S +AGE +VERSION`, `^x/1 +LIVE +- +- +\d\.\ds +1 `)
	d.numbers("b", "y")
	d.look()
	d.wantScreen(`^2 files  3 LIVE  `)
	d.wantNames("a:x/1", "a:x/2", "b:y")
	d.files["a"].Close()
	d.look()
	d.wantScreen(`^2 files  1 LIVE  2 CLOSED  `, `^a:x/1 +CLOSED`)
	os.Remove(d.files["b"].Path())
	d.look()
	d.wantScreen(`^1 file  2 CLOSED  `)
	d.wantNames("x/1", "x/2")
}

func TestKeysSortAndReverse(t *testing.T) {
	d := newDesk(t)
	long, short, never := make([]byte, 5000), make([]byte, 10), []byte{}
	d.put("f", "b-oldest-long", &long)
	time.Sleep(20 * time.Millisecond)
	d.put("f", "c-newest-short", &short)
	if _, err := d.file("f").Add("a-never", &never); err != nil {
		t.Fatal(err)
	}
	d.look()
	d.wantNames("a-never", "b-oldest-long", "c-newest-short")
	d.keys("r")
	d.wantNames("c-newest-short", "b-oldest-long", "a-never")
	d.keys("r", "s")
	d.wantScreen("sort:age")
	d.wantNames("c-newest-short", "b-oldest-long", "a-never")
	d.keys("s")
	d.wantScreen("sort:rate")
	d.keys("s")
	d.wantScreen("sort:size")
	d.wantNames("b-oldest-long", "c-newest-short", "a-never")
	d.keys("s")
	d.wantScreen("sort:name")
	d.wantNames("a-never", "b-oldest-long", "c-newest-short")
}

func TestSortByRateIsOfNow(t *testing.T) {
	row := func(name string, state mapfile.State, rate float64, age time.Duration) Row {
		s := &listing.Slot{SlotInfo: mapfile.SlotInfo{Name: name, Rate: rate, Age: age, Producer: mapfile.Producer{Session: 1, State: state}}}
		s.Stamp.Version = 5
		return Row{s, "f", name}
	}
	rows := []Row{
		row("dead", mapfile.StateDead, 1000, time.Second), row("silent", mapfile.StateLive, 500, time.Hour),
		row("slow", mapfile.StateLive, 1, time.Second), row("fast", mapfile.StateLive, 10, 0),
	}
	Sort(rows, "rate", false)
	var names []string
	for _, r := range rows {
		names = append(names, r.Name)
	}
	if want := []string{"fast", "slow", "silent", "dead"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
}

// I32: whatever a file says of rates, and whatever clocks do.
func TestRatesAreNeverAbsurd(t *testing.T) {
	for _, rate := range []float64{0, 1, -1, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, 5e-324} {
		for _, age := range []time.Duration{0, -time.Second, 1, time.Second, math.MaxInt64} {
			for _, length := range []int64{0, 1, math.MaxInt64} {
				s := &listing.Slot{SlotInfo: mapfile.SlotInfo{Rate: rate, Age: age, Length: length, Producer: mapfile.Producer{State: mapfile.StateLive}}}
				text := Summary(1, []Row{{s, "f", "n"}, {s, "f", "n"}}) + " " + BytesText(s.BytesPerSecond()) + " " + show.Rate(s.RateNow())
				if s.RateNow() < 0 || regexp.MustCompile(`Inf|NaN|inf|nan|(^| )-\d`).MatchString(text) {
					t.Errorf("rate %v, age %v, length %d: %s", rate, age, length, text)
				}
			}
		}
	}
}

func TestFilterByTyping(t *testing.T) {
	d := newDesk(t)
	d.numbers("f", "crate00/ch1/adc", "crate00/ch2/ADC", "crate01/ch1/tdc", "quality")
	d.look()
	d.keys("/", "Adc")
	d.wantNames("crate00/ch1/adc", "crate00/ch2/ADC")
	d.wantScreen(`^/Adc   2 of 4$`, "esc clear")
	if c := d.m.View().Cursor; c == nil || c.X != 4 || c.Y != 22 {
		t.Errorf("the cursor is at %+v", c)
	}
	d.keys("backspace", "backspace", "backspace", "q") // no end of the program
	d.wantNames("quality")
	d.keys("enter")
	d.wantScreen(`^/q   1 of 4$`, "enter open")
	d.keys("esc")
	d.wantNames("crate00/ch1/adc", "crate00/ch2/ADC", "crate01/ch1/tdc", "quality")
	d.keys("/", "*/ch1/*")
	d.wantNames("crate00/ch1/adc", "crate01/ch1/tdc")
	d.keys("esc", "/", "[")
	d.wantScreen("^no slot matches; esc clears the filter", `0 of 4`)
	d.keys("backspace", "crate0[1-9]/**")
	d.wantNames("crate01/ch1/tdc")
	d.keys("esc", "/")
	d.send(tea.PasteMsg{Content: "qual\x1b[31m\nity"})
	d.wantScreen(`^/qual\[31mity`)

	// With a label before the names, patterns are for both.
	d.keys("esc")
	d.numbers("g", "crate00/ch1/adc")
	d.look()
	d.keys("/", "g:crate00/*/*")
	d.wantNames("g:crate00/ch1/adc")
	d.keys("esc", "/", "**/adc")
	d.wantNames("f:crate00/ch1/adc", "g:crate00/ch1/adc")
}

func TestSelectedSlotStaysSelectedWhenRowsMove(t *testing.T) {
	d := newDesk(t)
	d.numbers("f", "c", "d", "e")
	d.look()
	d.keys("down")
	if got := d.selected(); got != "d" {
		t.Fatalf("%q is selected", got)
	}
	d.numbers("f", "a", "b")
	d.look()
	if got := d.selected(); got != "d" {
		t.Errorf("with new rows above %q is selected", got)
	}
	d.keys("r")
	if got := d.selected(); got != "d" {
		t.Errorf("after reversing %q is selected", got)
	}
	d.keys("r")
	if err := d.files["f"].Remove("d"); err != nil {
		t.Fatal(err)
	}
	d.look()
	if got := d.selected(); got != "e" {
		t.Errorf("after its removal %q is selected", got)
	}
	d.keys("home")
	d.numbers("f", "0")
	d.look()
	if got := d.selected(); got != "0" {
		t.Errorf("at the top %q is selected", got)
	}
}

func TestMovingShowsTheSelectedRow(t *testing.T) {
	d := newDesk(t)
	for i := range 200 {
		d.numbers("f", fmt.Sprintf("n%03d", i))
	}
	d.look()
	page := d.m.page()
	for _, step := range []struct {
		keys []string
		want int
	}{
		{[]string{"end"}, 199}, {[]string{"down", "j"}, 199}, {[]string{"k"}, 198}, {[]string{"pgup"}, 198 - page}, {[]string{"home"}, 0},
		{[]string{"up", "pgup"}, 0}, {[]string{"pgdown", "pgdown"}, 2 * page}, {[]string{"G", "g"}, 0},
	} {
		d.keys(step.keys...)
		if got, want := d.selected(), fmt.Sprintf("n%03d", step.want); got != want {
			t.Errorf("%q: %s is selected, want %s", step.keys, got, want)
		}
	}
	d.send(tea.MouseWheelMsg{Button: tea.MouseWheelDown})
	if got := d.selected(); got != "n003" {
		t.Errorf("the wheel selects %s", got)
	}
	d.send(tea.MouseClickMsg{Button: tea.MouseLeft, Y: headLines + 10})
	if got := d.selected(); got != "n010" {
		t.Errorf("a click selects %s", got)
	}
	d.send(tea.MouseClickMsg{Button: tea.MouseLeft, Y: headLines + 10})
	d.wantScreen(`^n010  LIVE`, "esc back")
}

// histogram is one with something in it.
func histogram() *hbook.H1D {
	h := hbook.NewH1D(50, -4, 4)
	for i := range 1000 {
		h.Fill(float64(i%80)/10-4, float64(1+i%13))
	}
	h.Fill(9, 3)
	return h
}

// zoo is a desk with one slot of each kind.
func zoo(t *testing.T, change ...func(*Options)) *desk {
	d := newDesk(t, change...)
	h2, p1 := hbook.NewH2D(20, -4, 4, 10, -4, 4), hbook.NewP1D(40, 0, 40)
	for i := range 1000 {
		h2.Fill(float64(i%80)/10-4, float64(i%40)/10-2, 1)
		p1.Fill(float64(i%40), float64(i%17), 1)
	}
	d.put("zoo", "h1", histogram(), mapfile.WithTitle("ADC;counts;entries"))
	d.put("zoo", "h2", h2)
	d.put("zoo", "p1", p1)
	text, list := "one\ntwo", make([]float64, 300)
	d.put("zoo", "text", &text)
	d.put("zoo", "list", &list)
	type config struct {
		Limit int
		Names []string
		Deep  map[string]map[string]int
	}
	registerOnce.Do(func() { registry.Register[config]("shop.Config", jsoncodec.Codec) })
	d.put("zoo", "tree", &config{5, []string{"a", "b"}, map[string]map[string]int{"x": {"y": 1}, "z": {"w": 2}}})
	for name, raw := range map[string]mapfile.Raw{
		"bytes":  {Type: mapfile.TypeInfo{Name: "own.Type", Codec: "own"}, Payload: []byte("\x00\x01own bytes")},
		"gob":    {Type: mapfile.TypeInfo{Name: "my.Gob", Codec: "gob"}, Payload: []byte{0xf8, 0xff, 0xff, 0xff}},
		"broken": {Type: mapfile.TypeInfo{Name: "shop.Broken", Codec: "json"}, Payload: []byte(`{"Limit":`)},
		"empty":  {Type: mapfile.TypeInfo{Name: "mapfile.v1.H1D", Codec: "protobuf"}, Payload: nil},
	} {
		d.put("zoo", name, &raw)
	}
	never := int64(0)
	if _, err := d.file("zoo").Add("never", &never); err != nil {
		t.Fatal(err)
	}
	d.put("zoo", "evil\x1b]0;owned\x07\n\u202e日本", &text, mapfile.WithTitle("\x1b[31mred\u009b0m"))
	d.look()
	return d
}

// show opens the slot of that name.
func (d *desk) open(name string) {
	d.t.Helper()
	d.keys("esc", "esc", "home")
	i := slices.IndexFunc(d.m.rows, func(r Row) bool { return r.Slot.Name == name })
	if i < 0 {
		d.t.Fatalf("no row %q", name)
	}
	d.m.moveTo(i)
	d.keys("enter")
}

func TestEnterOpensWhateverIsInASlot(t *testing.T) {
	d := zoo(t)
	for name, want := range map[string][]string{
		"h1":     {`^h1  LIVE$`, `^hbook.H1D   version 1   .*ago`, `ADC`, `counts`, `entries 1001 .*mean`, `over 3`, `esc back .*l log`},
		"h2":     {`^h2  LIVE$`, `entries 1000 .*mean y`},
		"p1":     {`^p1  LIVE$`, `entries 1000 .*mean y`},
		"text":   {`^"one\\ntwo"$`, "scroll"},
		"tree":   {`^Limit: 5$`, `^Names: \["a", "b"\]$`, `^  x:$`, `^    y: 1$`},
		"bytes":  {`which this program has not`, `^00000000  00 01 6f 77 6e .*\|\.\.own bytes\|$`},
		"gob":    {`--trust-gob`, `f8 ff ff ff`},
		"broken": {`the codec refuses it: .*$`},
		"never":  {`^no value yet$`},
	} {
		d.open(name)
		d.wantScreen(want...)
	}
	d.keys("esc")
	d.wantScreen("^NAME")
	d.keys("enter", "backspace")
	d.wantScreen("^NAME")
}

func TestNothingButTheOpenedSlotIsDecoded(t *testing.T) {
	d := zoo(t)
	d.keys("down", "s", "/", "h", "enter", "esc")
	d.look()
	if len(d.set.opened) > 0 {
		t.Errorf("the list alone read %d values", len(d.set.opened))
	}
	d.open("h1")
	for range 3 { // no new version
		d.look()
	}
	if len(d.set.opened) != 1 {
		t.Errorf("one version was read %d times", len(d.set.opened))
	}
	d.keys("esc")
	d.look()
	if len(d.set.opened) != 1 {
		t.Error("a closed slot was read")
	}
}

func TestOpenedSlotIsLive(t *testing.T) {
	d := newDesk(t)
	h := histogram()
	slot := d.put("f", "h", h)
	d.look()
	d.keys("enter")
	d.wantScreen(`entries 1001 `)
	h.Fill(0, 1)
	if err := slot.Update(); err != nil {
		t.Fatal(err)
	}
	d.look()
	d.wantScreen(`version 2 `, `entries 1002 `)

	d.keys(" ")
	d.wantScreen(`LIVE PAUSED`)
	h.Fill(0, 1)
	if err := slot.Update(); err != nil {
		t.Fatal(err)
	}
	d.look()
	d.wantScreen(`version 2 `, `entries 1002 `)
	d.keys(" ")
	d.look()
	d.wantScreen(`version 3 `, `entries 1003 `)

	linear := d.screen()
	d.keys("l")
	d.wantScreen("l linear")
	if d.screen() == linear {
		t.Error("l changes nothing")
	}

	if err := d.files["f"].Remove("h"); err != nil {
		t.Fatal(err)
	}
	d.look()
	d.wantScreen(`^h  GONE`, `entries 1003 `) // what was last
	d.numbers("f", "h")
	d.look()
	d.wantScreen(`^h  LIVE`, `^7$`)
	d.files["f"].Close()
	d.look()
	d.wantScreen(`^h  CLOSED`, `^7$`)
}

func TestKeysGoToTheNextSlot(t *testing.T) {
	d := newDesk(t)
	d.numbers("f", "a", "b", "c")
	d.look()
	d.keys("enter")
	for _, step := range []struct{ key, want string }{{"n", "b"}, {"right", "c"}, {"n", "c"}, {"p", "b"}, {"left", "a"}, {"p", "a"}, {"n", "b"}} {
		d.keys(step.key)
		d.wantScreen("^" + step.want + "  LIVE")
	}
	d.keys("esc")
	if got := d.selected(); got != "b" {
		t.Errorf("back in the list %s is selected", got)
	}
}

func TestLongValueScrolls(t *testing.T) {
	d := newDesk(t)
	long := mapfile.Raw{Type: mapfile.TypeInfo{Name: "long", Codec: "json"}}
	long.Payload = []byte("[")
	for i := range 500 {
		long.Payload = fmt.Appendf(long.Payload, `{"n":%d},`, i)
	}
	long.Payload = append(long.Payload, "{}]"...)
	d.put("f", "long", &long)
	d.look()
	d.keys("enter")
	d.wantScreen(`\bn: 0$`)
	d.keys("end")
	d.wantScreen(`\bn: 499$`)
	d.keys("down", "up", "up", "home")
	d.wantScreen(`\bn: 0$`)
	d.keys("pgdown")
	if strings.Contains(d.screen(), "n: 0\n") {
		t.Error("a page down shows the first line")
	}
	d.send(tea.MouseWheelMsg{Button: tea.MouseWheelUp})
}

func TestFaultsAreALineAndTheRestGoesOn(t *testing.T) {
	d := newDesk(t)
	d.numbers("good", "n")
	if err := os.WriteFile(filepath.Join(d.dir, "bad\x1b[31m.map"), []byte("no map file"), 0o666); err != nil {
		t.Skip(err)
	}
	d.look()
	d.wantScreen(`^n +LIVE`, `bad\\x1b\[31`)
	os.WriteFile(filepath.Join(d.dir, "worse.map"), nil, 0o666)
	d.look()
	d.wantScreen(`^2 faults: `)
	os.RemoveAll(filepath.Join(d.dir, "worse.map"))
	os.RemoveAll(filepath.Join(d.dir, "bad\x1b[31m.map"))
	d.look()
	if strings.Contains(d.screen(), "bad") {
		t.Errorf("the fault is still there:\n%s", d.screen())
	}
}

// Every screen has room for what it says, whatever its size, and holds no control character.
func TestEverySizeOfScreen(t *testing.T) {
	d := zoo(t, func(o *Options) { o.Colour = true })
	os.WriteFile(filepath.Join(d.dir, "worse.map"), nil, 0o666)
	d.look()
	var names []string
	for _, r := range d.m.rows {
		names = append(names, r.Slot.Name)
	}
	check := func(what string) {
		t.Helper()
		for _, size := range [][2]int{{1, 1}, {2, 3}, {5, 40}, {300, 2}, {9, 9}, {20, 6}, {39, 9}, {40, 10}, {80, 24}, {81, 25}, {132, 43}, {250, 70}} {
			d.send(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
			content := d.m.View().Content
			lines := strings.Split(content, "\n")
			if len(lines) > size[1] {
				t.Errorf("%s in %v: %d lines", what, size, len(lines))
			}
			for _, line := range lines {
				if w := lipgloss.Width(line); w > size[0] {
					t.Errorf("%s in %v: %d columns: %q", what, size, w, line)
				}
				for _, r := range sgr.ReplaceAllString(line, "") {
					if !show.Harmless(r) {
						t.Errorf("%s in %v: %U in %q", what, size, r, line)
					}
				}
			}
		}
	}
	check("list")
	d.keys("?")
	check("help")
	d.keys("x", "/", strings.Repeat("日long", 30))
	check("filter")
	d.keys("esc", " ")
	check("paused")
	d.keys(" ")
	for _, name := range names {
		d.open(name)
		check(name)
		d.keys("l")
		check(name + " with l")
		d.keys("?")
		check(name + " with ?")
		d.keys("x")
	}
}

func TestTheUsualScreensHaveWhatMatters(t *testing.T) {
	d := newDesk(t)
	d.numbers("f", "crate00/ch017/adc")
	d.look()
	for width, want := range map[int]string{
		40:  `^NAME +STATE +RATE`,
		80:  `^NAME +STATE +RATE +B/S +AGE +VERSION`,
		160: `^NAME +STATE +RATE +B/S +AGE +VERSION +LEN +TYPE`,
	} {
		d.send(tea.WindowSizeMsg{Width: width, Height: 10})
		d.wantScreen(want, `q quit  \? help  enter open`)
	}
}

func TestColoursAreThoseOfTheStates(t *testing.T) {
	for _, colour := range []bool{true, false} {
		d := newDesk(t, func(o *Options) { o.Colour = colour })
		d.numbers("f", "a", "b")
		d.look()
		content := d.m.View().Content
		if got := strings.Contains(content, "\x1b[32mLIVE"); got != colour {
			t.Errorf("colour %v: %q", colour, content)
		}
		if hues := regexp.MustCompile("\x1b\\[[0-9;]*[34][0-9]").MatchString(content); hues != colour {
			t.Errorf("colour %v: %q", colour, content)
		}
	}
}

func TestMatchLimitsTheList(t *testing.T) {
	d := newDesk(t, func(o *Options) { o.Match = []string{"a/*"} })
	d.numbers("f", "a/1", "a/2", "b/1")
	d.look()
	d.wantNames("a/1", "a/2")
	d.wantScreen(`^1 file  2 LIVE`)
}

// I31, I32: a FILE may be replaced, go and come back while it is looked at.
func TestFileIsReplacedGoesAndComesBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.map")
	produce := func(name string, open func(string, ...mapfile.Option) (*mapfile.MapFile, error)) *mapfile.MapFile {
		t.Helper()
		mf, err := open(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { mf.Close() })
		n := int64(len(name))
		if _, err := mf.Add(name, &n); err != nil {
			t.Fatal(err)
		}
		if err := mf.Update(); err != nil {
			t.Fatal(err)
		}
		return mf
	}
	produce("old", mapfile.Create)
	set := listing.NewSet([]string{path}, nil)
	t.Cleanup(set.Close)
	d := newDesk(t, func(o *Options) { o.Files, o.First = set, set.Look() })
	d.wantNames("old")
	d.keys("enter")
	d.wantScreen(`^old  LIVE`, `^3$`)

	// The library looks from time to time whether a path still names its file: a second or so.
	soon := func(pattern string) {
		t.Helper()
		for start := time.Now(); ; time.Sleep(100 * time.Millisecond) {
			d.look()
			if regexp.MustCompile(`Inf|NaN| -\d`).MatchString(d.screen()) {
				t.Errorf("an absurd number:\n%s", d.screen())
			}
			if regexp.MustCompile("(?m)" + pattern).MatchString(d.screen()) {
				t.Logf("%s after %v", pattern, time.Since(start).Round(100*time.Millisecond))
				return
			}
			if time.Since(start) > 10*time.Second {
				t.Fatalf("the screen never showed %s:\n%s", pattern, d.screen())
			}
		}
	}
	produce("newer", mapfile.Recreate)
	soon(`^old  GONE`)
	d.wantScreen(`^3$`) // what was last
	d.keys("esc")
	d.wantNames("newer")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	soon(`^newer +SUPERSEDED`)
	produce("back", mapfile.Create)
	soon(`^back +LIVE`)
	d.wantNames("back")
}

// The whole program: pictures come by themselves, keys work, q ends it.
func TestProgramRuns(t *testing.T) {
	d := newDesk(t, func(o *Options) { o.Interval = 20 * time.Millisecond })
	p := teatest.NewTestModel(t, d.m, teatest.WithInitialTermSize(80, 24))
	mf, err := mapfile.Create(filepath.Join(d.dir, "late.map"))
	if err != nil {
		t.Fatal(err)
	}
	defer mf.Close()
	n := int64(41)
	if _, err := mf.Add("late/slot", &n); err != nil {
		t.Fatal(err)
	}
	if err := mf.Update(); err != nil {
		t.Fatal(err)
	}
	wait := func(text string) {
		t.Helper()
		teatest.WaitFor(t, p.Output(), func(out []byte) bool { return strings.Contains(string(out), text) }, teatest.WithDuration(20*time.Second))
	}
	wait("late/slot")
	p.Send(tea.KeyPressMsg{Code: tea.KeyEnter})
	wait("41")
	p.Type("q")
	p.WaitFinished(t, teatest.WithFinalTimeout(20*time.Second))
}

// BenchmarkPicture is what top does each interval with 3,000 slots, of which all have a new version:
// look, sort, and draw the screen.
func BenchmarkPicture(b *testing.B) {
	path := filepath.Join(b.TempDir(), "hits.map")
	mf, err := mapfile.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer mf.Close()
	payload := make([]byte, 800)
	for i := range 3000 {
		if _, err := mf.Add(fmt.Sprintf("crate%02d/ch%03d/adc", i/100, i%100), &payload, mapfile.WithTitle("ADC;counts;entries")); err != nil {
			b.Fatal(err)
		}
	}
	set := listing.NewSet([]string{path}, nil)
	defer set.Close()
	for _, key := range listing.Keys {
		b.Run("sort="+key, func(b *testing.B) {
			m := newModel(Options{Files: set, First: set.Look(), Interval: time.Second, Sort: key, Colour: true, Fault: error.Error})
			for b.Loop() {
				b.StopTimer()
				if err := mf.Update(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				m.Update(m.look())
				m.View()
			}
		})
	}
}
