package gobcodec

// The two things in messages: definitions of types, and values of them.

// define reads gob's wireType, a struct of which one field, its kind, is set.
func (s *stream) define(id int64) {
	if _, ok := s.types[id]; ok || id < firstUserID {
		s.fail("type %d is defined twice", id)
	}
	var t wireType
	kinds := 0
	s.fields(func(number int) {
		if number >= int(numKinds) {
			s.fail("a type of unknown kind %d", number)
		}
		kinds++
		t.kind = wireKind(number)
		s.fields(func(number int) { s.defineField(&t, number) })
	})
	if kinds != 1 {
		s.fail("a type of %d kinds", kinds)
	}
	s.types[id] = t
}

// defineField reads one field of the definition of a type: its name and number come first in all
// kinds, then what the kind needs.
func (s *stream) defineField(t *wireType, number int) {
	switch {
	case number == 0:
		s.fields(func(number int) { // CommonType: name, number
			switch number {
			case 0:
				s.skip()
			case 1:
				s.int()
			default:
				s.fail("a type has an unknown field %d", number)
			}
		})
	case number == 1 && t.kind == structKind:
		for range s.count(1) {
			t.fields = append(t.fields, s.defineStructField())
		}
	case number == 1 && t.kind == mapKind:
		t.key = s.int()
	case number == 1 && t.kind < structKind, number == 2 && t.kind == mapKind:
		t.elem = s.int()
	case number == 2 && t.kind == arrayKind:
		t.length = uint64(s.int())
	default:
		s.fail("a type has an unknown field %d", number)
	}
}

func (s *stream) defineStructField() (id int64) {
	s.fields(func(number int) {
		switch number {
		case 0:
			s.skip() // name
		case 1:
			id = s.int()
		default:
			s.fail("a struct field has an unknown field %d", number)
		}
	})
	return id
}

// topValue reads a value that stands for itself: if it is no struct, a 0 comes first.
func (s *stream) topValue(id int64, depth int) {
	if t, ok := s.types[id]; !ok || t.kind != structKind {
		if s.uint() != 0 {
			s.fail("no 0 before a value that is not a struct")
		}
	}
	s.value(id, depth)
}

func (s *stream) value(id int64, depth int) {
	if depth > maxDepth {
		s.fail("values are nested more than %d deep", maxDepth)
	}
	switch id {
	case boolID, intID, uintID, floatID:
		s.uint()
	case complexID:
		s.uint()
		s.uint()
	case bytesID, stringID:
		s.skip()
	case interfaceID:
		s.interfaceValue(depth)
	default:
		t, ok := s.types[id]
		if !ok {
			s.fail("type %d is not defined", id)
		}
		s.userValue(t, depth)
	}
}

func (s *stream) userValue(t wireType, depth int) {
	switch t.kind {
	case arrayKind:
		n := s.count(1)
		if uint64(n) != t.length {
			s.fail("an array of %d has %d elements", t.length, n)
		}
		for range n {
			s.value(t.elem, depth+1)
		}
	case sliceKind:
		for range s.count(1) {
			s.value(t.elem, depth+1)
		}
	case mapKind:
		for range s.count(2) {
			s.value(t.key, depth+1)
			s.value(t.elem, depth+1)
		}
	case structKind:
		s.fields(func(number int) {
			if number >= len(t.fields) {
				s.fail("a struct of %d fields has a field %d", len(t.fields), number)
			}
			s.value(t.fields[number], depth+1)
		})
	default: // written by a method of the type
		s.skip()
	}
}

// interfaceValue reads the name that gob.Register gave, definitions of types that have not come up
// before, the type's number, the length of the value, the value. The encoder ends a message after a
// definition; inside another interface's value, such messages stand one in the other.
func (s *stream) interfaceValue(depth int) {
	n := s.length()
	if s.rest = s.rest[n:]; n == 0 {
		return // nil
	}
	id := s.int()
	for id < 0 {
		s.define(-id)
		if len(s.rest) == 0 {
			s.nextMessage()
		} else {
			s.length()
		}
		id = s.int()
	}
	s.length()
	s.topValue(id, depth+1)
}
