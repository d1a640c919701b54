package mapfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/mapfile/region"
)

// Readers whose windows have no room past the end of the file map it anew when it has grown. They do so
// once for each time that it grows, not for each slot that they meet: a process has 65,530 mappings, and
// dies where its runtime finds none left.

func init() {
	roles["count windows"] = countWindows
}

// countWindows reads the slots that the parent names, and tells how many mappings of the file it has.
func countWindows(args []string) {
	mf := must1(mapfile.Open(args[0]))
	fmt.Println("open")
	for {
		name, ok := nextCommand()
		if !ok {
			return
		}
		must1(mapfile.Get[int64](mf, name))
		for info, err := range mf.Slots() {
			if must(err); info.Name == name {
				break
			}
		}
		maps := must1(os.ReadFile("/proc/self/maps"))
		fmt.Println("windows", bytes.Count(maps, []byte(args[0])))
	}
}

func TestReaderWithASmallWindowMapsAGrowingFileOncePerGrowth(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	cmd := command("count windows", path)
	cmd.Env = append(cmd.Env, "MAPFILE_RESERVE=0")
	c := startCommand(t, cmd)
	c.Expect("open")
	growths, windows := 0, 0
	for i, size := 0, stat(t, mf).Size; i < 400; i++ {
		name, x := fmt.Sprint("slot", i), int64(i)
		addSlot(t, mf, name, &x)
		mustUpdate(t, mf, name)
		if now := stat(t, mf).Size; now != size {
			growths, size = growths+1, now
		}
		c.Send(name)
		if _, err := fmt.Sscan(c.Expect("windows "), &windows); err != nil {
			t.Fatal(err)
		}
		if windows < 1 || windows > 1+growths {
			t.Fatalf("%d slots: the file has grown %d times, and the reader has %d windows", i+1, growths, windows)
		}
	}
	if t.Log(growths, "growths,", windows, "windows"); growths < 5 {
		t.Error("the file has hardly grown")
	}
	c.MustEnd()
}

func init() {
	roles["read with little address space"] = readWithLittleAddressSpace
}

// readWithLittleAddressSpace reads a slot that is out of its window by then, and one that is not.
func readWithLittleAddressSpace(args []string) {
	mf := must1(mapfile.Open(args[0]))
	statm := must1(os.ReadFile("/proc/self/statm"))
	pages := must1(strconv.ParseUint(string(bytes.Fields(statm)[0]), 10, 64))
	var limit unix.Rlimit
	must(unix.Getrlimit(unix.RLIMIT_AS, &limit))
	limit.Cur = pages*uint64(os.Getpagesize()) + 64<<20
	must(unix.Setrlimit(unix.RLIMIT_AS, &limit))
	fmt.Println("open")
	nextCommand()
	_, err := mf.Get("far")
	if !errors.Is(err, region.ErrAddressSpace) || errors.Is(err, mapfile.ErrCorrupt) {
		fmt.Println(err)
		return
	}
	fmt.Println("refused", must1(mapfile.Get[int64](mf, "near")))
}

func TestReaderWithoutAddressSpaceForAGrownFileSaysSo(t *testing.T) { // F15
	if raceEnabled {
		t.Skip("SKIPPED: the race detector needs terabytes of address space")
	}
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	near, far := int64(1), make([]byte, 40<<20)
	addSlot(t, mf, "near", &near)
	mustUpdate(t, mf)
	cmd := command("read with little address space", path)
	cmd.Env = append(cmd.Env, "MAPFILE_RESERVE=0")
	c := startCommand(t, cmd)
	c.Expect("open")
	addSlot(t, mf, "far", &far, mapfile.WithBuffers(2))
	mustUpdate(t, mf, "far")
	c.Send("read")
	if got := c.Expect("refused "); got != "1" {
		t.Errorf("near is %s", got)
	}
	c.MustEnd()
}
