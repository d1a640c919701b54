package main

import (
	"bufio"
	"fmt"
	"os"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/record"
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

// lines writes lines of text.
func (o *output) lines(lines []string) error {
	for _, line := range lines {
		if err := o.printf("%s\n", line); err != nil {
			return err
		}
	}
	return nil
}

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

func (r *records) put(rec any) error {
	line, err := record.Line(rec)
	if err != nil {
		return err
	}
	r.n++
	switch {
	case r.lines || r.single:
		return r.out.printf("%s\n", line)
	case r.n == 1:
		return r.out.printf("%s\n%s", record.ListHead, line)
	}
	return r.out.printf(",\n%s", line)
}

// end closes the list.
func (r *records) end() error {
	switch {
	case r.lines || r.single:
		return nil
	case r.n == 0:
		return r.out.printf("%s%s\n", record.ListHead, record.ListEnd)
	}
	return r.out.printf("\n" + record.ListEnd + "\n")
}

// wantsJSON says whether the format is one of the JSON ones.
func (t *tool) wantsJSON() bool { return t.flags.output == "json" || t.flags.output == "ndjson" }
