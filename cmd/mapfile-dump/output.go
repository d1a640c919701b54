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

// newRecords writes the JSON of a command: one object a line with ndjson; with json one document, which
// is the record itself where the command line asks for exactly one, else a list of them.
func (t *tool) newRecords(single bool) *record.List {
	return record.NewList(t.out, single || t.flags.output == "ndjson")
}

// wantsJSON says whether the format is one of the JSON ones.
func (t *tool) wantsJSON() bool { return t.flags.output == "json" || t.flags.output == "ndjson" }
