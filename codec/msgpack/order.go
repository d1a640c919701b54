package msgpackcodec

import (
	"bytes"
	"cmp"
	"slices"
)

// sortMaps puts the entries of Go maps in the order of their keys, strings as text and numbers by value: the library
// writes them as they come, so that the same value would give other bytes each time. Structs keep
// the order of their fields, and what encoded itself is left alone.
func sortMaps(s *shape, payload []byte) { s.sortMaps(payload) }

// sortMaps sorts within the first item of b and returns what follows it.
func (s *shape) sortMaps(b []byte) []byte {
	if s == nil || !s.hasMaps || s.kind == ownShape {
		return mustSkip(b)
	}
	it, _ := next(b)
	switch {
	case s.kind == anyShape && it.form == formArray, s.kind == listShape && it.form == formArray:
		elem := s.elem
		if s.kind == anyShape {
			elem = s
		}
		b = b[it.size:]
		for range it.count {
			b = elem.sortMaps(b)
		}
		return b
	case s.kind == anyShape && it.form == formMap:
		return sortEntries(it, b, s)
	case s.kind == mapShape && it.form == formMap:
		return sortEntries(it, b, s.elem)
	case s.kind == structShape && it.form == formMap:
		b = b[it.size:]
		for range it.count / 2 {
			key, _ := next(b)
			b = s.byName[string(key.body)].sortMaps(mustSkip(b))
		}
		return b
	case s.kind == structShape && it.form == formArray:
		b = b[it.size:]
		for _, f := range s.fields {
			b = f.shape.sortMaps(b)
		}
		return b
	}
	return mustSkip(b)
}

func sortEntries(it item, b []byte, elem *shape) []byte {
	type entry struct {
		key   item
		whole []byte
	}
	b = b[it.size:]
	start, entries := b, make([]entry, 0, it.count/2)
	for range it.count / 2 {
		key, _ := next(b)
		rest := elem.sortMaps(mustSkip(b))
		entries = append(entries, entry{key, b[:len(b)-len(rest)]})
		b = rest
	}
	byKey := func(x, y entry) int {
		if d := compareKeys(x.key, y.key); d != 0 {
			return d
		}
		return bytes.Compare(x.whole, y.whole)
	}
	if slices.IsSortedFunc(entries, byKey) {
		return b
	}
	slices.SortFunc(entries, byKey)
	sorted := make([]byte, 0, len(start)-len(b))
	for _, e := range entries {
		sorted = append(sorted, e.whole...)
	}
	copy(start, sorted)
	return b
}

// compareKeys orders numbers before text, each by value.
func compareKeys(x, y item) int {
	negative := func(it item) bool { return it.form == formInt && int64(it.num) < 0 }
	xForm, yForm := min(x.form, formUint), min(y.form, formUint)
	if x.form > formUint || y.form > formUint {
		xForm, yForm = x.form, y.form
	}
	switch {
	case x.form <= formUint && y.form <= formUint && x.form >= formInt && y.form >= formInt:
		if negative(x) != negative(y) {
			if negative(x) {
				return -1
			}
			return 1
		}
		return cmp.Compare(x.num, y.num)
	case xForm != yForm:
		return cmp.Compare(xForm, yForm)
	}
	return cmp.Or(cmp.Compare(x.num, y.num), bytes.Compare(x.body, y.body))
}
