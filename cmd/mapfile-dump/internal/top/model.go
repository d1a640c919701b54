package top

import (
	"slices"
	"strings"
	"time"
	"unicode"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/listing"
)

// A model is all that top knows. bubbletea calls its methods one after the other.
type model struct {
	o             Options
	styles        styles
	width, height int

	picture *listing.Picture
	summary string
	all     []Row // of the picture, those of Options.Match
	rows    []Row // all, filtered and sorted
	shape   shape // what the columns need for rows

	sort      string
	reverse   bool
	filter    string
	typing    bool // into the filter
	selection *slotKey
	cursor    int // index of the selected row
	first     int // index of the first row on the screen

	paused, help bool
	interrupted  bool // by Ctrl-C
	logY         bool
	opened       *opened // nil: the list is shown
}

// A slotKey names a slot, whatever row it is in.
type slotKey struct{ label, name string }

func (r *Row) key() slotKey { return slotKey{r.Label, r.Slot.Name} }

// The messages of the commands.
type (
	tickMsg    struct{}
	pictureMsg struct{ picture *listing.Picture }
	valueMsg   value
)

func newModel(o Options) *model {
	m := &model{o: o, styles: newStyles(o.Colour), sort: o.Sort, width: usualWidth, height: usualHeight}
	m.show(o.First)
	return m
}

// The size of a terminal that does not know its own.
const usualWidth, usualHeight = 80, 24

func (m *model) Init() tea.Cmd { return m.tick() }

// tick waits for the time of the next picture.
func (m *model) tick() tea.Cmd {
	return tea.Tick(m.o.Interval, func(time.Time) tea.Msg { return tickMsg{} })
}

func (m *model) look() tea.Msg { return pictureMsg{m.o.Files.Look()} }

func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		if msg.Width <= 0 || msg.Height <= 0 {
			return m, func() tea.Msg { return tea.WindowSizeMsg{Width: usualWidth, Height: usualHeight} }
		}
		m.width, m.height = msg.Width, msg.Height
	case tickMsg:
		if m.paused {
			return m, m.tick()
		}
		return m, m.look
	case pictureMsg:
		if m.paused { // since it was asked for
			return m, m.tick()
		}
		m.show(msg.picture)
		return m, tea.Batch(m.tick(), m.read())
	case valueMsg:
		return m, m.take(value(msg))
	case tea.KeyPressMsg:
		return m, m.press(msg)
	case tea.PasteMsg:
		m.typeText(msg.Content)
	case tea.MouseWheelMsg:
		m.wheel(msg.Button)
	case tea.MouseClickMsg:
		return m, m.click(msg)
	}
	return m, nil
}

// show takes over a new picture.
func (m *model) show(p *listing.Picture) {
	m.picture = p
	m.all = Rows(p, m.o.Match)
	m.summary = Summary(len(p.Files), m.all)
	m.arrange()
	if m.opened != nil {
		m.opened.follow(m.all)
	}
}

// arrange filters and sorts the rows, and finds the selected slot among them.
func (m *model) arrange() {
	m.rows = slices.Clone(m.all)
	if m.filter != "" {
		f := newFilter(m.filter)
		m.rows = slices.DeleteFunc(m.rows, func(r Row) bool { return !f.match(&r) })
	}
	Sort(m.rows, m.sort, m.reverse)
	m.shape = shapeOf(m.rows)
	switch {
	case m.selection == nil:
		m.cursor = 0
	default:
		if i := m.index(*m.selection); i >= 0 {
			m.cursor = i
		}
		m.cursor = max(0, min(m.cursor, len(m.rows)-1))
	}
}

// index is where a slot is in the list; -1: nowhere.
func (m *model) index(k slotKey) int {
	return slices.IndexFunc(m.rows, func(r Row) bool { return r.key() == k })
}

// moveTo selects a row. At the top the cursor stays there, whichever slot comes first.
func (m *model) moveTo(i int) {
	m.cursor = max(0, min(i, len(m.rows)-1))
	m.selection = nil
	if m.cursor > 0 {
		k := m.rows[m.cursor].key()
		m.selection = &k
	}
}

// press does what a key says.
func (m *model) press(msg tea.KeyPressMsg) tea.Cmd {
	key := msg.String()
	switch key {
	case "ctrl+c":
		m.interrupted = true
		return tea.Quit
	case "ctrl+z":
		return tea.Suspend
	}
	switch {
	case m.help:
		m.help = false
		return nil
	case m.typing:
		m.typeKey(msg)
		return nil
	}
	switch key {
	case "q":
		return tea.Quit
	case "?":
		m.help = true
	case "space":
		m.paused = !m.paused
		if !m.paused {
			return m.read()
		}
	default:
		if m.opened != nil {
			return m.pressOpened(key)
		}
		return m.pressList(key)
	}
	return nil
}

// pressList is press for the keys of the list.
func (m *model) pressList(key string) tea.Cmd {
	switch key {
	case "up", "k":
		m.moveTo(m.cursor - 1)
	case "down", "j":
		m.moveTo(m.cursor + 1)
	case "pgup", "ctrl+b":
		m.moveTo(m.cursor - m.page())
	case "pgdown", "ctrl+f":
		m.moveTo(m.cursor + m.page())
	case "home", "g":
		m.moveTo(0)
	case "end", "G":
		m.moveTo(len(m.rows) - 1)
	case "enter", "right":
		return m.open()
	case "/":
		m.typing = true
	case "esc":
		m.setFilter("")
	case "s":
		i := slices.Index(listing.Keys, m.sort)
		m.sort = listing.Keys[(i+1)%len(listing.Keys)]
		m.arrange()
	case "r":
		m.reverse = !m.reverse
		m.arrange()
	}
	return nil
}

// typeKey is press while the filter is typed.
func (m *model) typeKey(msg tea.KeyPressMsg) {
	switch msg.String() {
	case "enter":
		m.typing = false
	case "esc":
		m.typing = false
		m.setFilter("")
	case "backspace":
		if letters := []rune(m.filter); len(letters) > 0 {
			m.setFilter(string(letters[:len(letters)-1]))
		} else {
			m.typing = false
		}
	case "ctrl+u":
		m.setFilter("")
	case "up":
		m.moveTo(m.cursor - 1)
	case "down":
		m.moveTo(m.cursor + 1)
	default:
		m.typeText(msg.Text)
	}
}

// typeText adds to the filter what was typed or pasted.
func (m *model) typeText(text string) {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, text)
	if m.typing && text != "" && len(m.filter)+len(text) < 1000 {
		m.setFilter(m.filter + text)
	}
}

func (m *model) setFilter(text string) {
	if m.filter != text {
		m.filter = text
		m.arrange()
	}
}

// wheel moves by a few lines.
func (m *model) wheel(button tea.MouseButton) {
	step := 3
	switch button {
	case tea.MouseWheelUp:
		step = -step
	case tea.MouseWheelDown:
	default:
		return
	}
	if m.opened != nil {
		m.opened.scroll += step
		return
	}
	m.moveTo(m.cursor + step)
}

// click selects the row, or opens the one that is selected.
func (m *model) click(msg tea.MouseClickMsg) tea.Cmd {
	i := m.first + msg.Y - headLines
	if m.help || m.opened != nil || msg.Button != tea.MouseLeft || msg.Y < headLines || i >= min(len(m.rows), m.first+m.page()) {
		return nil
	}
	if i == m.cursor {
		return m.open()
	}
	m.moveTo(i)
	return nil
}

// View is the screen: as many lines as it has, none longer than it is wide.
func (m *model) View() tea.View {
	var lines []string
	var cursor *tea.Cursor
	switch {
	case m.help:
		lines = m.helpLines()
	case m.opened != nil:
		lines = m.openedLines()
	default:
		lines, cursor = m.listLines()
	}
	lines = lines[:min(len(lines), m.height)]
	for i, line := range lines { // the last resort of a tiny screen
		if lipgloss.Width(line) > m.width {
			lines[i] = m.styles.plain.MaxWidth(m.width).Render(line)
		}
	}
	view := tea.NewView(strings.Join(lines, "\n"))
	view.AltScreen, view.MouseMode, view.Cursor = true, tea.MouseModeCellMotion, cursor
	return view
}
