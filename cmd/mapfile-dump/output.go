package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"unicode/utf8"

	"golang.org/x/term"
)

// An output is stdout: buffered, and aware of what it is connected to. The first error of a write
// stays; Write and Flush return it from then on.
type output struct {
	file     *os.File
	buf      *bufio.Writer
	terminal bool
	width    int // columns of the terminal; 0: unknown or none
}

func newOutput(file *os.File, t *tool) *output {
	o := &output{file: file}
	o.buf = bufio.NewWriterSize(writerFunc(func(p []byte) (int, error) {
		defer t.clock.pause()() // who reads us may take his time
		return file.Write(p)
	}), 32<<10)
	if term.IsTerminal(int(file.Fd())) {
		o.terminal = true
		if width, _, err := term.GetSize(int(file.Fd())); err == nil {
			o.width = width
		}
	}
	return o
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func (o *output) Write(p []byte) (int, error) { return o.buf.Write(p) }
func (o *output) Flush() error                { return o.buf.Flush() }

// printf writes text.
func (o *output) printf(format string, args ...any) error {
	_, err := fmt.Fprintf(o.buf, format, args...)
	return err
}

// schemaVersion is the version of the JSON. It changes when a field goes or changes its meaning, not
// when one is added.
const schemaVersion = 1

// records writes the JSON of a command: one object a line with ndjson; with json one document, which
// is the record itself where the command line asks for exactly one, else a list of them.
type records struct {
	out    *output
	single bool
	lines  bool
	n      int
}

func (t *tool) newRecords(single bool) *records {
	return &records{out: t.out, single: single, lines: t.flags.output == "ndjson"}
}

func (r *records) put(record any) error {
	line, err := jsonLine(record)
	if err != nil {
		return err
	}
	r.n++
	switch {
	case r.lines || r.single:
		return r.out.printf("%s\n", line)
	case r.n == 1:
		return r.out.printf("%s\n%s", listHead, line)
	}
	return r.out.printf(",\n%s", line)
}

// end closes the list.
func (r *records) end() error {
	switch {
	case r.lines || r.single:
		return nil
	case r.n == 0:
		return r.out.printf("%s]}\n", listHead)
	}
	return r.out.printf("\n]}\n")
}

var listHead = fmt.Sprintf(`{"schema":%d,"kind":"list","items":[`, schemaVersion)

// jsonLine is the JSON of a value on one line. What visible would escape is \u-escaped, so that JSON
// is harmless on a terminal and still exact.
func jsonLine(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	if plain(string(text)) {
		return text, nil
	}
	line := make([]byte, 0, len(text)+16)
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		switch { // outside of strings everything is ASCII
		case harmless(r):
			line = append(line, text[i:i+size]...)
		case r < 0x10000:
			line = fmt.Appendf(line, `\u%04x`, r)
		default:
			r -= 0x10000
			line = fmt.Appendf(line, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		}
		i += size
	}
	return line, nil
}

// wantsJSON says whether the format is one of the JSON ones.
func (t *tool) wantsJSON() bool { return t.flags.output == "json" || t.flags.output == "ndjson" }
