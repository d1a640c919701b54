package pod

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// maxSize bounds the size that a schema may claim, so that sums of sizes do not overflow.
const maxSize = 1 << 48

// Compatible returns nil if both layouts are the same; else the error names the first field that
// differs.
func (podCodec) Compatible(written, mine []byte) error {
	w, err := parseSchema(written)
	if err != nil {
		return err
	}
	if bytes.Equal(written, mine) {
		return nil
	}
	m, err := parseSchema(mine)
	if err != nil {
		return err
	}
	if d := w.difference(m, "value"); d != "" {
		return errors.New("pod: layouts differ: " + d)
	}
	return nil
}

// parseSchema reads what layout.String has written. Its memory is bounded by the length of text and
// its recursion by maxDepth. The layout is nil if it has no fields.
func parseSchema(text []byte) (*layout, error) {
	if string(text) == (*layout)(nil).String() {
		return nil, nil
	}
	p := parser{text: string(text)}
	l := p.layout(0)
	if p.err == nil && p.pos != len(p.text) {
		p.fail("more text than a layout")
	}
	if p.err != nil {
		return nil, p.err
	}
	return l, nil
}

// parser is a recursive descent over the text; after the first error it only returns nil.
type parser struct {
	text string
	pos  int
	err  error
}

func (p *parser) fail(format string, args ...any) *layout {
	if p.err == nil {
		p.err = fmt.Errorf("pod: schema, byte %d: %s", p.pos, fmt.Sprintf(format, args...))
	}
	return nil
}

func (p *parser) accept(c byte) bool {
	if p.pos < len(p.text) && p.text[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

func (p *parser) layout(depth int) *layout {
	if depth > maxDepth {
		return p.fail("nested deeper than %d", maxDepth)
	}
	if p.accept('[') {
		return p.array(depth)
	}
	word := p.word()
	if word == "struct" {
		return p.structure(depth)
	}
	for kind := range scalars {
		if kind.String() == word {
			return scalarLayout(kind)
		}
	}
	return p.fail("no type of fixed size")
}

func (p *parser) array(depth int) *layout {
	start := p.pos
	for p.pos < len(p.text) && p.text[p.pos] >= '0' && p.text[p.pos] <= '9' {
		p.pos++
	}
	count, err := strconv.ParseUint(p.text[start:p.pos], 10, 64)
	if err != nil || count == 0 || p.text[start] == '0' || !p.accept(']') {
		return p.fail("not the length of an array")
	}
	elem := p.layout(depth + 1)
	if elem == nil {
		return nil
	}
	if count > maxSize/elem.size {
		return p.fail("array of %d elements is too large", count)
	}
	return arrayLayout(count, elem)
}

func (p *parser) structure(depth int) *layout {
	if !p.accept('{') {
		return p.fail("struct without fields")
	}
	l := newStruct()
	for {
		name := p.word()
		if name == "" || name == "_" || !p.accept(' ') {
			return p.fail("not a field")
		}
		fl := p.layout(depth + 1)
		if fl == nil {
			return nil
		}
		l.fields = append(l.fields, field{name: name, layout: fl})
		l.size += fl.size
		if l.size > maxSize {
			return p.fail("struct is too large")
		}
		if p.accept('}') {
			return l
		}
		if !p.accept(';') {
			return p.fail("not the end of a field")
		}
	}
}

// word takes a Go identifier, "" if there is none.
func (p *parser) word() string {
	start := p.pos
	for p.pos < len(p.text) {
		r, n := utf8.DecodeRuneInString(p.text[p.pos:])
		if r != '_' && !unicode.IsLetter(r) && (p.pos == start || !unicode.IsDigit(r)) {
			break
		}
		p.pos += n
	}
	return p.text[start:p.pos]
}
