package shm_test

import (
	"bytes"
	"errors"
	"runtime/debug"
	"testing"
	"unsafe"

	"github.com/gomapfile/mapfile/mapfile/internal/shm"
)

// heap is a window over memory of Go, for what needs no faults.
func heap(n int) (shm.Mem, []uint64) {
	words := make([]uint64, n/8)
	return shm.Writable(shm.NewView(unsafe.Pointer(&words[0]), uintptr(n))), words
}

func TestWordsAreStoredAndLoadedWhereTheyBelong(t *testing.T) {
	m, words := heap(64)
	m.Store(8, 0x1122334455667788)
	m.Store32(20, 0xaabbccdd)
	m.Write(32, []byte("abc"))
	if words[1] != 0x1122334455667788 || m.Load(8) != words[1] || m.Load32(20) != 0xaabbccdd {
		t.Errorf("%x", words)
	}
	if got := m.Bytes(32, 3); string(got) != "abc" {
		t.Errorf("%q", got)
	}
	m.Zero(32, 2)
	if got := m.Bytes(32, 3); string(got) != "\x00\x00c" {
		t.Errorf("%q", got)
	}
	shm.OrderAfterStore(m.Word(8))
	shm.OrderLoads()
}

// Offsets of hostile files: the guard makes an error of each.
func TestAccessOutOfBoundsIsAnError(t *testing.T) {
	m, _ := heap(64)
	for name, access := range map[string]func(){
		"word behind the end":       func() { m.Load(64) },
		"word across the end":       func() { m.Load(60) },
		"word at the end of space":  func() { m.Load(^uint64(0) - 7) },
		"misaligned word":           func() { m.Load(4) },
		"half word behind the end":  func() { m.Load32(64) },
		"misaligned half word":      func() { m.Load32(2) },
		"bytes across the end":      func() { m.Bytes(60, 5) },
		"bytes behind the end":      func() { m.Bytes(65, 0) },
		"bytes whose sum overflows": func() { m.Bytes(8, ^uint64(0)) },
		"store behind the end":      func() { m.Store(64, 1) },
	} {
		if err := shm.Guard(func() error { access(); return nil }); !errors.Is(err, shm.ErrBounds) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// H08: the library's own panics, and those of the user's code, are not taken for damage.
func TestGuardLetsOtherPanicsThrough(t *testing.T) {
	for name, do := range map[string]func(){
		"a value":     func() { panic("mine") },
		"an index":    func() { var s []int; _ = s[len(s)] },
		"a nil map":   func() { m := map[bool]map[int]int{}; m[true][1] = 1 },
		"nil pointer": func() { var p *int; *p = 1 },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: swallowed", name)
				}
			}()
			_ = shm.Guard(func() error { do(); return nil })
		}()
	}
}

// H08: the goroutine's setting is as before after every call.
func TestGuardRestoresPanicOnFault(t *testing.T) {
	m, _ := heap(64)
	for _, setting := range []bool{true, false} {
		original := debug.SetPanicOnFault(setting)
		_ = shm.Guard(func() error { return nil })
		_ = shm.Guard(func() error { return errors.New("an error") })
		_ = shm.Guard(func() error { m.Load(64); return nil })
		func() {
			defer func() { _ = recover() }()
			_ = shm.Guard(func() error { panic("mine") })
		}()
		if now := debug.SetPanicOnFault(original); now != setting {
			t.Errorf("it was %v, is %v", setting, now)
		}
	}
}

func TestCopyCopiesEveryLengthAndAlignment(t *testing.T) {
	src := make([]byte, 64)
	for i := range src {
		src[i] = byte(i + 1)
	}
	for from := range 9 {
		for n := range 40 {
			dst := make([]byte, 48)
			shm.Copy(dst[1:], src[from:from+n])
			if !bytes.Equal(dst[1:1+n], src[from:from+n]) || dst[0] != 0 || dst[1+n] != 0 {
				t.Fatalf("from %d, %d bytes: % x", from, n, dst)
			}
		}
	}
}
