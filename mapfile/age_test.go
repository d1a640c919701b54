package mapfile

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile/internal/host"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
)

// asOfEarlierBoot makes the file at path, whose slot is the first, one that an earlier boot of the
// machine left, with a value that was published an hour ago, when that boot was very old.
func asOfEarlierBoot(t *testing.T, path string) {
	t.Helper()
	mf, err := OpenOrCreate(path)
	if err != nil {
		t.Fatal(err)
	}
	defer mf.Close()
	m := mf.s.mem()
	id := mf.s.id
	id.BootID[0]++
	layout.PutIdentity(m.Bytes(0, layout.HeaderTitleEnd), &id)
	off := entryOff(m.View, 0)
	salt := layout.Salt(0, m.Load32(off+layout.EntryGenOff))
	ext := layout.ExtentWord(m.Load(off + layout.EntryExtOff)).Decode()
	pub := layout.PublishWord(m.Load(off + layout.EntryPubOff))
	buf := m.Bytes(ext.Buffer(pub.Index()), ext.Stride)
	var head layout.Buffer
	layout.GetBuffer(buf, &head)
	head.Wall = time.Now().Add(-time.Hour).UnixNano()
	head.Boot = uint64(host.Uptime()) + 1<<50
	head.Check = layout.Check(pub.Version(), &head, salt, buf[layout.BufferHeadLen:layout.BufferHeadLen+head.Length])
	layout.PutBuffer(buf, &head)
}

// C16 D07
func TestAgeOfAValueOfAnEarlierBootIsByTheWallClock(t *testing.T) {
	path := filepath.Join(fastDir(t), "a.map")
	mf, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	x := int64(7)
	if _, err := mf.Add("x", &x); err != nil {
		t.Fatal(err)
	}
	if err := mf.Update(); err != nil {
		t.Fatal(err)
	}
	mf.Close()
	asOfEarlierBoot(t, path)
	hourOld := func(how string) {
		t.Helper()
		r, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		info, err := r.Reader("x").Stat()
		if err != nil || info.Age < 59*time.Minute || info.Age > 61*time.Minute || info.Producer.Heartbeat < 0 {
			t.Errorf("%s: age %v, producer %+v, %v", how, info.Age, info.Producer, err)
		}
		if got, err := Get[int64](r, "x"); err != nil || got != 7 {
			t.Errorf("%s: %d, %v", how, got, err)
		}
	}
	hourOld("as it was left")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	joined, err := OpenOrCreate(path)
	if err != nil {
		t.Fatal(err)
	}
	defer joined.Close()
	if id := (layout.Identity{}); layout.GetIdentity(before, &id) != nil || id.FileID == joined.s.id.FileID {
		t.Error("the file of an earlier boot is written into")
	}
	hourOld("after the next producer has joined")
	if err := CheckInvariants(joined); err != nil {
		t.Error(err)
	}
}

// Who takes his time in a loop over slots gets the ages of then, not those of when it began.
func TestAgesGoOnDuringALoopOverSlots(t *testing.T) {
	mf, err := Create(filepath.Join(fastDir(t), "a.map"))
	if err != nil {
		t.Fatal(err)
	}
	defer mf.Close()
	x := int64(7)
	for _, name := range []string{"a", "b", "c"} {
		if _, err := mf.Add(name, &x); err != nil {
			t.Fatal(err)
		}
	}
	if err := mf.Update(); err != nil {
		t.Fatal(err)
	}
	least, pause := time.Duration(0), producerTTL/2
	for info, err := range mf.Slots() {
		if err != nil {
			t.Fatal(err)
		}
		if info.Age < least || info.Age > least+10*time.Second {
			t.Errorf("%s: age %v, want at least %v", info.Name, info.Age, least)
		}
		time.Sleep(pause)
		least, pause = info.Age+pause-time.Millisecond, 2*producerTTL
	}
}
