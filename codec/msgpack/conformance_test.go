package msgpackcodec_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/codec/codectest"
	msgpackcodec "github.com/gomapfile/mapfile/codec/msgpack"
)

type track struct {
	ID     uint32
	Charge int8
	Name   string
	Raw    []byte
	Hits   []hit
	Best   *hit
	ByName map[string]hit
	ByID   map[int16]bool
	Ratio  float32
	OK     bool
	Any    any
	Tags   []string `msgpack:",omitempty"`
}

type hit struct{ X, Y float64 }

type event struct {
	At    time.Time
	Took  time.Duration
	Inner *event
}

func TestKeepsTheCodecPromises(t *testing.T) {
	loop := &event{}
	loop.Inner = loop
	codectest.Run(t, msgpackcodec.Codec,
		codectest.Case{
			New: func() any { return new(track) },
			Values: []any{&track{},
				&track{ID: 7, Charge: -1, Name: "mu", Raw: []byte{1, 0, 255}, Hits: []hit{{1, 2}, {3, 4.5}}, Best: &hit{5, 6},
					ByName: map[string]hit{"a": {7, 8}, "b": {}}, ByID: map[int16]bool{-3: true, 400: false}, Ratio: 0.5, OK: true,
					Any: map[string]any{"x": []any{int64(77), "y", true}}, Tags: []string{"t", "u"}},
				&track{Hits: []hit{{9, 10}}, ByName: map[string]hit{"c": {}}, Any: "text", Raw: []byte{}}},
			Hostile: [][]byte{{}, {0xc1}, []byte("\xdd\x7f\xff\xff\xff"), []byte("\xdf\x7f\xff\xff\xff"), []byte("\x81\xa4Hits\xdd\x00\xff\xff\xff\xc0"),
				[]byte("\x81\xa6Charge\xcd\x01\x2c"), []byte("\x81\xa2ID\xff"), []byte("\x81\xa3Any\x81\x91\x01\x01"), []byte("\x81\xa6ByName\xc7\x05\x01\xdf\x7f\xff\xff\xff"),
				[]byte(strings.Repeat("\x91", 1_000_000)), []byte("\x81\xa3Any" + strings.Repeat("\x81\xa1x", 1_000_000) + "\xc0")},
			Unencodable: []any{&track{Any: make(chan int)}, &track{Any: func() {}}},
			BadTypes:    []reflect.Type{reflect.TypeFor[chan int](), reflect.TypeFor[struct{ F func() }](), reflect.TypeFor[[]complex128]()},
		},
		codectest.Case{
			New:         func() any { return new(event) },
			Values:      []any{&event{At: time.Unix(0, 0)}, &event{At: time.Unix(1<<33, 5), Took: time.Hour, Inner: &event{At: time.Unix(5, 0)}}},
			Equal:       func(a, b any) bool { return sameEvent(a.(*event), b.(*event)) },
			Hostile:     [][]byte{[]byte("\x81\xa2At\xd7\xff\xff\xff\xff\xff\xff\xff\xff\xff"), []byte(strings.Repeat("\x81\xa5Inner", 200_000))},
			Unencodable: []any{loop},
		})
}

func sameEvent(a, b *event) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.At.Equal(b.At) && a.Took == b.Took && sameEvent(a.Inner, b.Inner)
}
