package top

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/mapfile"
)

// The list on the screen. Texts of files are made visible and cut here; only rows in sight are drawn.

// styles are the colours, or just bold and reverse where there are to be none.
type styles struct {
	plain, title, selected, faint, fault lipgloss.Style
	states                               map[mapfile.State]lipgloss.Style
}

func newStyles(colour bool) styles {
	plain := lipgloss.NewStyle()
	s := styles{plain: plain, title: plain.Bold(true), selected: plain.Reverse(true), faint: plain, fault: plain.Bold(true)}
	if colour {
		red := plain.Foreground(lipgloss.Red)
		s.faint, s.fault = plain.Faint(true), red
		s.states = map[mapfile.State]lipgloss.Style{
			mapfile.StateLive: plain.Foreground(lipgloss.Green), mapfile.StateStalled: plain.Foreground(lipgloss.Yellow),
			mapfile.StateDead: red, mapfile.StateSuperseded: red, mapfile.StateClosed: s.faint, mapfile.StateUnknown: s.faint,
		}
	}
	return s
}

// state is a state's word in its colour, the text being that word and blanks.
func (s *styles) state(state mapfile.State, text string) string {
	if style, ok := s.states[state]; ok {
		return style.Render(text)
	}
	return text
}

// shape is the room that rows ask for, in columns.
type shape struct {
	name, state, version, typeName int
	titles                         bool
}

func shapeOf(rows []Row) shape {
	s := shape{name: 4, state: 7, version: 7, typeName: 4}
	var newest uint64
	for i := range rows {
		r := &rows[i]
		s.name = max(s.name, show.Columns(show.Visible(r.Name)))
		s.typeName = max(s.typeName, len(r.Type.Name))
		newest = max(newest, r.Stamp.Version)
		s.titles = s.titles || r.Title != ""
		if r.Producer.State == mapfile.StateSuperseded {
			s.state = 10
		}
	}
	s.version = max(s.version, len(fmt.Sprint(newest)))
	return s
}

// A column of the list.
type column struct {
	title string
	key   string // of listing.Keys: the list can be sorted by it
	width int
	right bool // numbers
	text  func(*Row) string
}

const gap = "  "

// columns are those that have room, in their order. The name comes first, then those that matter most.
func (m *model) columns() []column {
	name := column{"NAME", "name", 0, false, func(r *Row) string { return show.Visible(r.Name) }}
	state := column{"STATE", "", m.shape.state, false, func(r *Row) string { return r.Producer.State.String() }}
	rate := column{"RATE", "rate", 6, true, func(r *Row) string { return show.Rate(r.RateNow()) }}
	bytes := column{"B/S", "", 5, true, func(r *Row) string { return BytesText(r.BytesPerSecond()) }}
	age := column{"AGE", "age", 5, true, func(r *Row) string { return show.SlotAge(r.SlotInfo) }}
	version := column{"VERSION", "", m.shape.version, true, func(r *Row) string { return fmt.Sprint(r.Stamp.Version) }}
	typeName := column{"TYPE", "", min(m.shape.typeName, 24), false, func(r *Row) string { return show.Visible(r.Type.Name) }}
	length := column{"LEN", "size", 7, true, func(r *Row) string { return show.Size(r.Length) }}
	title := column{"TITLE", "", 0, false, func(r *Row) string { return show.Visible(r.Title) }}

	important := []*column{&state, &rate, &age, &bytes, &version, &length, &typeName}
	if m.sort == "size" {
		important = []*column{&state, &length, &rate, &age, &bytes, &version, &typeName}
	}
	least := min(m.shape.name, max(16, m.width*2/5))
	room := m.width - least
	fits := map[*column]bool{}
	for _, c := range important {
		if room >= c.width+len(gap) {
			fits[c] = true
			room -= c.width + len(gap)
		}
	}
	name.width = min(m.shape.name, least+room)
	room -= name.width - least
	columns := []column{name}
	for _, c := range []*column{&state, &rate, &bytes, &age, &version, &length, &typeName} {
		if fits[c] {
			columns = append(columns, *c)
		}
	}
	if room >= 10+len(gap) && m.shape.titles {
		title.width = room - len(gap)
		columns = append(columns, title)
	}
	return columns
}

// fit makes a text exactly so wide.
func fit(text string, width int, right bool) string {
	text = show.Cut(text, width)
	blanks := strings.Repeat(" ", max(0, width-show.Columns(text)))
	if right {
		return blanks + text
	}
	return text + blanks
}

// headLines stand above the rows.
const headLines = 2

// page is how many rows there is room for.
func (m *model) page() int { return max(1, m.height-headLines-m.footLines()) }

// footLines are the lines below the rows: faults, the filter, the keys.
func (m *model) footLines() int {
	n := 1
	if m.typing || m.filter != "" {
		n++
	}
	if m.faultLine() != "" {
		n++
	}
	return n
}

// listLines is the list, with the cursor where a filter is typed.
func (m *model) listLines() (lines []string, cursor *tea.Cursor) {
	lines = append(lines, m.headLine())
	columns := m.columns()
	var titles []string
	for _, c := range columns {
		text := fit(c.title, c.width, c.right)
		style := m.styles.title
		if c.key == m.sort {
			style = style.Underline(true)
			text = strings.Replace(text, c.title, style.Render(c.title), 1)
		} else {
			text = style.Render(text)
		}
		titles = append(titles, text)
	}
	lines = append(lines, strings.Join(titles, gap))

	page := m.page()
	m.first = max(0, min(m.first, m.cursor, len(m.rows)-page))
	m.first = max(m.first, m.cursor-page+1)
	for i := range page {
		switch i += m.first; {
		case i < len(m.rows):
			lines = append(lines, m.rowLine(&m.rows[i], columns, i == m.cursor))
		case i == 0:
			lines = append(lines, show.Cut(m.nothing(), m.width))
		default:
			lines = append(lines, "")
		}
	}

	if fault := m.faultLine(); fault != "" {
		lines = append(lines, m.styles.fault.Render(show.Cut(fault, m.width)))
	}
	if m.typing || m.filter != "" {
		text := "/" + show.Visible(m.filter)
		found := fmt.Sprintf("%d of %d", len(m.rows), len(m.all))
		if over := show.Columns(text) + 2 - m.width; over > 0 && m.typing { // the end is what is typed
			text = "…" + string([]rune(text)[min(len([]rune(text)), over+1):])
		}
		if m.typing {
			cursor = tea.NewCursor(show.Columns(text), len(lines))
		}
		if show.Columns(text)+len(found)+3 <= m.width {
			text += m.styles.faint.Render("   " + found)
		}
		lines = append(lines, text)
	}
	return append(lines, m.footer(m.listKeys())), cursor
}

// headLine is the summary.
func (m *model) headLine() string {
	if !m.paused {
		return m.styles.title.Render(show.Cut(m.summary, m.width))
	}
	const paused = "PAUSED"
	return m.styles.title.Render(fit(m.summary, m.width-len(paused)-1, false)+" ") + m.styles.selected.Render(paused)
}

// rowLine is a slot.
func (m *model) rowLine(r *Row, columns []column, selected bool) string {
	var line strings.Builder
	for i, c := range columns {
		if i > 0 {
			line.WriteString(gap)
		}
		text := fit(c.text(r), c.width, c.right)
		if c.title == "STATE" && !selected {
			text = m.styles.state(r.Producer.State, text)
		}
		line.WriteString(text)
	}
	if selected {
		return m.styles.selected.Render(fit(line.String(), m.width, false))
	}
	return line.String()
}

// nothing says why the list is empty.
func (m *model) nothing() string {
	switch {
	case len(m.all) > 0:
		return "no slot matches; esc clears the filter"
	case len(m.picture.Files) == 0:
		return "no map files; they are shown when they come"
	case len(m.o.Match) > 0:
		return "no slot matches --match"
	}
	return "no slots; they are shown when they come"
}

// faultLine tells what could not be read; "" for nothing.
func (m *model) faultLine() string {
	faults := m.picture.Faults
	if len(faults) == 0 {
		return ""
	}
	text := show.Visible(m.o.Fault(faults[0]))
	if more := len(faults) - 1; more > 0 {
		text = fmt.Sprintf("%d faults: %s", more+1, text)
	}
	return text
}

// A hint is a key and what it does, for footer and help.
type hint struct{ key, short, long string }

func (m *model) listKeys() []hint {
	if m.typing {
		return []hint{{"enter", "keep", ""}, {"esc", "clear", ""}, {"↑↓", "move", ""}}
	}
	sort := m.sort
	if m.reverse {
		sort += "↑"
	}
	return []hint{
		{"q", "quit", "quit"},
		{"?", "help", "this help"},
		{"enter", "open", "open the slot"},
		{"/", "filter", "type a part of a name, or a pattern: a/*/b, a/**"},
		{"s", "sort:" + sort, "sort by the next of name, age, rate, size"},
		{"r", "reverse", "the other way round"},
		{"space", "pause", "pause, go on"},
		{"esc", "", "clear the filter"},
		{"↑↓jk", "", "move; also PgUp, PgDn, Home, End, the wheel"},
	}
}

// footer is as many keys as there is room for, the first ones at least.
func (m *model) footer(hints []hint) string {
	var line strings.Builder
	used := 0
	for _, h := range hints {
		if h.short == "" {
			continue
		}
		width := show.Columns(h.key) + 1 + show.Columns(h.short)
		if used > 0 {
			width += len(gap)
		}
		if used+width > m.width {
			break
		}
		if used > 0 {
			line.WriteString(gap)
		}
		line.WriteString(m.styles.title.Render(h.key) + " " + m.styles.faint.Render(h.short))
		used += width
	}
	return line.String()
}

// helpLines are all keys.
func (m *model) helpLines() []string {
	hints := m.listKeys()
	if m.opened != nil {
		hints = m.openedKeys()
	}
	var lines []string
	for _, h := range hints {
		if h.long != "" {
			lines = append(lines, m.styles.title.Render(fit(h.key, 6, false))+gap+show.Cut(h.long, max(1, m.width-8)))
		}
	}
	lines = lines[:max(0, min(len(lines), m.height-1))]
	for len(lines) < m.height-1 {
		lines = append(lines, "")
	}
	return append(lines, show.Cut("any key goes back", m.width))
}
