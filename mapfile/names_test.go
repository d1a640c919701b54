package mapfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
)

// Names of slots, and to whom a slot belongs.

func init() {
	roles["add one name"] = addOneName
	roles["own"] = own
}

// B04
func TestNamesComeBackByteExact(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf, reader := createFile(t, path), openFile(t, path)
	names := []string{
		"a", "a.b", "..a", "a..", "...", " ", "a b", "-n", "*", "[", `back\slash`, "new\nline", "\x1b[31m", "\u202eabc",
		"ä/ö/ü", "日本/語", "run1/hpx", "e\u0301", "é", strings.Repeat("é", 127) + "x", strings.Repeat("n", layout.MaxNameLen),
		strings.Repeat("d/", 127) + "d",
	}
	for i, name := range names {
		x := int64(i)
		addSlot(t, mf, name, &x)
		mustUpdate(t, mf, name)
	}
	var listed []string
	for info, err := range reader.Slots() {
		if err != nil {
			t.Fatal(err)
		}
		listed = append(listed, info.Name)
	}
	if !slices.Equal(listed, names) {
		t.Errorf("Slots lists %q", listed)
	}
	snap, err := reader.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		if got := get[int64](t, reader, name); got != int64(i) {
			t.Errorf("%q holds %d, not %d", name, got, i)
		}
		if got := get[int64](t, snap, name); got != int64(i) {
			t.Errorf("%q holds %d, not %d, in the snapshot", name, got, i)
		}
	}
}

// B04
func TestBadNamesAreRefusedAndChangeNothing(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf, reader := createFile(t, path), openFile(t, path)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	x := int64(1)
	for _, name := range []string{
		"", ".", "..", "/", "/a", "a/", "a//b", "./a", "a/.", "a/../b", "a\x00b", "\xff", "a\xc3", strings.Repeat("n", layout.MaxNameLen+1),
	} {
		_, addErr := mf.Add(name, &x)
		_, getErr := reader.Get(name)
		for _, err := range []error{addErr, getErr, mf.Remove(name)} {
			var e *mapfile.Error
			if !errors.Is(err, mapfile.ErrName) || !errors.As(err, &e) || e.Slot != name {
				t.Errorf("%q: %v", name, err)
			}
		}
	}
	for _, title := range []string{strings.Repeat("t", layout.MaxTitleLen+1)} {
		if _, err := mf.Add("a", &x, mapfile.WithTitle(title)); err == nil {
			t.Error("a title that is too long is taken")
		}
	}
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{before, after} { // the heartbeat may have changed
		clear(b[layout.SessionsOff:layout.ArenaOff])
	}
	if !bytes.Equal(before, after) {
		t.Error("the file has changed")
	}
}

// B06
func TestSlotAndItsSubtreeMayBothExist(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf, reader := createFile(t, path), openFile(t, path)
	values := map[string]int64{"a": 1, "a/b": 2, "a/b/c": 3, "a.b": 4}
	for name, v := range values {
		addSlot(t, mf, name, &v)
	}
	mustUpdate(t, mf)
	for name, v := range values {
		if got := get[int64](t, reader, name); got != v {
			t.Errorf("%s: %d", name, got)
		}
	}
	if err := mf.Remove("a/b"); err != nil {
		t.Fatal(err)
	}
	if got := get[int64](t, reader, "a/b/c"); got != 3 {
		t.Errorf("a/b/c: %d", got)
	}
	if _, err := reader.Get("a/b"); !errors.Is(err, mapfile.ErrNoSlot) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a/b: %v", err)
	}
}

// B07
func TestSecondAddOfANameIsRefusedAndTheFirstStays(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf, reader := createFile(t, path), openFile(t, path)
	first, second := int64(1), "second"
	slot := addSlot(t, mf, "a", &first)
	mustUpdate(t, mf)
	for _, v := range []any{&second, &first} {
		if _, err := mf.Add("a", v); !errors.Is(err, mapfile.ErrSlotExists) {
			t.Errorf("%v", err)
		}
	}
	first = 5
	if err := slot.Update(); err != nil {
		t.Fatal(err)
	}
	if got := get[int64](t, reader, "a"); got != 5 {
		t.Errorf("the first object shows %d", got)
	}
}

// addOneName adds the slot that the parent names, says how that went, and lets it go again.
func addOneName(args []string) {
	mf := must1(mapfile.OpenOrCreate(args[0]))
	x := int64(os.Getpid())
	for {
		name, ok := nextCommand()
		if !ok {
			must(mf.Close())
			return
		}
		slot, err := mf.Add(name, &x)
		switch {
		case err == nil:
			must(slot.Update())
			fmt.Println("won", os.Getpid())
		case errors.Is(err, mapfile.ErrOwned):
			fmt.Println("lost", err)
		default:
			must(err)
		}
		nextCommand() // until all have tried
		if err == nil {
			must(mf.Remove(name))
		}
		fmt.Println("done")
	}
}

// B08
func TestOneOfManyProcessesGetsAName(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	reader := createFile(t, path)
	var children [8]*child
	for i := range children {
		children[i] = start(t, "add one name", path)
	}
	for round := range times(100, 500) {
		name := fmt.Sprint("slot", round%3)
		for _, c := range children {
			c.Send(name)
		}
		winner, losers := "", []string{}
		for _, c := range children {
			line := c.Line()
			if pid, ok := strings.CutPrefix(line, "won "); ok {
				if winner != "" {
					t.Fatalf("round %d: two winners", round)
				}
				winner = pid
			} else {
				losers = append(losers, line)
			}
		}
		if winner == "" {
			t.Fatalf("round %d: nobody won: %v", round, losers)
		}
		for _, line := range losers {
			if !strings.Contains(line, "["+winner+"]") {
				t.Fatalf("round %d: %s won, a loser says %s", round, winner, line)
			}
		}
		if got := get[int64](t, reader, name); strconv.FormatInt(got, 10) != winner {
			t.Fatalf("round %d: the slot holds %d, %s won", round, got, winner)
		}
		for _, c := range children {
			c.Send("go on")
		}
		for _, c := range children {
			c.Expect("done")
		}
	}
	if err := mapfile.CheckInvariants(reader); err != nil {
		t.Error(err)
	}
}

// own adds and publishes a slot and keeps it until the parent says how to end.
func own(args []string) {
	mf := must1(mapfile.OpenOrCreate(args[0], mapfile.WithHeartbeat(20*time.Millisecond)))
	x := int64(1)
	for _, name := range args[1:] {
		must1(mf.Add(name, &x))
	}
	must(mf.Update())
	fmt.Println("owns")
	switch how, _ := nextCommand(); how {
	case "close":
		must(mf.Close())
	case "exit":
		os.Exit(0)
	}
	fmt.Println("bye")
	waitForParent()
}

// B19
func TestSlotOfALiveProducerIsItsOwnAndOfADeadOneAnybodys(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	c := start(t, "own", path, "removed", "taken")
	c.Expect("owns")
	x := int64(2)
	_, addErr := mf.Add("taken", &x)
	for _, err := range []error{addErr, mf.Remove("taken"), mf.Remove("removed")} {
		if !errors.Is(err, mapfile.ErrOwned) || !strings.Contains(err.Error(), fmt.Sprintf("[%d]", c.Pid())) {
			t.Errorf("%v", err)
		}
	}
	if err := mf.Update("taken"); !errors.Is(err, mapfile.ErrNoSlot) {
		t.Errorf("Update of a slot that was not added here: %v", err)
	}
	c.Kill()
	if err := mf.Remove("removed"); err != nil {
		t.Errorf("Remove after the owner's death: %v", err)
	}
	slot := addSlot(t, mf, "taken", &x)
	if got := get[int64](t, mf, "taken"); got != 1 {
		t.Errorf("the dead producer's last value is %d", got)
	}
	if slot.Version() != 1 {
		t.Errorf("version %d", slot.Version())
	}
	if err := slot.Update(); err != nil {
		t.Fatal(err)
	}
	if got := get[int64](t, mf, "taken"); got != 2 || slot.Version() != 2 {
		t.Errorf("after the take-over %d, version %d", got, slot.Version())
	}
	if _, err := mf.Get("removed"); !errors.Is(err, mapfile.ErrNoSlot) {
		t.Errorf("%v", err)
	}
	if err := mapfile.CheckInvariants(mf); err != nil {
		t.Error(err)
	}
}

// B20
func TestRemoveAllRemovesOnesOwnSlotsOnly(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	first, second, reader := createFile(t, path), createFile(t, path), openFile(t, path)
	x, y := int64(1), int64(2)
	handle := addSlot(t, first, "first/a", &x)
	addSlot(t, first, "first/b", &x)
	addSlot(t, second, "second", &y)
	mustUpdate(t, first)
	mustUpdate(t, second)
	if err := first.RemoveAll(); err != nil {
		t.Fatal(err)
	}
	if got := get[int64](t, reader, "second"); got != 2 {
		t.Errorf("the other's slot holds %d", got)
	}
	mustUpdate(t, second)
	mustUpdate(t, first) // nothing left: nothing to do
	if _, err := reader.Get("first/a"); !errors.Is(err, mapfile.ErrNoSlot) {
		t.Errorf("%v", err)
	}
	addSlot(t, first, "first/a", &x)
	if err := handle.Update(); !errors.Is(err, mapfile.ErrNoSlot) {
		t.Errorf("the handle of the removed slot: %v", err)
	}
	if err := first.RemoveAll(); err != nil {
		t.Fatal(err)
	}
	if err := mapfile.CheckInvariants(reader); err != nil {
		t.Error(err)
	}
}
