package mapfile_test

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"testing"

	"github.com/gomapfile/mapfile/mapfile"
)

// Payloads that tell by themselves whether they are whole: a number, a length and a checksum of all,
// filled up with bytes that depend on the number. The library's own checksum is not needed to find a
// torn one.

const stampLen = 20

// stampPayload makes a payload of n bytes (at least stampLen) that carries a number, in buf's memory
// if there is room.
func stampPayload(buf []byte, n int, number uint64) []byte {
	n = max(n, stampLen)
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	binary.LittleEndian.PutUint64(buf, number)
	binary.LittleEndian.PutUint64(buf[8:], uint64(n))
	x := number*0x9e3779b97f4a7c15 + 1
	for i := stampLen; i < n; i++ {
		if i%64 == 0 {
			x = x*6364136223846793005 + 1442695040888963407
		}
		buf[i] = byte(x>>32) + byte(i)
	}
	binary.LittleEndian.PutUint32(buf[16:], sumPayload(buf))
	return buf
}

func sumPayload(p []byte) uint32 {
	return crc32.Update(crc32.ChecksumIEEE(p[:16]), crc32.IEEETable, p[stampLen:])
}

// payloadNumber returns the number that a payload carries, or why it is not whole.
func payloadNumber(p []byte) (uint64, error) {
	if len(p) < stampLen {
		return 0, fmt.Errorf("payload of %d bytes is too short", len(p))
	}
	number, n := binary.LittleEndian.Uint64(p), binary.LittleEndian.Uint64(p[8:])
	if n != uint64(len(p)) {
		return number, fmt.Errorf("payload %d has %d bytes, made with %d", number, len(p), n)
	}
	if sum := binary.LittleEndian.Uint32(p[16:]); sum != sumPayload(p) {
		return number, fmt.Errorf("payload %d is torn: checksum %08x, computed %08x", number, sum, sumPayload(p))
	}
	return number, nil
}

// rawPayload is a *Raw that a slot can be bound to.
func rawPayload(n int, number uint64) *mapfile.Raw {
	return &mapfile.Raw{Type: mapfile.TypeInfo{Name: "test.Stamped", Codec: "stamped"}, Payload: stampPayload(nil, n, number)}
}

func TestPayloadCheckFindsDamage(t *testing.T) {
	for _, n := range []int{stampLen, 21, 64, 1000, 5000} {
		p := stampPayload(nil, n, 77)
		if number, err := payloadNumber(p); err != nil || number != 77 {
			t.Fatal(number, err)
		}
		for i := range p {
			p[i] ^= 1
			if _, err := payloadNumber(p); err == nil {
				t.Fatalf("%d bytes: a changed byte %d is not noticed", n, i)
			}
			p[i] ^= 1
		}
		mixed := append(append([]byte(nil), p[:n/2]...), stampPayload(nil, n, 78)[n/2:]...)
		if _, err := payloadNumber(mixed); err == nil && n > stampLen+1 {
			t.Fatalf("%d bytes: half of another payload is not noticed", n)
		}
	}
}

// create makes a map file for a test, open reads one; both are closed at its end.
func createFile(t testing.TB, path string, opts ...mapfile.Option) *mapfile.MapFile {
	t.Helper()
	mf, err := mapfile.OpenOrCreate(path, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mf.Close() })
	return mf
}

func openFile(t testing.TB, path string, opts ...mapfile.Option) *mapfile.MapFile {
	t.Helper()
	mf, err := mapfile.Open(path, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mf.Close() })
	return mf
}

func addSlot(t testing.TB, mf *mapfile.MapFile, name string, v any, opts ...mapfile.SlotOption) *mapfile.Slot {
	t.Helper()
	slot, err := mf.Add(name, v, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return slot
}
