package mapfile_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// Space: what slots take, what removal gives back, how a file grows under its readers.

func init() {
	roles["add by turns"] = addByTurns
}

// mustBeInOrder runs the walk over everything that a file has.
func mustBeInOrder(t testing.TB, mf *mapfile.MapFile) {
	t.Helper()
	if err := mapfile.CheckInvariants(mf); err != nil {
		t.Fatal(err)
	}
}

func stat(t testing.TB, mf *mapfile.MapFile) mapfile.FileInfo {
	t.Helper()
	info, err := mf.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// B01
func TestRemovedSlotsMakeRoomForAsManyInAnyOrder(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	const n = 300
	var names []string
	for i := range n {
		names = append(names, fmt.Sprint("slot", i))
	}
	fill := func() {
		for i, name := range names {
			p := stampPayload(nil, 20+37*i%5000, uint64(i))
			addSlot(t, mf, name, &p, mapfile.WithCapacity(len(p)))
		}
		mustUpdate(t, mf)
		mustBeInOrder(t, mf)
	}
	fill()
	if info := stat(t, mf); info.Used > info.Size/16*15 { // so full that the order of the slots decides
		mf.RemoveAll()
		mf.Close()
		mf = createFile(t, filepath.Join(testDir(t), "b.map"), mapfile.WithSize(info.Size/15*16))
		fill()
	}
	size := stat(t, mf).Size
	for round := range 5 {
		for _, order := range []string{"same", "inverse", "mixed"} {
			gone := slices.Clone(names)
			switch order {
			case "inverse":
				slices.Reverse(gone)
			case "mixed":
				rand.New(rand.NewPCG(uint64(round), 0)).Shuffle(n, func(i, j int) { gone[i], gone[j] = gone[j], gone[i] })
			}
			for _, name := range gone {
				if err := mf.Remove(name); err != nil {
					t.Fatal(err)
				}
			}
			mustBeInOrder(t, mf)
			fill()
			if now := stat(t, mf).Size; now != size {
				t.Fatalf("round %d, %s order: the file has grown from %d to %d bytes", round, order, size, now)
			}
		}
	}
}

// B02
func TestGrownSlotsUseTheHolesOfRemovedOnes(t *testing.T) {
	mf := createFile(t, filepath.Join(testDir(t), "a.map"))
	r := rand.New(rand.NewPCG(1, 1))
	n := times(2000, 10_000)
	payloads := make([][]byte, n)
	for i := range payloads {
		payloads[i] = stampPayload(nil, 20+r.IntN(2000), uint64(i))
		addSlot(t, mf, fmt.Sprint(i), &payloads[i])
	}
	mustUpdate(t, mf)
	for i := 1; i < n; i += 2 {
		if err := mf.Remove(fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; i < n; i += 2 {
		payloads[i] = stampPayload(nil, 2*len(payloads[i]), uint64(i))
		mustUpdate(t, mf, fmt.Sprint(i))
	}
	mustBeInOrder(t, mf)
	if info := stat(t, mf); info.Size > 2*info.Used {
		t.Errorf("the file has %d bytes, %d are in use", info.Size, info.Used)
	}
	for i := 0; i < n; i += 2 {
		if number, err := payloadNumber(get[[]byte](t, mf, fmt.Sprint(i))); err != nil || number != uint64(i) {
			t.Fatalf("slot %d: %d, %v", i, number, err)
		}
	}
}

// addByTurns adds slots of random sizes and waits for the parent after each few.
func addByTurns(args []string) {
	mf := must1(mapfile.OpenOrCreate(args[0]))
	seed := must1(strconv.ParseUint(args[1], 10, 64))
	n := must1(strconv.Atoi(args[2]))
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range n {
		p := stampPayload(nil, 20+r.IntN(10_000), uint64(i))
		slot := must1(mf.Add(fmt.Sprintf("p%d/%d", seed, i), &p, mapfile.WithCapacity(r.IntN(5000))))
		must(slot.Update())
		if i%50 == 49 {
			fmt.Println("added", i+1)
			nextCommand()
		}
	}
	fmt.Println("done")
	waitForParent()
}

// B12
func TestTwoProcessesAddByTurnsWithoutOverlap(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	reader := createFile(t, path)
	n := times(500, 1000)
	children := []*child{start(t, "add by turns", path, "1", fmt.Sprint(n)), start(t, "add by turns", path, "2", fmt.Sprint(n))}
	for done := 0; done < len(children); {
		for _, c := range children {
			line := c.Line()
			if line == "done" {
				done++
				continue
			}
			c.Send("go on")
		}
	}
	mustBeInOrder(t, reader)
	for seed := 1; seed <= 2; seed++ {
		for i := range n {
			number, err := payloadNumber(get[[]byte](t, reader, fmt.Sprintf("p%d/%d", seed, i)))
			if err != nil || number != uint64(i) {
				t.Fatalf("p%d/%d: %d, %v", seed, i, number, err)
			}
		}
	}
}

// B13
func TestSizesThatJumpKeepTheFileBounded(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf, reader := createFile(t, path), openFile(t, path)
	r := rand.New(rand.NewPCG(2, 2))
	var slots []*mapfile.Slot
	payloads := make([][]byte, 5)
	for i := range payloads {
		slots = append(slots, addSlot(t, mf, fmt.Sprint(i), &payloads[i]))
	}
	for step := range times(2000, 100_000) {
		i := r.IntN(len(slots))
		n := 1 + r.IntN(40)
		if r.IntN(10) == 0 {
			n = 1 << r.IntN(21)
		}
		payloads[i] = stampPayload(nil, n, uint64(step))
		if err := slots[i].Update(); err != nil {
			t.Fatal(err)
		}
		if number, err := payloadNumber(get[[]byte](t, reader, fmt.Sprint(i))); err != nil || number != uint64(step) {
			t.Fatalf("step %d: %d, %v", step, number, err)
		}
	}
	mustBeInOrder(t, reader)
	if size := stat(t, reader).Size; size > 5*(3<<20)*4 { // 3 MiB a slot at its largest, and the holes of its growth
		t.Errorf("the file has %d bytes", size)
	}
}

// B16
func TestAddIsNearLinearAndGetDoesNotScan(t *testing.T) {
	mf := createFile(t, filepath.Join(testDir(t), "a.map"))
	few, many := times(2000, 20_000), times(20_000, 200_000)
	x := int64(1)
	// A hole that nothing of what follows fits into: a search that began there each time would be quadratic.
	title := mapfile.WithTitle(strings.Repeat("t", 200))
	addSlot(t, mf, "hole", &x)
	addSlot(t, mf, "behind it", &x)
	if err := mf.Remove("hole"); err != nil {
		t.Fatal(err)
	}
	add := func(from, to int) time.Duration { // of a thousand, the fastest: others use the machine, too
		best := time.Hour
		for i := from; i < to; {
			begin := time.Now()
			for range 1000 {
				addSlot(t, mf, fmt.Sprint("slot", i), &x, mapfile.WithBuffers(2), title)
				i++
			}
			best = min(best, time.Since(begin))
		}
		return best
	}
	gets := func(n int) time.Duration { // the fastest of some: others use the machine, too
		best := time.Hour
		for range 10 {
			begin := time.Now()
			for i := range 100 {
				if _, err := mf.Reader(fmt.Sprint("slot", i*n/100)).Stat(); err != nil {
					t.Fatal(err)
				}
			}
			best = min(best, time.Since(begin))
		}
		return best
	}
	addFew := add(0, few)
	getFew := gets(few)
	add(few, many-few)
	addMany := add(many-few, many)
	getMany := gets(many)
	t.Logf("of %d slots: 1000 Adds %v, 100 look-ups %v; of %d: %v, %v", few, addFew, getFew, many, addMany, getMany)
	if addMany > 5*addFew { // 1 is linear
		t.Errorf("1000 Adds to %d slots take %v, to %d %v", few, addFew, many, addMany)
	}
	if getMany > 6*getFew { // 10 is a scan
		t.Errorf("100 look-ups take %v of %d slots, %v of %d", getFew, few, getMany, many)
	}
	mustBeInOrder(t, mf)
}

// B17
func TestRemovedBytesStayUntilTheirSpaceIsUsedAgain(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	secret := []byte("a secret that is removed")
	slot := addSlot(t, mf, "secret", &secret)
	for range 20 { // into every buffer
		if err := slot.Update(); err != nil {
			t.Fatal(err)
		}
	}
	if err := mf.Remove("secret"); err != nil {
		t.Fatal(err)
	}
	inFile := func() bool {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Contains(b, []byte("a secret that is removed"))
	}
	if !inFile() {
		t.Error("the documentation says that the bytes stay; they do not")
	}
	before := stat(t, mf).Size
	for i := 0; stat(t, mf).Size == before; i++ {
		p := bytes.Repeat([]byte("x"), len(secret))
		s := addSlot(t, mf, fmt.Sprint("fill", i), &p)
		for range 20 {
			if err := s.Update(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if inFile() {
		t.Error("the space was used again and the bytes are still there")
	}
}
