package top

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/decode"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/termplot"
	"github.com/gomapfile/mapfile/mapfile"
)

// An opened slot: its value is read and decoded beside the model, once for each new version that a
// picture shows, one at a time.
type opened struct {
	key     slotKey
	row     Row // as of the last picture that had it
	gone    bool
	value   *value // the newest that was read; nil: none yet
	reading bool
	scroll  int

	body    []string // the value on the screen,
	bodyFor bodyKey  // drawn for this
}

type bodyKey struct {
	value         *value
	width, height int
	logY          bool
}

// A value is what was read of a slot: a histogram or lines of text, or why not.
type value struct {
	key   slotKey
	stamp mapfile.Stamp // zero if the value could not be read: it is tried again
	hist  *hist.Histogram
	lines []string
	note  string // why it is shown as bytes
	err   error
}

const (
	mostLines = 10_000 // of a tree
	mostBytes = 4096   // of a payload shown as bytes
)

// open opens the selected slot.
func (m *model) open() tea.Cmd {
	if m.cursor >= len(m.rows) {
		return nil
	}
	r := m.rows[m.cursor]
	m.opened = &opened{key: r.key(), row: r}
	return m.read()
}

// follow finds the slot in a new picture.
func (o *opened) follow(rows []Row) {
	o.gone = true
	for i := range rows {
		if rows[i].key() == o.key {
			o.row, o.gone = rows[i], false
			return
		}
	}
}

// read reads the opened slot, if there is a version that has not been read.
func (m *model) read() tea.Cmd {
	o := m.opened
	switch {
	case o == nil, o.reading, o.gone, o.row.Stamp.Version == 0:
		return nil
	case o.value != nil && (o.value.stamp == o.row.Stamp || m.paused):
		return nil
	}
	o.reading = true
	files, key, title := m.o.Files, o.key, o.row.Title
	return func() tea.Msg { return valueMsg(readValue(files, key, title)) }
}

// take takes over a value that was read.
func (m *model) take(v value) tea.Cmd {
	if m.opened == nil || m.opened.key != v.key {
		return nil
	}
	m.opened.value, m.opened.reading = &v, false
	return nil
}

func readValue(files Files, key slotKey, title string) value {
	v := value{key: key}
	mf, ok := files.File(key.label)
	if !ok {
		v.err = errors.New("the file has gone")
		return v
	}
	var raw mapfile.Raw
	if v.err = mf.GetInto(key.name, &raw); v.err != nil {
		return v
	}
	v.stamp = raw.Stamp
	node, err := decode.Payload(mf.Path(), key.name, raw.Type, raw.Payload)
	var undecoded *decode.NotDecoded
	switch {
	case errors.As(err, &undecoded):
		v.note = undecoded.Reason
		v.lines = bytesLines(raw.Payload)
		return v
	case err != nil:
		v.err = err
		return v
	}
	if h, ok := hist.Of(raw.Type.Name, node); ok {
		h.TitledBy(title)
		v.hist = h
		return v
	}
	for line := range show.Tree(node, "") {
		if len(v.lines) == mostLines {
			v.lines = append(v.lines, "… cut here; get shows all")
			break
		}
		v.lines = append(v.lines, line)
	}
	return v
}

// bytesLines shows a payload as offset, hex and text.
func bytesLines(payload []byte) []string {
	shown := payload[:min(len(payload), mostBytes)]
	lines := strings.Split(strings.TrimSuffix(hex.Dump(shown), "\n"), "\n")
	if more := len(payload) - len(shown); more > 0 {
		lines = append(lines, fmt.Sprintf("… %s more", show.Size(int64(more))))
	}
	return lines
}

// pressOpened is press for the keys of an opened slot.
func (m *model) pressOpened(key string) tea.Cmd {
	o := m.opened
	page := max(1, m.height-4)
	switch key {
	case "esc", "backspace":
		m.opened = nil
	case "n", "right":
		return m.step(1)
	case "p", "left":
		return m.step(-1)
	case "l":
		m.logY = !m.logY
	case "up", "k":
		o.scroll--
	case "down", "j":
		o.scroll++
	case "pgup", "ctrl+b":
		o.scroll -= page
	case "pgdown", "ctrl+f":
		o.scroll += page
	case "home", "g":
		o.scroll = 0
	case "end", "G":
		o.scroll = 1 << 30
	}
	return nil
}

// step opens the slot that comes n rows later in the list.
func (m *model) step(n int) tea.Cmd {
	at := m.index(m.opened.key)
	if at < 0 { // gone, or the filter hides it: where it was
		at = m.cursor
	}
	if next := at + n; next < 0 || next >= len(m.rows) {
		return nil
	}
	m.moveTo(at + n)
	return m.open()
}

func (m *model) openedKeys() []hint {
	keys := []hint{
		{"q", "quit", "quit"},
		{"esc", "back", "back to the list; also backspace"},
		{"?", "help", "this help"},
		{"n/p", "next/previous", "next, previous slot; also → and ←"},
	}
	if v := m.opened.value; v != nil && v.hist != nil {
		log := "log"
		if m.logY {
			log = "linear"
		}
		keys = append(keys, hint{"l", log, "logarithmic or linear contents"})
	} else {
		keys = append(keys, hint{"↑↓jk", "scroll", "scroll; also PgUp, PgDn, Home, End, the wheel"})
	}
	return append(keys, hint{"space", "pause", "pause, go on"})
}

// openedLines is the slot on the screen.
func (m *model) openedLines() []string {
	o := m.opened
	r := &o.row
	v := o.value
	lines := append([]string{m.openedHead()}, m.facts()...)
	switch {
	case r.Stamp.Version == 0 && v == nil:
		lines = append(lines, "", "no value yet")
	case v == nil:
		lines = append(lines, "", "reading …")
	case v.err != nil:
		lines = append(lines, "")
		for _, line := range wrap(show.Visible(m.o.Fault(v.err)), m.width) {
			lines = append(lines, m.styles.fault.Render(line))
		}
	case v.note != "":
		lines = append(lines, m.styles.fault.Render(show.Cut(show.Visible(v.note), m.width)))
	}

	room := m.height - len(lines) - 1
	lines = lines[:max(0, min(len(lines), m.height-1))]
	if v != nil && room > 0 {
		lines = append(lines, m.body(room)...)
	}
	for len(lines) < m.height-1 {
		lines = append(lines, "")
	}
	return append(lines, m.footer(m.openedKeys()))
}

// openedHead is the first line: name and state.
func (m *model) openedHead() string {
	r := &m.opened.row
	state := r.Producer.State.String()
	painted := m.styles.state(r.Producer.State, state)
	if m.opened.gone {
		state = "GONE"
		painted = m.styles.fault.Render(state)
	}
	if m.paused {
		const paused = "PAUSED"
		painted += " " + m.styles.selected.Render(paused)
		state += " " + paused
	}
	room := m.width - len(state) - len(gap)
	if room < 1 {
		return show.Cut(show.Visible(r.Name), m.width)
	}
	name := show.Cut(show.Visible(r.Name), room)
	return m.styles.title.Render(name) + gap + painted
}

// facts are what is known of the slot without its value.
func (m *model) facts() []string {
	r, v := &m.opened.row, m.opened.value
	facts := []string{show.Visible(r.Type.Name)}
	if r.Stamp.Version != 0 {
		facts = append(facts, fmt.Sprintf("version %d", r.Stamp.Version), show.SlotAge(r.SlotInfo)+" ago")
		if rate := r.RateNow(); rate > 0 {
			facts = append(facts, show.Rate(rate)+"/s", ofThousand(r.BytesPerSecond(), " ")+"B/s")
		}
		facts = append(facts, fmt.Sprintf("%d of %s", r.Length, show.Size(r.Capacity)))
	}
	if v == nil || v.hist == nil { // a picture has its titles
		facts = append(facts, show.Visible(r.Title))
	}
	return flow(facts, m.width, max(1, min(2, m.height/8)))
}

// body is the value in so many lines at most.
func (m *model) body(height int) []string {
	o := m.opened
	want := bodyKey{o.value, m.width, height, m.logY}
	if h := o.value.hist; h != nil {
		if o.bodyFor != want {
			options := termplot.Options{Width: m.width, Height: height, Colour: m.o.Colour}
			if h.Kind == hist.H2D {
				options.LogZ = m.logY
			} else {
				options.LogY = m.logY
			}
			o.body, o.bodyFor = termplot.Draw(options, h), want
		}
		return o.body[:min(len(o.body), height)]
	}
	if want.height, want.logY = 0, false; o.bodyFor != want {
		o.body, o.bodyFor = nil, want
		for _, line := range o.value.lines {
			o.body = append(o.body, wrap(line, m.width)...)
		}
	}
	o.scroll = max(0, min(o.scroll, len(o.body)-height))
	return o.body[o.scroll:min(len(o.body), o.scroll+height)]
}

// flow puts texts side by side into lines, at most so many. What does not fit is left out.
func flow(texts []string, width, most int) []string {
	const between = "   "
	var lines []string
	for _, text := range texts {
		text = show.Cut(text, width)
		switch last := len(lines) - 1; {
		case text == "":
		case last >= 0 && show.Columns(lines[last])+len(between)+show.Columns(text) <= width:
			lines[last] += between + text
		case len(lines) < most:
			lines = append(lines, text)
		default:
			return lines
		}
	}
	return lines
}

// wrap breaks a text into lines, at blanks if there are. Those that follow the first are indented as it is.
func wrap(text string, width int) []string {
	if len(text) <= width {
		return []string{text}
	}
	indent := text[:len(text)-len(strings.TrimLeft(text, " "))]
	if len(indent) > width/2 {
		indent = ""
	}
	var lines []string
	line, used, blank := []rune{}, 0, 0 // blank: where the last one ends
	for _, r := range text {
		n := show.Columns(string(r))
		if used+n > width && len(line) > len(indent) {
			end := len(line)
			if blank > len(line)/2 {
				end = blank
			}
			lines = append(lines, strings.TrimRight(string(line[:end]), " "))
			line = append([]rune(indent), line[end:]...)
			used, blank = show.Columns(string(line)), 0
		}
		line = append(line, r)
		used += n
		if r == ' ' {
			blank = len(line)
		}
	}
	return append(lines, string(line))
}
