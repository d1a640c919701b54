package layout

// An extent is K buffers of one stride. A buffer is a header of 64 bytes and the payload, so that the
// header is on the line before the payload; the stride is a multiple of 128 bytes.
//
//	extent   [buffer 0][buffer 1]…[buffer K-1]
//	buffer   [header 64][payload …]
//
// Capacities go by class: steps of 128 bytes up to 1 KiB, four classes for each doubling up to
// 64 KiB, two above, so that a power of two and its header always fit well.

// NumClasses is the number of capacity classes.
const NumClasses = 63

// MaxK and MinK bound the buffers of a slot. One buffer would destroy the value with each death.
const (
	MinK = 2
	MaxK = 16
)

// ClassCapacity returns the nominal payload capacity of a class.
func ClassCapacity(class int) uint64 {
	switch {
	case class < 8:
		return 64 + 128*uint64(class)
	case class < 32:
		base := uint64(1024) << ((class - 8) / 4)
		return base + base/4*uint64((class-8)%4)
	default:
		base := uint64(65536) << ((class - 32) / 2)
		return base + base/2*uint64((class-32)%2)
	}
}

// ClassFor returns the smallest class that holds n bytes; false if none does.
func ClassFor(n uint64) (int, bool) {
	for c := range NumClasses {
		if Capacity(c) >= n {
			return c, true
		}
	}
	return 0, false
}

// Stride returns the distance of two buffers of a class.
func Stride(class int) uint64 {
	return (ClassCapacity(class) + BufferHeadLen + UnitLen - 1) / UnitLen * UnitLen
}

// Capacity returns what a buffer of a class really holds: the nominal capacity, rounded up by stride.
func Capacity(class int) uint64 { return Stride(class) - BufferHeadLen }

// DefaultK returns how many buffers a slot of that class gets: many where they are small, because
// a writer then meets fewer lines that a reader still holds.
func DefaultK(class int) int {
	switch n := ClassCapacity(class); {
	case n <= 16<<10:
		return 8
	case n <= 256<<10:
		return 4
	case n <= 1<<20:
		return 3
	default:
		return 2
	}
}

// Extent is a decoded extent word.
type Extent struct {
	Word     ExtentWord
	Off      uint64
	Stride   uint64
	Capacity uint64
	K        int
}

// Decode unpacks the word. The result is in bounds of no file yet: see End.
func (w ExtentWord) Decode() Extent {
	s := Stride(w.Class())
	return Extent{Word: w, Off: w.Off(), Stride: s, Capacity: s - BufferHeadLen, K: w.K()}
}

// Buffer returns the offset of buffer i, an index being taken modulo K.
func (e *Extent) Buffer(i int) uint64 {
	if i >= e.K {
		i %= e.K
	}
	return e.Off + uint64(i)*e.Stride
}

// End returns the offset behind the last buffer.
func (e *Extent) End() uint64 { return e.Off + e.Len() }

// Len returns the bytes of all buffers.
func (e *Extent) Len() uint64 { return uint64(e.K) * e.Stride }
