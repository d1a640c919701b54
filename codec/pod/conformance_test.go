package pod_test

import (
	"reflect"
	"testing"

	"github.com/gomapfile/mapfile/codec/codectest"
	"github.com/gomapfile/mapfile/codec/pod"
)

type pixel struct {
	On     bool
	X, Y   uint16
	Charge float32
	Times  [3]int64
	Mask   [4]bool
}

type frame struct {
	N      uint64
	Pixels [4]pixel
	Name   [8]byte
}

func TestKeepsTheCodecPromises(t *testing.T) {
	codectest.Run(t, pod.Codec,
		codectest.Case{
			New: func() any { return new(frame) },
			Values: []any{&frame{}, &frame{N: 1 << 60, Name: [8]byte{'a'}, Pixels: [4]pixel{
				1: {true, 7, 65535, -0.25, [3]int64{-1, 2, 1 << 40}, [4]bool{true, false, true}}}}},
			Hostile:  [][]byte{{}, {1, 2, 3}, make([]byte, 1000)},
			BadTypes: []reflect.Type{reflect.TypeFor[struct{ N int }](), reflect.TypeFor[string]()},
		},
		codectest.Case{
			New:     func() any { return new(float64) },
			Values:  []any{new(float64), func() *float64 { f := 1.5; return &f }()},
			Hostile: [][]byte{{}, make([]byte, 7), make([]byte, 9)},
		})
}
