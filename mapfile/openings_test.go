//go:build unix

package mapfile_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/region"
)

// What is at a path need not be a map file, nor a whole one. Each kind of wrong has an error of its own.

// reidentify changes the identity of a file and puts the right checksum to it.
func (b image) reidentify(change func(id *layout.Identity)) {
	var id layout.Identity
	must(layout.GetIdentity(b, &id))
	change(&id)
	layout.PutIdentity(b[:layout.HeaderTitleEnd], &id)
}

var openings = []struct {
	name string
	make func(t *testing.T, path string, whole image) // path is in an empty directory
	want error
	text string // a part of the message
}{
	{"nothing", func(*testing.T, string, image) {}, fs.ErrNotExist, ""},
	{"an empty file", write(func(b image) image { return nil }), mapfile.ErrNotMapFile, "0 bytes"},
	{"one byte", write(func(b image) image { return b[:1] }), mapfile.ErrNotMapFile, "1 bytes"},
	{"less than the magic", write(func(b image) image { return b[:7] }), mapfile.ErrNotMapFile, ""},
	{"the magic alone", write(func(b image) image { return b[:8] }), mapfile.ErrCorrupt, "cut"},
	{"less than the header", write(func(b image) image { return b[:4095] }), mapfile.ErrCorrupt, "cut"},
	{"the header alone", write(func(b image) image { return b[:4096] }), mapfile.ErrCorrupt, "cut"},
	{"half a file", write(func(b image) image { return b[:len(b)/2] }), mapfile.ErrCorrupt, "cut"},
	{"a file that lacks a byte", write(func(b image) image { return b[:len(b)-1] }), mapfile.ErrCorrupt, "cut"},
	{"a program", write(func(b image) image { return append(image("\x7fELF"), b...) }), mapfile.ErrNotMapFile, "magic"},
	{"a text", write(func(b image) image { return image(strings.Repeat("MAPFILE is not what this is\n", 500)) }), mapfile.ErrNotMapFile, "magic"},
	{"zeros", write(func(b image) image { return make(image, len(b)) }), mapfile.ErrNotMapFile, "magic"},
	{"a newer version", write(func(b image) image { b.reidentify(func(id *layout.Identity) { id.Version++ }); return b }), mapfile.ErrFormatVersion, "use a newer mapfile"},
	{"version 0", write(func(b image) image { b.put32(layout.HeaderVersionOff, 0); return b }), mapfile.ErrFormatVersion, ""},
	{"the other byte order", write(func(b image) image {
		binary.BigEndian.PutUint32(b[layout.HeaderVersionOff:], layout.FormatVersion)
		return b
	}), mapfile.ErrCorrupt, "byte order"},
	{"an identity with a wrong checksum", write(func(b image) image { b[layout.HeaderFileIDOff] ^= 1; return b }), mapfile.ErrCorrupt, "checksum"},
	{"a title with a wrong checksum", write(func(b image) image {
		b.reidentify(func(id *layout.Identity) { id.Title = "a title" })
		b[layout.HeaderTitleOff] ^= 1
		return b
	}), mapfile.ErrCorrupt, "checksum"},
	{"another header length", write(func(b image) image { b.put32(layout.HeaderLenOff, 8192); return b }), mapfile.ErrCorrupt, ""},
	{"a title longer than the header", write(func(b image) image { b.put32(layout.HeaderTitleLenOff, 1<<31); return b }), mapfile.ErrCorrupt, ""},
	{"a half-made file: an identity and nothing behind it", write(func(b image) image { clear(b[layout.HeaderTitleEnd:]); return b }), mapfile.ErrCorrupt, "size"},
	{"a size word beyond the file", write(func(b image) image { b.put(layout.SizeOff, uint64(2*len(b))); return b }), mapfile.ErrCorrupt, "cut"},
	{"an absurd size word", write(func(b image) image { b.put(layout.SizeOff, 1<<63); return b }), mapfile.ErrCorrupt, "size word"},
	{"a size word that is not of units", write(func(b image) image { b.put(layout.SizeOff, b.word(layout.SizeOff)-1); return b }), mapfile.ErrCorrupt, "size word"},
	{"a directory", func(t *testing.T, path string, _ image) { must(os.Mkdir(path, 0o700)) }, region.ErrNotRegular, "directory"},
	{"a FIFO", func(t *testing.T, path string, _ image) { must(syscall.Mkfifo(path, 0o600)) }, region.ErrNotRegular, ""},
	{"a socket", func(t *testing.T, path string, _ image) {
		if len(path) > 100 {
			t.Skip("the path is too long for a socket")
		}
		l := must1(net.Listen("unix", path))
		t.Cleanup(func() { l.Close() })
	}, region.ErrNotRegular, ""},
	{"a device", link("/dev/null"), region.ErrNotRegular, ""},
	{"a link to nothing", link("nowhere"), fs.ErrNotExist, ""},
	{"a link to itself", link("a.map"), syscall.ELOOP, ""},
	{"a file that cannot be mapped", func(t *testing.T, path string, _ image) {
		if runtime.GOOS != "linux" {
			t.Skip("Linux has such files")
		}
		must(os.Symlink("/proc/version", path))
	}, syscall.EIO, ""},
	{"a file on a file system without mmap", func(t *testing.T, path string, _ image) {
		if _, err := os.Stat(unmappable); err != nil {
			t.Skip("SKIPPED: no sysfs")
		}
		must(os.Symlink(unmappable, path))
	}, syscall.ENODEV, "map"},
	{"a file that may not be read", func(t *testing.T, path string, whole image) {
		if os.Geteuid() == 0 {
			t.Skip("root may read everything")
		}
		must(os.WriteFile(path, whole, 0))
	}, fs.ErrPermission, "mode"},
}

// unmappable is a regular file of 4 KiB, to be read by everybody, that the system maps for nobody.
const unmappable = "/sys/kernel/uevent_seqnum"

// write makes the file of changed bytes.
func write(change func(b image) image) func(*testing.T, string, image) {
	return func(t *testing.T, path string, whole image) { must(os.WriteFile(path, change(whole), 0o600)) }
}

// link makes a symbolic link.
func link(to string) func(*testing.T, string, image) {
	return func(t *testing.T, path string, _ image) { must(os.Symlink(to, path)) }
}

func TestEachKindOfWrongFileHasAnErrorOfItsOwn(t *testing.T) {
	whole := hostileImage(t)
	for _, o := range openings {
		t.Run(o.name, func(t *testing.T) {
			path := filepath.Join(testDir(t), "a.map")
			o.make(t, path, bytes.Clone(whole))
			start := time.Now()
			mf, err := mapfile.Open(path)
			if err == nil {
				mf.Close()
			}
			mustBe(t, "Open", err, path, o.want, o.text)
			if o.want != fs.ErrNotExist { // there OpenOrCreate creates, but never through a link
				if o.want != syscall.EIO && o.want != syscall.ENODEV { // those cannot be written, either
					_, err = mapfile.OpenOrCreate(path)
					mustBe(t, "OpenOrCreate", err, path, o.want, o.text)
				}
			} else if _, err := os.Lstat(path); err == nil {
				_, err = mapfile.OpenOrCreate(path)
				mustBe(t, "OpenOrCreate", err, path, region.ErrSymlink, "")
			}
			if took := time.Since(start); took > longestCall {
				t.Errorf("took %v", took)
			}
		})
	}
	if len(openings) < 25 {
		t.Errorf("%d kinds only", len(openings))
	}
}

func mustBe(t *testing.T, what string, err error, path string, want error, text string) {
	t.Helper()
	var e *mapfile.Error
	switch {
	case !errors.As(err, &e) || e.Path != path || e.Op == "":
		t.Errorf("%s: not an *Error with operation and path: %v", what, err)
	case !errors.Is(err, want):
		t.Errorf("%s: %v, not %v", what, err, want)
	case !strings.Contains(err.Error(), text):
		t.Errorf("%s: the text does not say %q: %v", what, text, err)
	}
	kinds := 0
	for _, other := range []error{mapfile.ErrNotMapFile, mapfile.ErrFormatVersion, mapfile.ErrCorrupt, fs.ErrNotExist, fs.ErrPermission, region.ErrNotRegular} {
		if errors.Is(err, other) {
			kinds++
		}
	}
	if kinds > 1 && !errors.Is(err, region.ErrSymlink) {
		t.Errorf("%s: an error of %d kinds: %v", what, kinds, err)
	}
}

// insides are files that can be opened and have something wrong inside, and who finds it. Slot "n/3" is entry 3.
var insides = []struct {
	name string
	harm func(b image)
	find func(mf *mapfile.MapFile) error
	want error
}{
	{"a payload", func(b image) { b[b.published(3)+layout.BufferHeadLen] ^= 1 }, getN3, mapfile.ErrCorrupt},
	{"a stamp", func(b image) { b[b.published(3)+layout.BufferWallOff] ^= 1 }, getN3, mapfile.ErrCorrupt},
	{"a length beyond the buffer", func(b image) { b.put32(b.published(3)+layout.BufferLengthOff, 1<<30) }, getN3, mapfile.ErrCorrupt},
	{"a sequence", func(b image) { b.put(b.published(3), 78) }, getN3, mapfile.ErrCorrupt},
	{"a publish word", func(b image) { b[b.entry(3)+3] ^= 1 }, getN3, mapfile.ErrCorrupt},
	{"a mark that no commit explains", func(b image) { b.mark(3) }, getN3, mapfile.ErrCorrupt},
	{"an extent beyond the file", func(b image) { b.put(b.entry(3)+layout.EntryExtOff, 1<<31|1<<42) }, getN3, mapfile.ErrCorrupt},
	{"a type that is not there", func(b image) { b.put(layout.NumTypesOff, 0) }, getN3, mapfile.ErrCorrupt},
	{"a type record", func(b image) {
		b[b.word(b.word(layout.TypeChunksOff)+8)*layout.UnitLen+layout.TypeRecordHeadLen] ^= 1
	}, getN3, mapfile.ErrCorrupt},
	{"no table of entries", func(b image) { b.put(layout.EntryChunksOff, 0) }, getN3, mapfile.ErrCorrupt},
	{"an index without buckets", func(b image) { b.put(layout.IndexOff, 0) }, getN3, mapfile.ErrNoSlot},
	{"a chain in a circle", func(b image) {
		for i := range hostileSlots {
			b.put32(b.entry(i)+layout.EntryNextOff, uint32(i)+1)
		}
	}, func(mf *mapfile.MapFile) error { _, err := mf.Get("absent"); return err }, mapfile.ErrNoSlot},
	{"a mark of replacement", func(b image) { b.put(layout.SupersededOff, layout.Replaced) }, getN3, mapfile.ErrSuperseded},
	{"extents that overlap", func(b image) {
		b.put(b.entry(4)+layout.EntryExtOff, b.word(b.entry(3)+layout.EntryExtOff))
	}, verify, mapfile.ErrCorrupt},
	{"a free map that gives a slot away", func(b image) {
		ext := b.extent(3)
		unit := ext.Off / layout.UnitLen
		b[b.word(layout.FreeChunksOff)+unit/8] &^= 1 << (unit % 8)
	}, verify, mapfile.ErrCorrupt},
	{"a name", func(b image) { b[b.word(b.entry(3)+layout.EntryLabelOff)*layout.UnitLen+layout.LabelHeadLen] ^= 1 }, verify, mapfile.ErrCorrupt},
	{"an older value that a Snapshot may want", func(b image) {
		ext := b.extent(3)
		for k := range ext.K {
			if at := ext.Buffer(k); at != b.published(3) && b.word(at) != 0 {
				b[at+layout.BufferHeadLen] ^= 1
			}
		}
	}, verify, mapfile.ErrCorrupt},
}

// published returns where the published buffer of entry i lies.
func (b image) published(i int) uint64 {
	ext := b.extent(i)
	return ext.Buffer(layout.PublishWord(b.word(b.entry(i) + layout.EntryPubOff)).Index())
}

func getN3(mf *mapfile.MapFile) error {
	n, err := mapfile.Get[int64](mf, "n/3")
	if err == nil && n != 3 {
		return fmt.Errorf("got %d", n)
	}
	return err
}

func TestEachKindOfDamageInsideIsFound(t *testing.T) {
	whole := hostileImage(t)
	for _, in := range insides {
		t.Run(in.name, func(t *testing.T) {
			path := filepath.Join(testDir(t), "a.map")
			b := bytes.Clone(whole)
			in.harm(b)
			must(os.WriteFile(path, b, 0o600))
			if err := in.find(openFile(t, path)); !errors.Is(err, in.want) {
				t.Errorf("%v, not %v", err, in.want)
			}
			var raw mapfile.Raw
			if err := openFile(t, path).GetInto("n/8", &raw); err != nil && in.name != "no table of entries" && in.want == mapfile.ErrCorrupt && in.name != "a type that is not there" && in.name != "a type record" {
				t.Errorf("another slot suffers: %v", err)
			}
		})
	}
}

// No checksum covers the limit of a Snapshot. A slot whose session or commit word is damaged is outside of
// every limit; it must not keep the others from being seen.
func TestSlotThatIsOutsideOfEveryLimitFailsAloneInASnapshot(t *testing.T) {
	for _, word := range []uint64{layout.BufferSessionOff, layout.BufferCommitOff} {
		path := filepath.Join(testDir(t), "a.map")
		mf := createFile(t, path)
		x, y := int64(1), int64(2)
		addSlot(t, mf, "x", &x)
		addSlot(t, mf, "y", &y)
		if err := errors.Join(mf.Update(), mf.Close()); err != nil {
			t.Fatal(err)
		}
		b := image(must1(os.ReadFile(path)))
		b[b.published(0)+word+5] ^= 1
		overwrite(t, path, b)
		s, err := openFile(t, path).Snapshot()
		if err != nil {
			t.Errorf("word %d: %v", word, err)
			continue
		}
		if v, err := mapfile.Get[int64](s, "y"); err != nil || v != 2 {
			t.Errorf("word %d: y: %d, %v", word, v, err)
		}
		if _, err := mapfile.Get[int64](s, "x"); !errors.Is(err, mapfile.ErrCorrupt) {
			t.Errorf("word %d: x: %v", word, err)
		}
	}
}
