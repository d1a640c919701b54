package pod

import (
	"encoding/binary"
	"testing"
)

type point struct {
	X, Y, Z float64
	ID      uint32
	Hit     bool
}

// The reflection version beside it is encoding/binary with a reused buffer.
func BenchmarkAppend(b *testing.B) {
	p, buf := &point{X: 1, ID: 2}, make([]byte, 0, 64)
	b.Run("pod", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Codec.Append(buf, p); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("reflection", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := binary.Append(buf, binary.LittleEndian, p); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	p := &point{X: 1, ID: 2}
	src, _ := Codec.Append(nil, p)
	b.Run("pod", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := Codec.Decode(src, p); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("reflection", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := binary.Decode(src, binary.LittleEndian, p); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkAppendPadded(b *testing.B) {
	e, buf := fullEvent(), make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Codec.Append(buf, e); err != nil {
			b.Fatal(err)
		}
	}
}
