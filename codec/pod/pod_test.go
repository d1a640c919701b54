package pod

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/internal/inplace"
)

var (
	_ codec.Reuser    = podCodec{}
	_ codec.Checker   = podCodec{}
	_ codec.Describer = podCodec{}
	_ codec.Inspector = podCodec{}
	_ inplace.Codec   = podCodec{}
)

type hit struct {
	On bool
	ID uint32 // padding before it
	Q  float32
	t  int16 // padding behind it
}

type event struct {
	Number uint64
	Live   bool
	_      [3]byte
	Hits   [3]hit
	Trig   [5]bool
	Amp    complex64
	Grid   [2][3]uint16
	raw    [4]byte
	None   struct{}
	Sum    float64
}

func fullEvent() *event {
	e := &event{Number: 0x0102030405060708, Live: true, Trig: [5]bool{true, false, true},
		Amp: complex(1.5, -2), Grid: [2][3]uint16{{1, 2, 3}, {4, 5, 0xffee}}, raw: [4]byte{9, 8, 7, 6}, Sum: math.Pi}
	for i := range e.Hits {
		e.Hits[i] = hit{On: i != 1, ID: uint32(i + 100), Q: float32(i) / 4, t: int16(-i)}
	}
	return e
}

func TestRoundTripOfEveryKind(t *testing.T) {
	type all struct {
		B    bool
		I8   int8
		I16  int16
		I32  int32
		I64  int64
		U8   uint8
		U16  uint16
		U32  uint32
		U64  uint64
		F32  float32
		F64  float64
		C64  complex64
		C128 complex128
		D    time.Duration
		A    [2]struct {
			X uint8
			Y float64
		}
	}
	f := float64(7)
	for _, v := range []any{
		fullEvent(), &event{}, &[2]event{*fullEvent(), {}}, &f, &struct{}{}, &[0]event{},
		&all{true, -1, -2, -3, math.MinInt64, 255, 65535, 1 << 31, math.MaxUint64, -0.5, math.MaxFloat64, 1 + 2i, 3 - 4i, time.Hour,
			[2]struct {
				X uint8
				Y float64
			}{{1, 2}, {3, math.Inf(1)}}},
	} {
		enc, err := Codec.Append([]byte("head"), v)
		if err != nil || string(enc[:4]) != "head" {
			t.Fatalf("Append(%T) = %q, %v", v, enc, err)
		}
		got := reflect.New(reflect.TypeOf(v).Elem()).Interface()
		if err := Codec.Decode(enc[4:], got); err != nil {
			t.Fatalf("Decode(%T): %v", v, err)
		}
		if !reflect.DeepEqual(got, v) {
			t.Errorf("got %+v, want %+v", got, v)
		}
		for _, n := range []int{len(enc) - 5, len(enc) - 3} { // one byte less, one more
			if n >= 0 {
				if err := Codec.Decode(append(enc[4:len(enc):len(enc)], 0)[:n], got); err == nil {
					t.Errorf("%T: %d bytes decoded, want %d only", v, n, len(enc)-4)
				}
			}
		}
	}
}

func TestEncodingIsLittleEndianWithoutGaps(t *testing.T) {
	enc, err := Codec.Append(nil, &hit{On: true, ID: 0x01020304, Q: 1, t: -2})
	if want := "01" + "04030201" + "0000803f" + "feff"; err != nil || hex.EncodeToString(enc) != want {
		t.Errorf("got %x, %v, want %s", enc, err, want)
	}
}

// What memory holds in padding and blank fields must neither reach a file nor be overwritten.
func TestPaddingIsNeitherReadNorWritten(t *testing.T) {
	fill := func(e *event, b byte) []byte {
		mem := unsafe.Slice((*byte)(unsafe.Pointer(e)), unsafe.Sizeof(*e))
		for i := range mem {
			mem[i] = b
		}
		return mem
	}
	p, err := planOf(reflect.TypeFor[event]())
	if err != nil {
		t.Fatal(err)
	}
	var zeros, ones event
	fill(&zeros, 0)
	mem := fill(&ones, 0xff)
	want, _ := Codec.Append(nil, &zeros)
	if err := Codec.Decode(want, &ones); err != nil {
		t.Fatal(err)
	}
	got, _ := Codec.Append(nil, &ones)
	if !bytes.Equal(got, want) {
		t.Errorf("padding shows in the encoding:\n%x\n%x", got, want)
	}
	if gaps := bytes.Count(mem, []byte{0xff}); gaps != len(mem)-p.size {
		t.Errorf("%d bytes of padding are untouched, want %d", gaps, len(mem)-p.size)
	}
}

// Memory of the other byte order is simulated: what compile makes for it must reverse each number.
func TestBigEndianMemoryGivesReversedNumbers(t *testing.T) {
	e := fullEvent()
	native, err := compile(reflect.TypeFor[event](), littleEndian)
	if err != nil {
		t.Fatal(err)
	}
	other, _ := compile(reflect.TypeFor[event](), !littleEndian)
	got := other.append([]byte("x"), unsafe.Pointer(e))[1:]
	var buf bytes.Buffer
	if err := binary.Write(&buf, binary.BigEndian, struct {
		Number uint64
		Live   bool
	}{e.Number, e.Live}); err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(got, buf.Bytes()) {
		t.Errorf("got %x, want the prefix %x", got, buf.Bytes())
	}
	var back event
	if err := other.decode(got, unsafe.Pointer(&back)); err != nil || back != *e {
		t.Errorf("got %+v, %v", back, err)
	}
	if bytes.Equal(got, native.append(nil, unsafe.Pointer(e))) {
		t.Error("both byte orders gave the same bytes")
	}
}

func TestRefusesTypesWithoutFixedLayout(t *testing.T) { // G22
	type deep struct{ A [2]struct{ Name string } }
	for _, tc := range []struct {
		v    any
		want string
	}{
		{struct{ N int }{}, "struct.N: the size of int differs"},
		{struct{ N uint }{}, "struct.N: the size of uint differs"},
		{struct{ N uintptr }{}, "use a sized one, such as uint64"},
		{struct{ P *int32 }{}, "struct.P: *int32 has no fixed size"},
		{struct{ p unsafe.Pointer }{}, "struct.p"},
		{deep{}, "pod.deep.A[].Name: string has no fixed size"},
		{struct{ S []int32 }{}, "struct.S"},
		{struct{ M map[int8]int8 }{}, "struct.M"},
		{struct{ C chan int8 }{}, "struct.C"},
		{struct{ F func() }{}, "struct.F"},
		{struct{ F [0]func() }{}, "struct.F[]"},
		{struct{ I any }{}, "struct.I"},
		{struct{ E error }{}, "struct.E"},
		{struct{ T time.Time }{}, "struct.T.loc"},
		{struct{ Mu sync.Mutex }{}, "struct.Mu: a copy of a sync.Mutex is no value"},
		{struct{ N atomic.Int64 }{}, "struct.N: a atomic.Int64 must not be copied"},
		{"", "string"},
		{[]byte{}, "slice"},
	} {
		typ := reflect.TypeOf(tc.v)
		err := Codec.(codec.Checker).Check(typ)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("Check(%v) = %v, want %q", typ, err, tc.want)
		}
		if _, err := Codec.Append(nil, reflect.New(typ).Interface()); err == nil {
			t.Errorf("Append(%v): no error", typ)
		}
		if _, err := Codec.(codec.Describer).Describe(typ); err == nil {
			t.Errorf("Describe(%v): no error", typ)
		}
	}
	type ok struct {
		_ func() // blank fields carry no value
		_ [0]func()
		N int32
	}
	if err := Codec.(codec.Checker).Check(reflect.TypeFor[ok]()); err != nil {
		t.Error(err)
	}
	if err := Codec.(codec.Checker).Check(nil); err == nil {
		t.Error("Check(nil): no error")
	}
}

func TestOnlyPointersToTheTypeAreTaken(t *testing.T) {
	var pp *hit
	for _, v := range []any{nil, hit{}, pp, &pp, map[int8]int8{}, new(string)} {
		if _, err := Codec.Append(nil, v); err == nil {
			t.Errorf("Append(%T): no error", v)
		}
		if err := Codec.Decode(make([]byte, 11), v); err == nil {
			t.Errorf("Decode(%T): no error", v)
		}
	}
	type hitPtr *hit
	enc, err := Codec.Append(nil, hitPtr(&hit{ID: 5}))
	if err != nil || len(enc) != 11 {
		t.Errorf("named pointer type: %x, %v", enc, err)
	}
	// Types that share a place in recentPlans must not be taken for one another.
	a := struct{ A uint8 }{1}
	for range 3 {
		for i := range 100 {
			arr := reflect.New(reflect.ArrayOf(i+1, reflect.TypeFor[uint8]()))
			if enc, err := Codec.Append(nil, arr.Interface()); err != nil || len(enc) != i+1 {
				t.Fatalf("%v: %d bytes, %v", arr.Type(), len(enc), err)
			}
			if enc, _ := Codec.Append(nil, &a); len(enc) != 1 {
				t.Fatalf("%T: %d bytes", a, len(enc))
			}
		}
	}
}

func TestBoolThatIsNeitherIsAnErrorAndChangesNothing(t *testing.T) {
	e := fullEvent()
	enc, _ := Codec.Append(nil, e)
	bools := 0
	for i := range enc {
		bad := bytes.Clone(enc)
		if bad[i] > 1 {
			continue
		}
		bad[i] = 2
		got := *e
		if err := Codec.Decode(bad, &got); err != nil {
			bools++
			if !strings.Contains(err.Error(), fmt.Sprintf("byte %d is a bool", i)) || got != *e {
				t.Errorf("byte %d: %v, %+v", i, err, got)
			}
		}
	}
	if bools != 1+3+5 {
		t.Errorf("%d bytes were refused as bools, want 9", bools)
	}
}

func TestUsedObjectBecomesAsFresh(t *testing.T) { // G01, G02
	enc, _ := Codec.Append(nil, &event{Number: 3})
	used := fullEvent()
	kept := *used
	src := bytes.Clone(enc)
	if err := Codec.(codec.Reuser).DecodeReuse(src, used); err != nil || *used != (event{Number: 3}) {
		t.Errorf("got %+v, %v", used, err)
	}
	if !bytes.Equal(src, enc) || kept != *fullEvent() {
		t.Error("the lent bytes or an earlier value changed")
	}
}

func TestNothingIsAllocated(t *testing.T) {
	e, buf := fullEvent(), make([]byte, 0, 1024)
	enc, _ := Codec.Append(buf, e)
	reuser := Codec.(codec.Reuser)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := Codec.Append(buf, e); err != nil {
			t.Fatal(err)
		}
		if err := reuser.DecodeReuse(enc, e); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestFirstUseByManyGoroutines(t *testing.T) { // G28
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			type fresh struct{ A, B [3]struct{ X uint8 } }
			v := fresh{A: [3]struct{ X uint8 }{{uint8(i)}}}
			enc, err := Codec.Append(nil, &v)
			var got fresh
			if err == nil {
				err = Codec.Decode(enc, &got)
			}
			if err != nil || got != v {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	wg.Wait()
}
