package mapfile

import (
	"cmp"
	"errors"
	"runtime"
	"slices"

	"github.com/gomapfile/mapfile/mapfile/internal/layout"
)

// Stat describes the file, its producers, and what a person should know about it.
func (mf *MapFile) Stat() (FileInfo, error) {
	defer runtime.KeepAlive(mf)
	f, err := mf.reader()
	if err != nil {
		return FileInfo{}, fail("stat", mf.Path(), "", err)
	}
	info := FileInfo{
		Path: f.path, Title: f.id.Title, ID: f.id.FileID, FormatVersion: int(f.id.Version),
		Created: unixTime(f.id.Created),
	}
	err = f.guard(func() error {
		v := f.view()
		info.NumSlots = int(min(v.Load(layout.NumSlotsOff), layout.MaxEntries))
		size := f.size()
		info.Size = int64(size)
		info.Used = int64(min(min(v.Load(layout.UsedOff), size)*layout.UnitLen+layout.ArenaOff, size))
		for i := range layout.NumSessions {
			off := layout.SessionOff(i)
			number := v.Load(off + layout.SessionNumberOff)
			if number == 0 {
				continue
			}
			p := Producer{Session: number, State: f.recordState(v, i)}
			f.fillProducer(v, off, &p)
			if v.Load(off+layout.SessionNumberOff) != number { // another session has the record by now
				continue
			}
			info.Producers = append(info.Producers, p)
		}
		if v.Load(layout.SupersededOff) == layout.Replaced {
			info.Warnings = append(info.Warnings, "the file was replaced by a new one at its path")
		}
		return nil
	})
	if err != nil {
		return FileInfo{}, fail("stat", f.path, "", err)
	}
	slices.SortFunc(info.Producers, func(a, b Producer) int { return cmp.Compare(a.Session, b.Session) })
	f.warn(&info)
	return info, nil
}

// warn adds what the file system and the path say.
func (f *file) warn(info *FileInfo) {
	fs, err := f.region.FileSystem()
	if err == nil {
		info.FileSystem = fs.Name
		switch {
		case fs.Network:
			info.Warnings = append(info.Warnings, fs.Name+": a network file system; processes on other machines do not see one another's writes in time")
		case !fs.Memory:
			info.Warnings = append(info.Warnings, fs.Name+": write-back of this disk file system can delay the producer; tmpfs does not")
		}
	}
	if err := f.identity(); err != nil && len(info.Warnings) == 0 || errors.Is(err, ErrSuperseded) && !slices.ContainsFunc(info.Warnings, isReplacedWarning) {
		info.Warnings = append(info.Warnings, "the path does not name this file any more")
	}
	if f.evidence {
		info.Warnings = append(info.Warnings, "left by an earlier boot of the machine: values were recovered by their checksums")
	}
}

func isReplacedWarning(s string) bool { return s == "the file was replaced by a new one at its path" }
