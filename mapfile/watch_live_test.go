package mapfile_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// Loops over Watch and Slots in which, and beside which, other things happen.

// E10
func TestCloseWithinLoopsAndCodecsDoesNotWaitForItself(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	open := func(t *testing.T) *mapfile.MapFile {
		mf := createFile(t, path)
		for i := range 3 {
			x := int64(i)
			addSlot(t, mf, fmt.Sprint("x", i), &x)
		}
		if err := mf.Update(); err != nil {
			t.Fatal(err)
		}
		return mf
	}
	ends := func(t *testing.T, mf *mapfile.MapFile, loop func(body func(error) bool)) {
		within(t, 20*time.Second, t.Name(), func() {
			var errs []error
			loop(func(err error) bool {
				errs = append(errs, err)
				mf.Close()
				return true
			})
			if len(errs) != 2 || errs[0] != nil || !errors.Is(errs[1], mapfile.ErrClosed) {
				t.Errorf("after Close the loop yields %v, want ErrClosed, once", errs[1:])
			}
		})
	}
	t.Run("Watch of the producer", func(t *testing.T) {
		mf := open(t)
		ends(t, mf, func(body func(error) bool) {
			mf.Watch(t.Context())(func(_ mapfile.Event, err error) bool { return body(err) })
		})
	})
	t.Run("Watch of a reader", func(t *testing.T) {
		open(t)
		r := openFile(t, path)
		ends(t, r, func(body func(error) bool) {
			r.Watch(t.Context())(func(_ mapfile.Event, err error) bool { return body(err) })
		})
	})
	t.Run("Slots", func(t *testing.T) {
		mf := open(t)
		ends(t, mf, func(body func(error) bool) {
			mf.Slots()(func(_ mapfile.SlotInfo, err error) bool { return body(err) })
		})
	})
	t.Run("Verify", func(t *testing.T) {
		mf := open(t)
		ends(t, mf, func(body func(error) bool) {
			mf.Verify("**")(func(_ mapfile.Check, err error) bool { return body(err) })
		})
	})
	t.Run("Layout", func(t *testing.T) {
		mf := open(t)
		ends(t, mf, func(body func(error) bool) {
			mf.Layout()(func(_ mapfile.Field, err error) bool { return body(err) })
		})
	})
	t.Run("codec", func(t *testing.T) {
		for _, update := range []string{"slot", "all"} {
			mf := open(t)
			slot := addSlot(t, mf, "f"+update, &foreignNumber{})
			whileEncoding(t, func() { mf.Close() })
			within(t, 20*time.Second, "Update", func() {
				err := slot.Update
				if update == "all" {
					err = func() error { return mf.Update() }
				}
				if err := err(); !errors.Is(err, mapfile.ErrClosed) {
					t.Error(err)
				}
			})
		}
	})
}

// E11
func TestSlotsLoopMayUseTheFile(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	x := int64(1)
	fixed := names("fixed/", 50)
	for _, name := range fixed {
		addSlot(t, mf, name, &x)
	}
	if err := mf.Update(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for info, err := range mf.Slots("fixed/*") {
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprint("new/", n)
		slot := addSlot(t, mf, name, &x)
		if err := errors.Join(slot.Update(), mf.Update(info.Name)); err != nil {
			t.Error(err)
		}
		if got := must1(mapfile.Get[int64](mf, name)); got != x {
			t.Error(got)
		}
		inner := 0
		for range mf.Slots() {
			inner++
		}
		if inner != len(fixed)+1 {
			t.Errorf("%d slots in an inner loop, want %d", inner, len(fixed)+1)
		}
		if err := mf.Remove(name); err != nil {
			t.Error(err)
		}
		n++
	}
	if n != len(fixed) {
		t.Errorf("%d of %d slots listed", n, len(fixed))
	}
}

// E11
func TestSlotsListsOnceWhatIsThereAllTheTime(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	x := int64(1)
	fixed := names("fixed/", 100)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i, name := range fixed {
		addSlot(t, mf, name, &x)
		addSlot(t, mf, fmt.Sprint("passing/", i), &x)
	}
	wg.Go(func() { // what comes and goes takes entries between those that stay
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			name := fmt.Sprint("passing/", i%100)
			if err := mf.Remove(name); err != nil {
				t.Error(err)
			}
			addSlot(t, mf, name, &x)
		}
	})
	for _, from := range []*mapfile.MapFile{mf, openFile(t, path)} {
		for range times(200, 5000) {
			listed := map[string]int{}
			for info, err := range from.Slots() {
				if err != nil {
					t.Error(info.Name, err)
				}
				listed[info.Name]++
			}
			for _, name := range fixed {
				if listed[name] != 1 {
					t.Fatalf("%s is listed %d times", name, listed[name])
				}
			}
		}
	}
	close(stop)
	wg.Wait()
}

// E14: nobody sees writes to mapped memory in the file's modification time; ages come from the file.
func TestAgesDoNotComeFromTheFileSystem(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	x := int64(1)
	if err := addSlot(t, mf, "x", &x).Update(); err != nil {
		t.Fatal(err)
	}
	long := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := os.Chtimes(path, long, long); err != nil {
		t.Fatal(err)
	}
	r := openFile(t, path)
	info := must1(r.Reader("x").Stat())
	if info.Age > time.Minute || time.Since(info.Stamp.Time).Abs() > time.Minute {
		t.Errorf("age %v, stamp %v", info.Age, info.Stamp.Time)
	}
	if p := must1(r.Stat()).Producers[0]; p.State != mapfile.StateLive || p.Heartbeat > time.Minute {
		t.Errorf("%+v", p)
	}
}

// E16
func TestWatchAcrossRecreates(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	createFile(t, path)
	plain := openFile(t, path)
	follower := openFile(t, path, mapfile.WithFollow())
	stays, follows := watch(t, plain), watch(t, follower)
	n := times(100, 2000)
	for i := range n {
		mf, err := mapfile.Recreate(path)
		if err != nil {
			t.Fatal(err)
		}
		x := int64(i)
		if err := addSlot(t, mf, "x", &x).Update(); err != nil {
			t.Fatal(err)
		}
		mf.Close()
	}
	select {
	case err := <-stays.end:
		if !errors.Is(err, mapfile.ErrSuperseded) {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("a watch without WithFollow goes on after a Recreate")
	}
	replaced := 0
	for begin := time.Now(); ; {
		if got, err := mapfile.Get[int64](follower, "x"); err == nil && got == int64(n-1) {
			break
		}
		if time.Since(begin) > 20*time.Second {
			t.Fatal("the follower does not arrive at the last file")
		}
	}
	published := false // after the last EventReplaced
	for begin, quiet := time.Now(), false; !quiet; {
		select {
		case ev := <-follows.events:
			switch ev.Kind {
			case mapfile.EventReplaced:
				replaced, published = replaced+1, false
			case mapfile.EventPublished:
				published = true
			}
		case err := <-follows.end:
			t.Fatal("the follower's watch ended:", err)
		case <-time.After(600 * time.Millisecond): // on a busy machine it may be silent before it has told all
			quiet = replaced > 0 && published || time.Since(begin) > 20*time.Second
		}
	}
	if replaced == 0 || !published {
		t.Errorf("%d Replaced events; the last file's value was told: %v", replaced, published)
	}
}

func init() {
	// A producer with one processor that never yields: its timers, and so the end of a burst, come late.
	roles["hog"] = func(args []string) { // path, bursts
		runtime.GOMAXPROCS(1)
		mf := must1(mapfile.OpenOrCreate(args[0]))
		var now int64
		slot := must1(mf.Add("now", &now))
		fmt.Println("ready")
		nextCommand()
		for range must1(strconv.Atoi(args[1])) {
			for begin := time.Now(); time.Since(begin) < 20*time.Millisecond; {
				now = time.Now().UnixNano()
				must(slot.Update())
			}
			for begin := time.Now(); time.Since(begin) < 150*time.Millisecond; { // busy with something else
			}
		}
		fmt.Println("done")
		waitForParent()
	}
}

// HOTPATH 10: the last wake of a burst comes late, but the bell delivers it, not the 250 ms look.
func TestProducerThatNeverYieldsLosesNoWake(t *testing.T) {
	const limit = 100 * time.Millisecond
	if median := soonest(limit, func() time.Duration { return lastWakes(t, times(8, 200)) }); median > limit {
		t.Errorf("the last version of a burst is known only after %v", median)
	}
}

// lastWakes is how long after the end of a burst its last version is known: the median.
func lastWakes(t *testing.T, bursts int) time.Duration {
	path := filepath.Join(testDir(t), "a.map")
	c := start(t, "hog", path, fmt.Sprint(bursts))
	c.Expect("ready")
	r := openFile(t, path)
	c.Send("go")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { // on a busy machine it is done later than the clock says
		<-c.lines
		time.Sleep(100 * time.Millisecond)
		cancel()
	}()
	type told struct {
		at, published int64
	}
	var all []told
	for _, err := range r.Watch(ctx, "now") {
		if err != nil {
			break
		}
		at := time.Now().UnixNano()
		published, err := mapfile.Get[int64](r, "now")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, told{at, published})
	}
	// A burst's last version is followed by a pause. How late was it known?
	var late []time.Duration
	for i, e := range all {
		if i+1 == len(all) || all[i+1].published-e.published > int64(100*time.Millisecond) {
			late = append(late, time.Duration(e.at-e.published))
		}
	}
	slices.Sort(late)
	t.Log(len(all), "events, last wakes after", late)
	if len(late) < bursts-2 {
		return time.Hour // the watcher slept over whole bursts
	}
	return late[len(late)/2]
}
