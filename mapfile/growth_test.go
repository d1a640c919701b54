package mapfile_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gomapfile/mapfile/mapfile"
)

// A file that grows, under readers and producers of other processes.

func init() {
	roles["read on"] = readOn
}

// readOn reads each slot that the parent names, with handles made before anything grew.
func readOn(args []string) {
	mf := must1(mapfile.Open(args[0]))
	fmt.Println("open")
	for {
		name, ok := nextCommand()
		if !ok {
			return
		}
		p := must1(mapfile.Get[[]byte](mf, name))
		snap := must1(mf.Snapshot())
		again := must1(mapfile.Get[[]byte](snap, name))
		if !bytes.Equal(p, again) {
			panic("Get and Snapshot differ")
		}
		fmt.Println("number", must1(payloadNumber(p)), len(p))
	}
}

func TestReadersInOtherProcessesFollowTheGrowthOfFileAndSlot(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	growing := stampPayload(nil, 20, 0)
	slot := addSlot(t, mf, "growing", &growing)
	mustUpdate(t, mf)
	var readers []*child
	for _, reserve := range []string{"", "MAPFILE_RESERVE=0", "MAPFILE_RESERVE=1000000"} {
		cmd := command("read on", path)
		cmd.Env = append(cmd.Env, reserve)
		c := startCommand(t, cmd)
		c.Expect("open")
		readers = append(readers, c)
	}
	ask := func(name string, number, n int) {
		t.Helper()
		for i, c := range readers {
			c.Send(name)
			if got, want := c.Expect("number "), fmt.Sprint(number, n); got != want {
				t.Fatalf("reader %d of %s: %q, not %q", i, name, got, want)
			}
		}
	}
	for i := 1; i <= times(14, 18); i++ {
		n := 20 << i
		growing = stampPayload(nil, n, uint64(i))
		if err := slot.Update(); err != nil {
			t.Fatal(err)
		}
		ask("growing", i, n)
		name := fmt.Sprint("new", i)
		fresh := stampPayload(nil, 30_000, uint64(100+i))
		addSlot(t, mf, name, &fresh)
		mustUpdate(t, mf, name)
		ask(name, 100+i, 30_000)
	}
	mustBeInOrder(t, mf)
	for _, c := range readers {
		c.MustEnd()
	}
	if strings.Count(dirNames(t, filepath.Dir(path)), " ") != 0 {
		t.Errorf("left in the directory: %s", dirNames(t, filepath.Dir(path)))
	}
}

// A slot that moves twice without a publish between, into extents of other numbers of buffers, keeps its
// value, although its publish word says where that was two extents ago. (Model move.pml, INDEX_TWICE.)
func TestSlotThatMovesTwiceBetweenTwoPublishesKeepsItsValue(t *testing.T) {
	type room struct{ capacity, buffers int } // 0 buffers: by capacity, 8, 4, 3 or 2
	for _, rooms := range [][]room{
		{{1 << 10, 0}, {100 << 10, 0}, {500 << 10, 0}, {2 << 20, 0}},
		{{1 << 10, 3}, {2 << 10, 2}, {4 << 10, 16}},
	} {
		for updates := 1; updates <= 8; updates++ {
			path := filepath.Join(testDir(t), "a.map")
			value := stampPayload(nil, 500, uint64(updates))
			for i, room := range rooms {
				opts := []mapfile.SlotOption{mapfile.WithCapacity(room.capacity)}
				if room.buffers > 0 {
					opts = append(opts, mapfile.WithBuffers(room.buffers))
				}
				mf := createFile(t, path) // the producer is another one each time, and publishes only at first
				slot := addSlot(t, mf, "a", &value, opts...)
				for range updates {
					if i == 0 {
						mustUpdate(t, mf)
					}
				}
				number, err := payloadNumber(get[[]byte](t, openFile(t, path), "a"))
				if err != nil || number != uint64(updates) || slot.Version() != uint64(updates) {
					t.Errorf("%d updates, extent %d: %d, %v, version %d", updates, i, number, err, slot.Version())
				}
				mustBeInOrder(t, mf)
				mf.Close()
			}
		}
	}
}

func TestProducersWithSmallWindowsGrowTheSameFile(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	reader := createFile(t, path)
	var children []*child
	for seed := range 2 {
		cmd := command("add by turns", path, fmt.Sprint(seed), "300")
		cmd.Env = append(cmd.Env, "MAPFILE_RESERVE=0")
		children = append(children, startCommand(t, cmd))
	}
	for _, c := range children {
		go func() {
			for range 300 / 50 {
				fmt.Fprintln(c.stdin, "go on")
			}
		}()
	}
	for _, c := range children {
		for c.Line() != "done" {
		}
	}
	mustBeInOrder(t, reader)
	for seed := range 2 {
		for i := range 300 {
			if number, err := payloadNumber(get[[]byte](t, reader, fmt.Sprintf("p%d/%d", seed, i))); err != nil || number != uint64(i) {
				t.Fatalf("p%d/%d: %d, %v", seed, i, number, err)
			}
		}
	}
}

func TestOpenBesideAGrowingFileIsNeverDamaged(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	var producer sync.WaitGroup
	done := make(chan struct{})
	producer.Go(func() {
		defer close(done)
		x := int64(1)
		for i := 0; ; i++ {
			_, err := mf.Add(fmt.Sprint("slot", i), &x, mapfile.WithCapacity(30_000))
			if err != nil {
				t.Error(err)
				return
			}
			if info, err := mf.Stat(); err != nil || info.Size > int64(times(64, 1024)<<20) {
				return
			}
		}
	})
	opened := 0
	for running := true; running; opened++ {
		select {
		case <-done:
			running = false
		default:
		}
		reader, err := mapfile.Open(path)
		if err != nil {
			t.Error(err)
			break
		}
		reader.Close()
	}
	producer.Wait()
	t.Logf("opened %d times", opened)
}
