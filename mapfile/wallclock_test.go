package mapfile

import (
	"fmt"
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile/internal/host"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
)

// stampAnew gives the value of the first slot other times of publishing, with a checksum that is right.
func stampAnew(t *testing.T, mf *MapFile, wall int64, boot uint64) {
	t.Helper()
	m := mf.s.mem()
	off := entryOff(m.View, 0)
	salt := layout.Salt(0, m.Load32(off+layout.EntryGenOff))
	ext := layout.ExtentWord(m.Load(off + layout.EntryExtOff)).Decode()
	pub := layout.PublishWord(m.Load(off + layout.EntryPubOff))
	buf := m.Bytes(ext.Buffer(pub.Index()), ext.Stride)
	var head layout.Buffer
	layout.GetBuffer(buf, &head)
	head.Wall, head.Boot = wall, boot
	head.Check = layout.Check(pub.Version(), &head, salt, buf[layout.BufferHeadLen:layout.BufferHeadLen+head.Length])
	layout.PutBuffer(buf, &head)
}

// D07: the wall clock may have been set between publishing and looking, by any amount and either way. Ages
// are those of the boot clock, and never negative, whatever the stamps say.
func TestAgesSurviveAWallClockThatIsSet(t *testing.T) {
	mf, err := Create(filepath.Join(fastDir(t), "a.map"))
	if err != nil {
		t.Fatal(err)
	}
	defer mf.Close()
	x := int64(7)
	slot, err := mf.Add("x", &x)
	if err == nil {
		err = slot.Update()
	}
	if err != nil {
		t.Fatal(err)
	}
	year := 365 * 24 * time.Hour
	now, uptime := time.Now().UnixNano(), uint64(host.Uptime())
	minute := uint64(time.Minute)
	for _, wall := range []int64{now, now + int64(year), now - int64(year), 0, 1, -1, math.MaxInt64, math.MinInt64} {
		for _, boot := range []struct {
			stamp    uint64
			min, max time.Duration
		}{
			{uptime, 0, time.Minute},
			{uptime - min(uptime/2, minute), time.Duration(min(uptime/2, minute)), time.Duration(minute) + time.Minute},
			{uptime + minute, 0, math.MaxInt64}, // from the future: any age, but not a negative one
			{0, 0, math.MaxInt64},
			{math.MaxUint64, 0, math.MaxInt64},
			{1 << 63, 0, math.MaxInt64},
		} {
			stampAnew(t, mf, wall, boot.stamp)
			what := fmt.Sprintf("wall %d, boot %d", wall, boot.stamp)
			info, err := mf.Reader("x").Stat()
			if err != nil || info.Age < boot.min || info.Age > boot.max {
				t.Errorf("%s: age %v, %v; want %v to %v", what, info.Age, err, boot.min, boot.max)
			}
			if info.Producer.State != StateLive || info.Producer.Heartbeat < 0 {
				t.Errorf("%s: %+v", what, info.Producer)
			}
			for info, err := range mf.Slots() {
				if err != nil || info.Age < 0 || info.Rate < 0 {
					t.Errorf("%s: Slots: age %v, rate %v, %v", what, info.Age, info.Rate, err)
				}
			}
			if got, err := Get[int64](mf, "x"); err != nil || got != 7 {
				t.Errorf("%s: %d, %v", what, got, err)
			}
		}
	}
	if err := slot.Update(); err != nil {
		t.Error(err)
	}
}
