package summing

import (
	"cmp"
	"fmt"
	"math/bits"

	"google.golang.org/protobuf/proto"

	mapfilepb "github.com/gomapfile/mapfile/proto"
)

// sumOfCounters adds counters of one unit and one kind of number. One whose number is not known yet adds
// nothing.
func sumOfCounters(shares []Share) (proto.Message, error) {
	sum := proto.Clone(shares[0].value).(*mapfilepb.Value)
	unit := &shares[0]
	number := &shares[0] // the first whose number is known
	for i := 1; i < len(shares); i++ {
		s := &shares[i]
		v := s.value
		if sum.Unit == "" {
			unit = s
		}
		sum.Name = cmp.Or(sum.Name, v.Name)
		sum.Title = cmp.Or(sum.Title, v.Title)
		sum.Unit = cmp.Or(sum.Unit, v.Unit)
		if v.Unit != "" && v.Unit != sum.Unit {
			return nil, unlike("units", unit, fmt.Sprintf("%q", sum.Unit), s, fmt.Sprintf("%q", v.Unit))
		}
		sum.Annotations = withAnnotations(sum.Annotations, v.Annotations)
		switch {
		case v.Number == nil:
			continue
		case sum.Number == nil:
			sum.Number, number = proto.Clone(v).(*mapfilepb.Value).Number, s
			continue
		case kindOf(v) != kindOf(sum):
			return nil, unlike("kinds of number", number, kindOf(sum), s, kindOf(v))
		}
		if !addNumber(sum, v) {
			return nil, fmt.Errorf("%s: the sum is too large for a number of 64 bits", s.From)
		}
	}
	return sum, nil
}

func kindOf(v *mapfilepb.Value) string {
	switch v.Number.(type) {
	case *mapfilepb.Value_Real:
		return "real"
	case *mapfilepb.Value_Integer:
		return "integer"
	case *mapfilepb.Value_Unsigned:
		return "unsigned"
	}
	return "unknown"
}

// addNumber adds a number of the same kind, if the sum can be held.
func addNumber(sum, v *mapfilepb.Value) (ok bool) {
	switch n := sum.Number.(type) {
	case *mapfilepb.Value_Real:
		n.Real += v.GetReal()
	case *mapfilepb.Value_Integer:
		n.Integer, ok = addCounts(n.Integer, v.GetInteger())
		return ok
	case *mapfilepb.Value_Unsigned:
		var carry uint64
		n.Unsigned, carry = bits.Add64(n.Unsigned, v.GetUnsigned(), 0)
		return carry == 0
	}
	return true
}
