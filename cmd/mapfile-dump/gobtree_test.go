package main

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/record"
)

type gobShape interface{ Area() float64 }

type gobSquare struct{ Side float64 }

func (s gobSquare) Area() float64 { return s.Side * s.Side }

type gobLine [2]int

func (gobLine) Area() float64 { return 0 }

type gobInner struct {
	Name  string
	Score float64
	Next  *gobInner
}

type gobOuter struct {
	ID     int
	Big    uint64
	OK     bool
	Raw    []byte
	C      complex128
	When   time.Time
	List   []gobInner
	Array  [3]int
	M      map[string]int
	N      map[int]string
	Shapes []gobShape
	Any    any
}

func gobBytesOf(t *testing.T, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func init() {
	gob.RegisterName("shapes.Square", gobSquare{})
	gob.RegisterName("shapes.Line", gobLine{})
	gob.RegisterName("inner", gobInner{})
}

func TestGobIsDecodedWithoutItsGoTypes(t *testing.T) {
	for _, c := range []struct {
		v    any
		want string
	}{
		{5, `5`},
		{"text", `"text"`},
		{[]string{"a", ""}, `["a",""]`},
		{map[string]float64{"k": -0.5}, `{"k":-0.5}`},
		{gobInner{Name: "zero fields are left out by gob"}, `{"Name":"zero fields are left out by gob","Score":0,"Next":null}`},
		{gobOuter{
			ID: -300, Big: math.MaxUint64, OK: true, Raw: []byte{1, 2}, C: complex(1, -2),
			When: time.Date(2026, 11, 21, 9, 31, 7, 0, time.UTC),
			List: []gobInner{{"n", 1.5, &gobInner{Name: "m"}}}, Array: [3]int{1, 2, 3},
			M: map[string]int{"k": 7}, N: map[int]string{-3: "v"},
			Shapes: []gobShape{gobSquare{2}, gobLine{3, 4}}, Any: gobInner{Name: "in any"},
		}, `{"ID":-300,"Big":"18446744073709551615","OK":true,"Raw":"AQI=","C":"(1-2i)","When":"2026-11-21T09:31:07Z",` +
			`"List":[{"Name":"n","Score":1.5,"Next":{"Name":"m","Score":0,"Next":null}}],"Array":[1,2,3],"M":{"k":7},"N":{"-3":"v"},` +
			`"Shapes":[{"Side":2},[3,4]],"Any":{"Name":"in any","Score":0,"Next":null}}`},
		{struct{ Deep any }{struct1{[]any{gobSquare{1}, "s", 7, nil}}}, `{"Deep":{"L":[{"Side":1},"s",7,null]}}`},
	} {
		n, err := decodeGobPayload(gobBytesOf(t, c.v))
		if err != nil {
			t.Errorf("%+v: %v", c.v, err)
			continue
		}
		back, err := fromWire(toWire(n))
		if err != nil {
			t.Errorf("%+v: over the pipe: %v", c.v, err)
		}
		value := record.Value(back)
		got, err := json.Marshal(&value)
		if err != nil || string(got) != c.want {
			t.Errorf("%+v:\n got %s, %v\nwant %s", c.v, got, err, c.want)
		}
	}
}

type struct1 struct{ L []any }

func init() {
	gob.RegisterName("struct1", struct1{})
}

// G05, G06: hostile gob is an error, in bounded memory and depth.
func TestHostileGobIsAnError(t *testing.T) {
	good := gobBytesOf(t, gobOuter{ID: 1, List: []gobInner{{Name: "n"}}, Any: gobSquare{1}, M: map[string]int{"k": 1}})
	for n := range good {
		if _, err := decodeGobPayload(good[:n]); err == nil {
			t.Errorf("cut at %d: no error", n)
		}
	}
	for i := range good {
		for _, x := range []byte{0x01, 0x80, 0xff} {
			bad := bytes.Clone(good)
			bad[i] ^= x
			decodeGobPayload(bad) // no panic, no great memory
		}
	}
	if _, err := decodeGobPayload(append(bytes.Clone(good), 0)); !errors.Is(err, errGob) {
		t.Errorf("bytes left over: %v", err)
	}
	deep := gobInner{}
	for range 10 * gobDepth {
		deep = gobInner{Name: "d", Next: &gobInner{Name: deep.Name, Next: deep.Next}}
	}
	if _, err := decodeGobPayload(gobBytesOf(t, deep)); err == nil {
		t.Error("deep nesting: no error")
	}
}

func FuzzGob(f *testing.F) {
	var b bytes.Buffer
	_ = gob.NewEncoder(&b).Encode(gobOuter{ID: 1, Any: gobSquare{1}})
	f.Add(b.Bytes())
	f.Fuzz(func(_ *testing.T, payload []byte) { decodeGobPayload(payload) })
}
