package mapfile_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/mapfile/region"
)

// What of a file's life needs the system's own calls to be seen: links, modes, processes, deaths.

func init() {
	roles["join"] = join
	roles["grow"] = growTenfold
}

// join joins each file that the parent names, adds its slot and says which file it was.
func join(args []string) {
	for {
		path, ok := nextCommand()
		if !ok {
			return
		}
		mf := must1(mapfile.OpenOrCreate(path))
		x := must1(strconv.ParseInt(args[0], 10, 64))
		must1(mf.Add("slot"+args[0], &x))
		must(mf.Update())
		fmt.Printf("id %x\n", must1(mf.Stat()).ID)
		nextCommand() // until all have joined
		must(mf.Close())
	}
}

// A06
func TestProcessesThatJoinAtOnceShareOneFile(t *testing.T) {
	dir := testDir(t)
	const n = 16
	var children [n]*child
	for i := range children {
		children[i] = start(t, "join", strconv.Itoa(i))
	}
	for round := range times(15, 200) {
		path := filepath.Join(dir, fmt.Sprint(round))
		for _, c := range children {
			c.Send(path)
		}
		ids := map[string]bool{}
		for _, c := range children {
			ids[c.Expect("id ")] = true
		}
		reader := openFile(t, path)
		if err := mapfile.CheckInvariants(reader); err != nil || len(ids) != 1 {
			t.Fatalf("round %d: %d file ids, %v", round, len(ids), err)
		}
		for i := range children {
			if got := get[int64](t, reader, fmt.Sprint("slot", i)); got != int64(i) {
				t.Fatalf("round %d: slot%d holds %d", round, i, got)
			}
		}
		info, err := reader.Stat()
		if err != nil || info.NumSlots != n || len(info.Producers) != n {
			t.Fatalf("round %d: %d slots of %d producers, %v", round, info.NumSlots, len(info.Producers), err)
		}
		reader.Close()
		os.Remove(path)
		for _, c := range children {
			c.Send("go on")
		}
	}
	if names := dirNames(t, dir); names != "" {
		t.Errorf("left in the directory: %s", names)
	}
	for _, c := range children {
		c.MustEnd()
	}
}

// process counts what a process holds: descriptors, threads, mappings and address space.
func process(t *testing.T) (fds, threads, maps, vmKiB int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile("/proc/self/maps")
	status, _ := os.ReadFile("/proc/self/status")
	number := func(key string) int {
		m := regexp.MustCompile(key + `:\s+(\d+)`).FindSubmatch(status)
		n, _ := strconv.Atoi(string(m[1]))
		return n
	}
	return len(entries), number("Threads"), strings.Count(string(text), "\n"), number("VmSize")
}

// A10
func TestOpeningAndClosingManyTimesLeavesNothingBehind(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	x := int64(1)
	once := func() {
		producer, err := mapfile.OpenOrCreate(path)
		if err != nil {
			t.Fatal(err)
		}
		addSlot(t, producer, "x", &x)
		mustUpdate(t, producer)
		reader, err := mapfile.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		get[int64](t, reader, "x")
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		for range reader.Watch(ctx) {
			break
		}
		cancel()
		reader.Close()
		producer.Close()
	}
	for range 50 {
		once()
	}
	fds, threads, maps, vm := process(t)
	for range times(400, 10_000) {
		once()
	}
	fds2, threads2, maps2, vm2 := process(t)
	if fds2 > fds || threads2 > threads+5 || maps2 > maps+20 || vm2 > vm+1<<20 {
		t.Errorf("descriptors %d → %d, threads %d → %d, mappings %d → %d, address space %d → %d KiB",
			fds, fds2, threads, threads2, maps, maps2, vm, vm2)
	}
	if info, err := os.Stat(path); err != nil || info.Size() > 256<<10 {
		t.Errorf("the file has grown to %d bytes, %v", info.Size(), err)
	}
}

// A14
func TestSymbolicLinksAreFollowedToReadAndNeverReplaced(t *testing.T) {
	dir := testDir(t)
	target, link, dangling := filepath.Join(dir, "target.map"), filepath.Join(dir, "link"), filepath.Join(dir, "dangling")
	mf := createFile(t, target)
	x := int64(1)
	addSlot(t, mf, "x", &x)
	mustUpdate(t, mf)
	for from, to := range map[string]string{link: target, dangling: filepath.Join(dir, "nothing")} {
		if err := os.Symlink(to, from); err != nil {
			t.Fatal(err)
		}
	}
	if got := get[int64](t, openFile(t, link), "x"); got != 1 {
		t.Errorf("x through the link: %d", got)
	}
	joined := createFile(t, link)
	y := int64(2)
	addSlot(t, joined, "y", &y)
	mustUpdate(t, joined)
	if got := get[int64](t, mf, "y"); got != 2 {
		t.Errorf("y: %d", got)
	}
	_, create := mapfile.Create(link)
	_, recreate := mapfile.Recreate(link)
	_, createD := mapfile.Create(dangling)
	_, joinD := mapfile.OpenOrCreate(dangling)
	_, recreateD := mapfile.Recreate(dangling)
	for name, err := range map[string]error{
		"Create": create, "Recreate": recreate,
		"Create to nothing": createD, "OpenOrCreate to nothing": joinD, "Recreate to nothing": recreateD,
	} {
		if err == nil || !strings.Contains(err.Error(), "symbolic link") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if names := dirNames(t, dir); names != "dangling link target.map" {
		t.Errorf("in the directory: %s", names)
	}
	for _, name := range []string{link, dangling} {
		if _, err := os.Readlink(name); err != nil {
			t.Errorf("%s is no link any more", name)
		}
	}
	if got := get[int64](t, openFile(t, target), "x"); got != 1 {
		t.Errorf("x: %d", got)
	}
}

// A14: without its link a file would stay, marked as gone.
func TestRemoveDeadLeavesSymbolicLinks(t *testing.T) {
	dir, elsewhere := testDir(t), testDir(t)
	path, link := filepath.Join(elsewhere, "a.map"), filepath.Join(dir, "link.map")
	mf := createFile(t, path)
	x := int64(1)
	addSlot(t, mf, "x", &x)
	mustUpdate(t, mf)
	if err := errors.Join(mf.Close(), os.Symlink(path, link), os.Symlink(elsewhere, filepath.Join(dir, "directory"))); err != nil {
		t.Fatal(err)
	}
	if err := mapfile.RemoveDead(link); !errors.Is(err, region.ErrSymlink) || !strings.Contains(err.Error(), link) {
		t.Error(err)
	}
	if _, err := os.Readlink(link); err != nil {
		t.Error(err)
	}
	d, err := mapfile.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for mf, err := range d.Files() { // the link to a directory is none of its business
		if err != nil || mf.Path() != link {
			t.Error(mf.Path(), err)
		}
	}
	addSlot(t, createFile(t, path), "x", &x) // takes over
	if err := mapfile.RemoveDead(link); !errors.Is(err, mapfile.ErrOwned) {
		t.Errorf("of a live producer's file: %v", err)
	}
}

// A15
func TestTwoNamesOfOneFileExcludeAsOne(t *testing.T) {
	dir := testDir(t)
	path := filepath.Join(dir, "a.map")
	mf := createFile(t, path)
	x := int64(1)
	addSlot(t, mf, "x", &x)
	hard := filepath.Join(dir, "hard")
	if err := os.Link(path, hard); err != nil {
		t.Fatal(err)
	}
	names := []string{hard}
	bind := filepath.Join(dir, "bind")
	if err := os.WriteFile(bind, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount(path, bind, "", syscall.MS_BIND, ""); err != nil {
		t.Logf("no bind mounts here: %v", err)
	} else {
		t.Cleanup(func() { syscall.Unmount(bind, syscall.MNT_DETACH) })
		names = append(names, bind)
	}
	for _, name := range names {
		other := createFile(t, name)
		if fileID(t, other) != fileID(t, mf) {
			t.Errorf("%s: another file id", name)
		}
		if _, err := other.Add("x", &x); !errors.Is(err, mapfile.ErrOwned) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A17
func TestNewFileOfAnOldInodeIsSeenAsNew(t *testing.T) {
	dir := t.TempDir() // disk file systems give an inode out again at once
	path := filepath.Join(dir, "a.map")
	d, err := mapfile.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	inodes := map[uint64]bool{}
	for i := range int64(times(60, 1000)) {
		mf, err := mapfile.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		addSlot(t, mf, "generation", &i)
		mustUpdate(t, mf)
		mf.Close()
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		inodes[info.Sys().(*syscall.Stat_t).Ino] = true
		n := 0
		for mf, err := range d.Files() {
			if err != nil {
				t.Fatal(err)
			}
			if got := get[int64](t, mf, "generation"); got != i {
				t.Fatalf("the file of generation %d is seen as that of %d", i, got)
			}
			n++
		}
		if n != 1 {
			t.Fatalf("%d files", n)
		}
		os.Remove(path)
	}
	t.Logf("%d inodes", len(inodes))
}

// growTenfold grows a file to ten times its first size, and is killed.
func growTenfold(args []string) {
	mf := must1(mapfile.OpenOrCreate(args[0]))
	for i := 0; must1(mf.Stat()).Size < 10*128<<10; i++ {
		p := stampPayload(nil, 100+997*i%50_000, uint64(i))
		slot := must1(mf.Add(fmt.Sprint("slot", i), &p))
		must(slot.Update())
		fmt.Println("slots", i+1)
	}
	fmt.Println("grown")
	waitForParent()
}

// A20
func TestFileThatGrewTenfoldIsWholeAfterItsProducerWasKilled(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	c := start(t, "grow", path)
	slots := ""
	for line := c.Line(); line != "grown"; line = c.Line() {
		slots = strings.TrimPrefix(line, "slots ")
	}
	early := openFile(t, path)
	c.Kill()
	n, _ := strconv.Atoi(slots)
	joined := createFile(t, path)
	for _, mf := range []*mapfile.MapFile{joined, early} {
		info, err := mf.Stat()
		if err != nil || info.NumSlots != n || info.Size < 10*128<<10 {
			t.Fatalf("%d slots of %d, %d bytes, %v", info.NumSlots, n, info.Size, err)
		}
		for i := range n {
			number, err := payloadNumber(get[[]byte](t, mf, fmt.Sprint("slot", i)))
			if err != nil || number != uint64(i) {
				t.Fatalf("slot%d: %d, %v", i, number, err)
			}
		}
	}
	if err := mapfile.CheckInvariants(joined); err != nil {
		t.Error(err)
	}
}
