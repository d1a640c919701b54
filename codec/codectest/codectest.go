// Package codectest checks that a codec keeps the promises of package codec.
//
// Somebody who writes a codec adds one test:
//
//	func TestCodec(t *testing.T) {
//		codectest.Run(t, thecodec.Codec, codectest.Case{
//			New:     func() any { return new(Track) },
//			Values:  []any{&Track{}, &Track{ID: 7, Hits: []Hit{{1, 2}, {3, 4}}}},
//			Hostile: [][]byte{{2}, []byte("not a track")},
//		})
//	}
//
// and runs it with go test -race. Each promise is a subtest named after it. Give values that differ
// much: zero, full, long slices before short ones, maps with other keys, nil beside non-nil. Where
// one type has hostile inputs of its own (counts that lie, deep nesting), put them into Hostile; a
// codec that overflows the stack on them takes the test process down, which is the proof that it
// would take down a reader.
//
// What cannot be seen from outside remains the author's: that Append does not read dst beyond its
// length in rare branches, or that code which the values brought along behaves.
package codectest

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/gomapfile/mapfile/codec"
)

// A Case is one type that the codec accepts. Only New and Values must be given.
type Case struct {
	Name   string     // of the subtest; the type's name if empty
	New    func() any // returns a new *X, X zero
	Values []any      // each a *X; none is changed

	// Equal compares two *X; reflect.DeepEqual if nil. It is also asked whether decoding into a used
	// object gives the same as decoding into a new one, so it should be no laxer than need be.
	Equal func(got, want any) bool

	Hostile     [][]byte       // payloads that must be refused: bombs, depth, wrong numbers
	Unencodable []any          // pointers that Append must refuse: NaN in JSON, cycles, nil inside
	BadTypes    []reflect.Type // types that Check must refuse

	// MaxMemory is what decoding n bytes may allocate in all, garbage included; 1 MiB + 100 n if nil.
	// Inspect may take four times as much, because a Node is larger than what it shows.
	MaxMemory func(n int) int

	// CheckNode looks at what Inspect made of Values[i]. If nil, each number, string and true that is
	// found in exported fields must be found in the nodes too.
	CheckNode func(i int, n codec.Node) error

	// Concatenates: two payloads, one behind the other, are a payload, as in protobuf, where the
	// second is merged into the first. Document it if you need it.
	Concatenates bool
	// Nondeterministic: equal values may give different bytes. Document it if you need it.
	Nondeterministic bool
}

// Run checks c against all promises for each case. The first one starts 100 goroutines at once, so
// call Run before anything else uses c with these types.
func Run(t *testing.T, c codec.Codec, cases ...Case) {
	t.Helper()
	if len(cases) == 0 {
		t.Fatal("codectest: no case")
	}
	for _, k := range cases {
		if k.New == nil || len(k.Values) == 0 {
			t.Fatalf("codectest: case %q lacks New or Values", k.Name)
		}
		t.Run(k.name(), func(t *testing.T) {
			for _, p := range promises {
				t.Run(p.name, func(t *testing.T) {
					switch err := p.check(c, &k); {
					case errors.Is(err, errNotPromised):
						t.Skip(err)
					case err != nil:
						t.Error(err)
					}
				})
			}
		})
	}
}

// promises in the order in which they are checked. Each check returns what is wrong, and does not
// panic when the codec does: the panic is what is wrong.
var promises = []struct {
	name  string
	check func(codec.Codec, *Case) error
}{
	{"Concurrent", concurrent}, // first, to catch caches that are filled at the first use
	{"Named", named},
	{"AcceptsTypes", acceptsTypes},
	{"RefusesTypes", refusesTypes},
	{"RoundTrip", roundTrip},
	{"Deterministic", deterministic},
	{"AppendAppends", appendAppends},
	{"AppendKeepsNothing", appendKeepsNothing},
	{"RefusesValues", refusesValues},
	{"RefusesWrongPointers", refusesWrongPointers},
	{"RefusesTrailingBytes", refusesTrailingBytes},
	{"RefusesTruncation", refusesTruncation},
	{"RefusesHostile", refusesHostile},
	{"SurvivesMutations", survivesMutations},
	{"ResultsStay", resultsStay},
	{"ReuseIsFresh", reuseIsFresh},
	{"ReuseBorrows", reuseBorrows},
	{"Describes", describes},
	{"Inspects", inspects},
	{"InspectSurvives", inspectSurvives},
}

// errNotPromised is for optional interfaces that the codec does not have.
var errNotPromised = errors.New("not promised by this codec")

func (k *Case) name() string {
	if k.Name != "" {
		return k.Name
	}
	return k.goType().String()
}

// goType is X.
func (k *Case) goType() reflect.Type { return reflect.TypeOf(k.New()).Elem() }

func (k *Case) equal(got, want any) bool {
	if k.Equal != nil {
		return k.Equal(got, want)
	}
	return reflect.DeepEqual(got, want)
}

func (k *Case) maxMemory(n int) int {
	if k.MaxMemory != nil {
		return k.MaxMemory(n)
	}
	return 1<<20 + 100*n
}

// encode, decode, reuse and inspect call the codec; a panic becomes an error that wraps errPanic.

var errPanic = errors.New("the codec panicked")

func guard(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%w: %v", errPanic, p)
	}
}

func encode(c codec.Codec, dst []byte, v any) (out []byte, err error) {
	defer guard(&err)
	return c.Append(dst, v)
}

// decode hands over a copy, because src belongs to the codec.
func decode(c codec.Codec, src []byte, v any) (err error) {
	defer guard(&err)
	return c.Decode(append(make([]byte, 0, len(src)), src...), v)
}

// decodeNew decodes into a new object.
func (k *Case) decodeNew(c codec.Codec, src []byte) (any, error) {
	v := k.New()
	return v, decode(c, src, v)
}

func reuse(r codec.Reuser, src []byte, v any) (err error) {
	defer guard(&err)
	return r.DecodeReuse(src, v)
}

func inspect(i codec.Inspector, schema, payload []byte) (n codec.Node, err error) {
	defer guard(&err)
	return i.Inspect(schema, payload)
}

// encodings returns the payloads of all values.
func (k *Case) encodings(c codec.Codec) ([][]byte, error) {
	var all [][]byte
	for i, v := range k.Values {
		e, err := encode(c, nil, v)
		if err != nil {
			return nil, fmt.Errorf("value %d: Append: %w", i, err)
		}
		all = append(all, e)
	}
	return all, nil
}

// short shows a payload in a message.
func short(b []byte) string {
	if len(b) > 64 {
		return fmt.Sprintf("%.64q… (%d bytes)", b, len(b))
	}
	return fmt.Sprintf("%q", b)
}
