package msgpackcodec

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/codec"
)

var (
	_ codec.Reuser    = msgpackCodec{}
	_ codec.Checker   = msgpackCodec{}
	_ codec.Inspector = msgpackCodec{}
)

type base struct{ ID int64 }

type order struct {
	base
	Name    string `msgpack:"n,alias:name"`
	Price   float64
	Count   int8
	Size    uint16 `msgpack:",omitempty"`
	Tags    []string
	Raw     []byte
	Sub     *order
	Subs    []order
	ByID    map[int32]float32
	When    time.Time
	Big     *big.Int
	Addr    netip.Addr
	Any     any
	Extra   map[string]any
	private int
}

type pair struct {
	_msgpack struct{} `msgpack:",as_array"` //lint:ignore U1000 the library looks for it
	A        uint8
	B        string
}

func full() *order {
	return &order{base: base{-7}, Name: "äß", Price: math.Pi, Count: -8, Size: 9, Tags: []string{"x", ""}, Raw: []byte{0, 255},
		Sub: &order{Name: "sub", Tags: []string{}}, Subs: []order{{Name: "a"}, {Name: "b", ByID: map[int32]float32{}}},
		ByID: map[int32]float32{3: 1, -1: 0.5, 2: 4}, When: time.Unix(1<<40, 999_999_999),
		Big: big.NewInt(1 << 60), Addr: netip.MustParseAddr("fe80::1"),
		Any: []any{int64(1), "x", map[string]any{"b": true, "a": nil}, map[any]any{int64(2): "two", "k": 1.5}}, Extra: map[string]any{"z": uint16(1), "a": "b"}}
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	enc, err := Codec.Append([]byte("head"), v)
	if err != nil {
		t.Fatal(err)
	}
	return enc[4:]
}

// equal compares but for the location of times and what is in big numbers.
func equal(a, b *order) bool {
	x, y := *a, *b
	same := x.When.Equal(y.When) && fmt.Sprint(x.Big) == fmt.Sprint(y.Big)
	x.When, y.When, x.Big, y.Big = time.Time{}, time.Time{}, nil, nil
	return same && reflect.DeepEqual(x, y)
}

func TestRoundTrip(t *testing.T) {
	for _, v := range []*order{full(), {}} {
		enc := encode(t, v)
		var got order
		if err := Codec.Decode(enc, &got); err != nil {
			t.Fatal(err)
		}
		if !equal(&got, v) {
			t.Errorf("got  %+v\nwant %+v", &got, v)
		}
		for range 20 {
			if again := encode(t, v); !bytes.Equal(again, enc) {
				t.Fatalf("another encoding of the same value:\n%x\n%x", enc, again)
			}
		}
		for n := range len(enc) {
			if err := Codec.Decode(enc[:n], &got); err == nil {
				t.Errorf("%d of %d bytes were decoded", n, len(enc))
			}
		}
		if err := Codec.Decode(append(bytes.Clone(enc), 0xc0), &got); err == nil || !strings.Contains(err.Error(), "left over") {
			t.Errorf("trailing byte: %v", err)
		}
	}
}

func TestMapsAreWrittenInTheOrderOfTheirKeys(t *testing.T) {
	type inner struct{ Z, A int8 }
	for _, tc := range []struct {
		v    any
		want string
	}{
		{&map[int16]bool{300: true, -2: false, 5: true}, "83" + "d1fffec2" + "d10005c3" + "d1012cc3"},
		{&map[string]string{"bb": "", "c": "", "a": ""}, "83" + "a161a0" + "a26262a0" + "a163a0"},
		{&map[uint8]inner{2: {1, 2}, 1: {3, 4}}, "82" + "cc0182a15ad003a141d004" + "cc0282a15ad001a141d002"},
		{&map[any]any{"a": int8(1), int8(2): nil, true: map[bool]bool{true: true, false: false}},
			"83" + "c382c2c2c3c3" + "d002c0" + "a161d001"},
		{&[]map[float64]string{{2: "", 1: ""}}, "9182" + "cb3ff0000000000000a0" + "cb4000000000000000a0"},
	} {
		for range 10 {
			if got := hex.EncodeToString(encode(t, tc.v)); got != tc.want {
				t.Errorf("%T: got %s, want %s", tc.v, got, tc.want)
			}
		}
	}
}

func TestUsedObjectBecomesAsFresh(t *testing.T) { // G01
	for _, v := range []*order{{}, {Tags: []string{"y"}, Sub: &order{Count: 1}, ByID: map[int32]float32{9: 9}, Any: int8(3)}} {
		enc := encode(t, v)
		used := full()
		used.private = 5
		if err := Codec.(codec.Reuser).DecodeReuse(enc, used); err != nil || !equal(used, v) {
			t.Errorf("got %+v, %v, want %+v", used, err, v)
		}
	}
}

func TestEarlierResultsStay(t *testing.T) { // G02, G03
	used := new(order)
	var kept []order
	for i := range 50 {
		v := full()
		v.Count, v.Tags[0], v.Raw[0], v.Subs[0].Name = int8(i), fmt.Sprint(i), byte(i), fmt.Sprint(i)
		v.Extra["i"], v.ByID[3], v.Sub.Raw = int64(i), float32(i), []byte{byte(i)}
		src := encode(t, v)
		if err := Codec.(codec.Reuser).DecodeReuse(src, used); err != nil {
			t.Fatal(err)
		}
		kept = append(kept, *used)
		clear(src)
	}
	for i, k := range kept {
		if k.Tags[0] != fmt.Sprint(i) || k.Raw[0] != byte(i) || k.Subs[0].Name != fmt.Sprint(i) || k.Extra["i"] != int64(i) ||
			k.ByID[3] != float32(i) || k.Sub.Raw[0] != byte(i) {
			t.Fatalf("value %d became %+v", i, k)
		}
	}
}

func TestNumbersThatDoNotFitAreErrors(t *testing.T) { // G11
	type rec[T any] struct{ F T }
	wide := func(v any) []byte { return encode(t, &rec[any]{v}) }
	for _, tc := range []struct {
		src  []byte
		into any
		want string // of the error, or "" and then
		val  any
	}{
		{wide(int64(300)), &rec[int8]{}, ".F: 300 does not fit into int8", nil},
		{wide(int64(-1)), &rec[uint16]{}, ".F: -1 does not fit into uint16", nil},
		{wide(int64(-1)), &rec[uint64]{}, "-1 does not fit", nil},
		{wide(int64(65536)), &rec[uint16]{}, "65536 does not fit", nil},
		{wide(int64(65535)), &rec[uint16]{}, "", uint16(65535)},
		{wide(int64(-128)), &rec[int8]{}, "", int8(-128)},
		{wide(int64(-129)), &rec[int8]{}, "-129 does not fit", nil},
		{wide(uint64(127)), &rec[int8]{}, "", int8(127)},
		{wide(uint64(128)), &rec[int8]{}, "128 does not fit", nil},
		{wide(uint64(math.MaxUint64)), &rec[int64]{}, "does not fit into int64", nil},
		{wide(uint64(math.MaxUint64)), &rec[uint64]{}, "", uint64(math.MaxUint64)},
		{wide(int64(math.MinInt64)), &rec[int64]{}, "", int64(math.MinInt64)},
		{wide(int64(math.MinInt64)), &rec[float64]{}, "", float64(math.MinInt64)},
		{wide(uint64(math.MaxUint64)), &rec[float64]{}, "does not fit into float64", nil},
		{wide(int64(1<<53 + 1)), &rec[float64]{}, "does not fit into float64", nil},
		{wide(int64(1<<53 + 2)), &rec[float64]{}, "", float64(1<<53 + 2)},
		{wide(int32(1<<24 + 1)), &rec[float32]{}, "does not fit into float32", nil},
		{wide(int32(-1 << 24)), &rec[float32]{}, "", float32(-1 << 24)},
		{wide(2.5), &rec[int32]{}, "a float64 does not fit into int32", nil},
		{wide(2.0), &rec[float32]{}, "a float64 does not fit into float32", nil},
		{wide(float32(2.5)), &rec[float64]{}, "", 2.5},
		{wide([]any{int64(1), int64(1000)}), &rec[[]int8]{}, ".F[1]: 1000", nil},
		{wide([]any{int64(1), int64(1000)}), &rec[[2]*int8]{}, ".F[1]: 1000", nil},
		{wide(map[string]any{"k": int64(1000)}), &rec[map[string]int8]{}, ".F[k]: 1000", nil},
		{wide(map[any]any{int64(1000): true}), &rec[map[int8]bool]{}, ".F[key 1000]: 1000", nil},
		{wide(map[string]any{"ID": int64(1), "Count": int64(200)}), &rec[*order]{}, ".F.Count: 200", nil},
		{wide(map[string]any{"Subs": []any{map[string]any{"ID": uint64(1 << 63)}}}), &rec[order]{}, ".F.Subs[0].ID: 9223372036854775808", nil},
		{wide([]any{int64(256), "b"}), &rec[pair]{}, ".F.A: 256", nil},
		{wide(time.Duration(5)), &rec[time.Duration]{}, "", time.Duration(5)},
		{wide(nil), &rec[int8]{}, "", int8(0)},
	} {
		err := Codec.Decode(tc.src, tc.into)
		got := reflect.ValueOf(tc.into).Elem().Field(0).Interface()
		if tc.want == "" && (err != nil || got != tc.val) || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%x into %T: %v, %v; want %q, %v", tc.src, tc.into, got, err, tc.want, tc.val)
		}
	}
}

func TestTimesSurvive(t *testing.T) { // G24
	for _, when := range []time.Time{{}, time.Now(), time.Unix(0, 0), time.Unix(-1, 5), time.Unix(1<<34, 1), time.Unix(1<<34-1, 999_999_999),
		time.Date(-4000, 1, 2, 3, 4, 5, 6, time.UTC), time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("x", 3600))} {
		type rec struct {
			T time.Time
			P *time.Time
			A any
			M map[time.Time]int8
		}
		v := rec{when, &when, when, map[time.Time]int8{when.Round(0): 1}}
		var got rec
		if err := Codec.Decode(encode(t, &v), &got); err != nil {
			t.Fatal(err)
		}
		if a, ok := got.A.(time.Time); !ok || !got.T.Equal(when) || !got.P.Equal(when) || !a.Equal(when) || len(got.M) != 1 {
			t.Errorf("%v became %+v", when, got)
		}
		var alone time.Time
		if err := Codec.Decode(encode(t, &when), &alone); err != nil || !alone.Equal(when) {
			t.Errorf("%v became %v, %v", when, alone, err)
		}
	}
}

func TestFirstUseByManyGoroutines(t *testing.T) { // G28
	type fresh struct {
		A map[int8]*fresh
		B []string
		base
	}
	v := &fresh{A: map[int8]*fresh{1: {B: []string{"x"}}, 2: nil}, base: base{4}}
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			enc, err := Codec.Append(nil, v)
			var got fresh
			if err == nil {
				err = Codec.Decode(enc, &got)
			}
			if err != nil || !reflect.DeepEqual(&got, v) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	wg.Wait()
}
