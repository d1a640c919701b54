package record

import (
	"fmt"
	"io"
)

// A List writes records: each on a line of its own, or all as one document, the list of them. Who makes one
// ends it.
type List struct {
	w     io.Writer
	lines bool
	n     int
}

// NewList writes to w; lines says whether it is lines or a document.
func NewList(w io.Writer, lines bool) *List { return &List{w: w, lines: lines} }

var listHead = fmt.Sprintf(`{"schema":%d,"kind":"list","items":[`, SchemaVersion)

const listEnd = "]}"

// Put writes a record.
func (l *List) Put(rec any) error {
	line, err := Line(rec)
	if err != nil {
		return err
	}
	return l.PutLine(line)
}

// PutLine writes a record of which Line has made JSON.
func (l *List) PutLine(line []byte) error {
	l.n++
	var err error
	switch {
	case l.lines:
		_, err = fmt.Fprintf(l.w, "%s\n", line)
	case l.n == 1:
		_, err = fmt.Fprintf(l.w, "%s\n%s", listHead, line)
	default:
		_, err = fmt.Fprintf(l.w, ",\n%s", line)
	}
	return err
}

// End closes the list.
func (l *List) End() error {
	var err error
	switch {
	case l.lines:
	case l.n == 0:
		_, err = fmt.Fprintf(l.w, "%s%s\n", listHead, listEnd)
	default:
		_, err = fmt.Fprintf(l.w, "\n%s\n", listEnd)
	}
	return err
}
