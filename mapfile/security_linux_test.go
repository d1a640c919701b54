package mapfile_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gomapfile/mapfile/codec"
	zstdcodec "github.com/gomapfile/mapfile/codec/zstd"
	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/registry"
)

// The sentences of SECURITY.md that no other test shows. Lies in files are in hostile_test.go.

func init() {
	roles["use as a reader"] = func(args []string) { // path: does what a reader can, until told to end
		mf := must1(mapfile.Open(args[0]))
		must1(mf.Get("a"))
		must1(mf.Snapshot())
		must1(mf.Stat())
		for _, err := range mf.Slots() {
			must(err)
		}
		must(verify(mf))
		showMapping(args[0])
		waitForParent()
	}
	roles["use as a producer"] = func(args []string) {
		mf := published(args[0])
		showMapping(args[0])
		must(mf.Close())
	}
	roles["hold shared locks"] = func(args []string) { // path, first byte, length
		var first, n int64
		must1(fmt.Sscan(args[1], &first))
		must1(fmt.Sscan(args[2], &n))
		f := must1(os.Open(args[0]))
		held := 0
		for off := first; off < first+n; off++ {
			if unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_RDLCK, Start: off, Len: 1}) == nil {
				held++ // those of live producers are not to be had
			}
		}
		fmt.Println("holds", held)
		waitForParent()
	}
	roles["create with umask 0"] = func(args []string) {
		syscall.Umask(0)
		for i, open := range []func(string, ...mapfile.Option) (*mapfile.MapFile, error){mapfile.Create, mapfile.Recreate, mapfile.OpenOrCreate} {
			must(must1(open(fmt.Sprint(args[0], i))).Close())
		}
		n := int64(1)
		must(must1(mapfile.Publish(args[0]+"3", &n)).Close())
	}
}

// showMapping prints with which rights this process has the file mapped and open.
func showMapping(path string) {
	for line := range strings.Lines(string(must1(os.ReadFile("/proc/self/maps")))) {
		if strings.HasSuffix(line, " "+path+"\n") {
			fmt.Println("mapped", strings.Fields(line)[1])
		}
	}
	for _, fd := range must1(os.ReadDir("/proc/self/fd")) {
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && to == path {
			info := string(must1(os.ReadFile("/proc/self/fdinfo/" + fd.Name())))
			fmt.Println("open", regexp.MustCompile(`flags:\s*\d*(\d)`).FindStringSubmatch(info)[1])
		}
	}
	fmt.Println("shown")
}

func TestReadersHaveTheFileOpenAndMappedForReadingOnly(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	must(published(path).Close())
	before := must1(os.ReadFile(path))
	rights := func(role string) (all string) {
		c := start(t, role, path)
		for line := c.Line(); line != "shown"; line = c.Line() {
			all += line + "\n"
		}
		c.MustEnd()
		return all
	}
	if got := rights("use as a reader"); strings.ReplaceAll(got, "mapped r--s\n", "") != "open 0\n" || !strings.Contains(got, "mapped") {
		t.Errorf("a reader has it %s", got)
	}
	if !bytes.Equal(must1(os.ReadFile(path)), before) {
		t.Error("a reader has changed the file")
	}
	if got := rights("use as a producer"); !strings.Contains(got, "mapped rw-s\n") || !strings.Contains(got, "open 2\n") { // the control
		t.Errorf("a producer has it %s", got)
	}
}

func TestFilesAreTheirUsersOwnWhateverTheUmask(t *testing.T) {
	dir := testDir(t)
	start(t, "create with umask 0", filepath.Join(dir, "a.map")).MustEnd()
	files := must1(os.ReadDir(dir))
	for _, f := range files {
		if mode := must1(f.Info()).Mode(); mode != 0o600 {
			t.Errorf("%s has mode %v", f.Name(), mode)
		}
	}
	if len(files) != 4 {
		t.Errorf("%d files", len(files))
	}
}

func TestDefaultDirIsPrivateAndNotOneThatSomebodyPrepared(t *testing.T) {
	t.Setenv("MAPFILE_DIR", "")
	base := testDir(t)
	t.Setenv("XDG_RUNTIME_DIR", base)
	mine := filepath.Join(base, "mapfile")
	old := syscall.Umask(0)
	dir, err := mapfile.DefaultDir()
	syscall.Umask(old)
	if err != nil || dir != mine || must1(os.Stat(dir)).Mode().Perm() != 0o700 {
		t.Fatalf("%q, %v", dir, err)
	}
	must(os.Chmod(mine, 0o770))
	if dir, err := mapfile.DefaultDir(); dir == mine {
		t.Errorf("one that a group may write was taken, %v", err)
	}
	must(os.Rename(mine, mine+".else"))
	must(os.Symlink(mine+".else", mine))
	if dir, err := mapfile.DefaultDir(); dir == mine {
		t.Errorf("a link was taken, %v", err)
	}
}

// What a reader's shared locks stop: by which bytes of the file it has locked.
var sharedLocks = []struct {
	name     string
	first, n int64
	stopped  []string // the calls that are ErrLocked then; all others are done
}{
	{"all that a reader can get", layout.StructureLockOff, layout.SelfTestLockOff + 1 - layout.StructureLockOff,
		[]string{"growing", "Add", "Remove", "take-over", "OpenOrCreate", "Recreate", "RemoveDead"}},
	{"the structure", layout.StructureLockOff, 1,
		[]string{"growing", "Add", "Remove", "take-over", "OpenOrCreate", "Recreate", "RemoveDead"}},
	{"all records without a live producer", layout.SessionLockOff, layout.NumSessions, []string{"OpenOrCreate"}},
	{"the self-test", layout.SelfTestLockOff, 1, nil},
}

// A reader's shared locks stop what needs exclusive ones, with an error that says so, and nothing else.
func TestSharedLocksOfAReaderStopStructuralChangesOnly(t *testing.T) {
	for _, held := range sharedLocks {
		t.Run(held.name, func(t *testing.T) {
			path := filepath.Join(testDir(t), "a.map")
			dead := start(t, "own", path, "left")
			dead.Expect("owns")
			dead.Kill()
			n, large := int64(1), []byte("small")
			timeout := mapfile.WithLockTimeout(100 * time.Millisecond)
			mf := createFile(t, path, timeout)
			small, grows := addSlot(t, mf, "small", &n), addSlot(t, mf, "grows", &large)
			mustUpdate(t, mf)
			reader := openFile(t, path)
			holder := start(t, "hold shared locks", path, fmt.Sprint(held.first), fmt.Sprint(held.n))
			holder.Expect("holds")

			n = 2
			if err := errors.Join(small.Update(), mf.Update("small", "grows"), mf.Sync()); err != nil {
				t.Errorf("the owner's updates: %v", err)
			}
			if got := get[int64](t, reader, "small"); got != 2 {
				t.Errorf("read %d", got)
			}
			for _, p := range must1(reader.Stat()).Producers {
				if p.PID == dead.Pid() && p.State != mapfile.StateDead {
					t.Errorf("the dead producer is %v", p.State)
				}
			}
			add := func(name string) error { _, err := mf.Add(name, &n); return err }
			large = make([]byte, 1<<20)
			for _, call := range []struct {
				name string
				do   func() error
			}{
				{"growing", grows.Update},
				{"Add", func() error { return add("new") }},
				{"Remove", func() error { return mf.Remove("small") }},
				{"take-over", func() error { return add("left") }},
				{"OpenOrCreate", func() error { joined, err := mapfile.OpenOrCreate(path, timeout); joined.Close(); return err }},
				{"Recreate", func() error { made, err := mapfile.Recreate(path, timeout); made.Close(); return err }},
				{"RemoveDead", func() error { return mapfile.RemoveDead(path) }},
			} {
				within(t, longestCall, call.name, func() {
					if err := call.do(); slices.Contains(held.stopped, call.name) != errors.Is(err, mapfile.ErrLocked) ||
						err != nil && !strings.Contains(err.Error(), "who has the file open") {
						t.Errorf("%s: %v", call.name, err)
					}
				})
			}
			holder.Kill()
		})
	}
}

// A payload of a few bytes that claims, or has, a large content is an error before the content is made.
func TestDecompressionBombIsAnErrorInBoundedMemory(t *testing.T) {
	r := &registry.Registry{}
	must(r.AddCodec(zstdcodec.Wrap(codec.Basic)))
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path, mapfile.WithRegistry(r))
	for i, size := range []uint64{1 << 40, zstdcodec.MinLimit + 1, 1 << 10} {
		bomb := binary.LittleEndian.AppendUint64([]byte{0x28, 0xB5, 0x2F, 0xFD, 0xE0}, size) // one segment of that size
		for block := range 1000 {                                                            // of 128 KiB each, as one byte
			last := uint32(0)
			if block == 999 {
				last = 1
			}
			header := 128<<10<<3 | 1<<1 | last
			bomb = append(bomb, byte(header), byte(header>>8), byte(header>>16), 'x')
		}
		name := fmt.Sprint("bomb", i)
		must(addSlot(t, mf, name, &mapfile.Raw{Type: mapfile.TypeInfo{Name: "[]uint8", Codec: "zstd+basic", Schema: []byte("[]uint8")}, Payload: bomb}).Update())
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := mf.Get(name)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, mapfile.ErrDecode) {
			t.Errorf("%d bytes: %v", size, err)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > zstdcodec.MinLimit+64<<20 && !raceEnabled {
			t.Errorf("%d bytes: took %d MiB", size, took>>20)
		}
	}
}

// SECURITY.md warns of it: Remove makes a slot unreachable, not its bytes.
func TestRemovedSlotsAreNotWiped(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	secret := []byte("the secret of the removed slot")
	must(addSlot(t, mf, "a", &secret).Update())
	must(mf.Remove("a"))
	if !bytes.Contains(must1(os.ReadFile(path)), secret) {
		t.Error("the bytes are gone: SECURITY.md says that they are not")
	}
}

func TestLinksAreNotFollowedByThoseWhoCreate(t *testing.T) {
	dir := testDir(t)
	target, path := filepath.Join(dir, "target"), filepath.Join(dir, "a.map")
	must(os.Symlink(target, path))
	for what, open := range map[string]func(string, ...mapfile.Option) (*mapfile.MapFile, error){
		"Create": mapfile.Create, "Recreate": mapfile.Recreate, "OpenOrCreate": mapfile.OpenOrCreate,
	} {
		if mf, err := open(path); err == nil {
			mf.Close()
			t.Errorf("%s made a file through a link", what)
		}
	}
	if _, err := os.Lstat(target); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the target of the link is there: %v", err)
	}
}
