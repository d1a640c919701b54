package mapfile_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/codec"
	"github.com/gomapfile/mapfile/internal/inplace"
	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/registry"
)

// Goroutines that update one slot: which state wins, and what one that never returns leaves behind.

// trusted is a type whose codec encodes in place, as those of this module do. They never call anybody;
// this one calls whom a test wants it to.
type trusted struct{ N int64 }

type trustedCodec struct{ codec.Codec }

func (trustedCodec) EncodesInPlace(inplace.Promise) {}

var onTrustedAppend atomic.Pointer[func(dst []byte)]

func init() {
	registry.Register[trusted]("test.Trusted", trustedCodec{codec.Func("test-trusted",
		func(dst []byte, v *trusted) ([]byte, error) {
			if f := onTrustedAppend.Load(); f != nil {
				(*f)(dst)
			}
			return binary.LittleEndian.AppendUint64(dst, uint64(v.N)), nil
		},
		func(src []byte, v *trusted) error {
			if len(src) != 8 {
				return errors.New("a number has 8 bytes")
			}
			v.N = int64(binary.LittleEndian.Uint64(src))
			return nil
		})})
}

// whileEncodingTrusted calls f whenever a trusted is encoded, for the rest of the test.
func whileEncodingTrusted(t *testing.T, f func(dst []byte)) {
	onTrustedAppend.Store(&f)
	t.Cleanup(func() { onTrustedAppend.Store(nil) })
}

// numbered are objects of one number for each way of encoding.
var numbered = map[string]struct {
	make func(n int64) any
	get  func(from mapfile.Getter, name string) (int64, error)
}{
	"in private memory": {
		func(n int64) any { return &foreignNumber{n} },
		func(from mapfile.Getter, name string) (int64, error) {
			v, err := mapfile.Get[foreignNumber](from, name)
			return v.N, err
		},
	},
	"in place": {
		func(n int64) any { return &n },
		func(from mapfile.Getter, name string) (int64, error) { return mapfile.Get[int64](from, name) },
	},
	"raw": {
		func(n int64) any {
			return &mapfile.Raw{Type: mapfile.TypeInfo{Name: "test.Number", Codec: "none"}, Payload: binary.LittleEndian.AppendUint64(nil, uint64(n))}
		},
		func(from mapfile.Getter, name string) (int64, error) {
			var raw mapfile.Raw
			if err := from.GetInto(name, &raw); err != nil {
				return 0, err
			}
			return int64(binary.LittleEndian.Uint64(raw.Payload)), nil
		},
	},
}

// One goroutine binds newer and newer objects, others update the slot all the while, alone and with others
// in commits. When an Update of the first one returns, its object is published, whoever did it; and nobody
// ever sees the number go back.
func TestNewestBoundObjectIsPublishedWhenUpdateReturns(t *testing.T) {
	for kind, object := range numbered {
		for _, locked := range []bool{false, true} {
			t.Run(fmt.Sprint(kind, ", Locker ", locked), func(t *testing.T) {
				path := filepath.Join(testDir(t), "a.map")
				mf := createFile(t, path)
				var opts []mapfile.SlotOption
				if locked {
					opts = append(opts, mapfile.WithLocker(new(sync.Mutex)))
				}
				slot := addSlot(t, mf, "x", object.make(0), opts...)
				other := int64(0)
				addSlot(t, mf, "other", &other)
				foreign := foreignNumber{}
				addSlot(t, mf, "foreign", &foreign)
				mustUpdate(t, mf)
				loop, stop := background(t)
				loop(slot.Update)
				loop(slot.Update)
				loop(func() error { return mf.Update("x", "other") })
				loop(func() error { return mf.Update("x", "foreign") })
				r := openFile(t, path)
				last := int64(0)
				loop(func() error {
					n, err := object.get(r, "x")
					if errors.Is(err, mapfile.ErrBusy) {
						return nil
					}
					if err == nil && n < last {
						err = fmt.Errorf("%d after %d", n, last)
					}
					last = n
					return err
				})
				mine := openFile(t, path)
				deadline := time.Now().Add(time.Duration(times(300, 20_000)) * time.Millisecond)
				n := int64(1)
				for ; n%50 != 0 || time.Now().Before(deadline); n++ {
					if err := errors.Join(slot.Set(object.make(n)), slot.Update()); err != nil {
						t.Error(err)
						break
					}
					got, err := object.get(mine, "x")
					if err != nil && !errors.Is(err, mapfile.ErrBusy) || err == nil && got != n {
						t.Errorf("Update of %d has returned, and %d is published, %v", n, got, err)
						break
					}
				}
				stop()
				if got, err := object.get(mine, "x"); err != nil || got != n-1 && !t.Failed() {
					t.Errorf("in the end %d is published, not %d, %v", got, n-1, err)
				}
				t.Log(n, "objects")
			})
		}
	}
}

// Two goroutines only, and a look when both have come back: nobody repairs then what went wrong.
func TestOfTwoUpdatesAtOnceTheNewestBoundObjectStays(t *testing.T) {
	for kind, object := range numbered {
		mf := createFile(t, filepath.Join(testDir(t), "a.map"))
		slot := addSlot(t, mf, "x", object.make(0))
		mustUpdate(t, mf)
		var begun, ended atomic.Int64
		var wg sync.WaitGroup
		wg.Go(func() {
			for last := int64(0); last >= 0; {
				n := begun.Load()
				if n == last {
					runtime.Gosched()
					continue
				}
				if last = n; n > 0 {
					if err := slot.Update(); err != nil {
						t.Error(err)
					}
				}
				ended.Store(n)
			}
		})
		for n, deadline := int64(1), time.Now().Add(time.Duration(times(400, 20_000))*time.Millisecond); time.Now().Before(deadline) && !t.Failed(); n++ {
			v := object.make(n)
			begun.Store(n)
			for range n % 64 {
				ended.Load() // some nanoseconds, to meet the other one everywhere
			}
			if err := errors.Join(slot.Set(v), slot.Update()); err != nil {
				t.Error(err)
			}
			for ended.Load() != n {
				runtime.Gosched()
			}
			if got, err := object.get(mf, "x"); err != nil || got != n {
				t.Errorf("%s: both Updates have returned, and %d is published, not %d, %v", kind, got, n, err)
			}
		}
		begun.Store(-1)
		wg.Wait()
	}
}

// Without Set: the owner changes the object under its Locker.
func TestNewestStateUnderALockerIsPublishedWhenUpdateReturns(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	var l sync.Mutex
	var x int64
	var f foreignNumber
	slots := []*mapfile.Slot{addSlot(t, mf, "x", &x, mapfile.WithLocker(&l)), addSlot(t, mf, "f", &f, mapfile.WithLocker(&l))}
	mustUpdate(t, mf)
	r := openFile(t, path)
	loop, stop := background(t)
	for _, update := range []func() error{slots[0].Update, slots[1].Update, func() error { return mf.Update() }} {
		loop(update)
	}
	for n, deadline := int64(1), time.Now().Add(time.Duration(times(500, 20_000))*time.Millisecond); time.Now().Before(deadline) && !t.Failed(); n++ {
		l.Lock()
		x, f.N = n, n
		l.Unlock()
		for i, name := range []string{"x", "f"} {
			if err := slots[i].Update(); err != nil {
				t.Error(err)
			}
			kind := []string{"in place", "in private memory"}[i]
			if got, err := numbered[kind].get(r, name); err != nil && !errors.Is(err, mapfile.ErrBusy) || err == nil && got != n {
				t.Errorf("Update of %d has returned, and %d is published, %v", n, got, err)
			}
		}
	}
	stop()
}

// A commit encodes an object in private memory and is held up; meanwhile another object is bound and
// published in place. The commit's is old by then: it publishes the rest, and leaves that slot alone.
func TestCommitDoesNotBringBackWhatWasOvertakenInPlace(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	x, y, f := int64(1), int64(2), foreignNumber{1}
	slot := addSlot(t, mf, "x", &x)
	addSlot(t, mf, "y", &f) // encoded after x
	mustUpdate(t, mf)
	encoding, goOn := make(chan struct{}), make(chan struct{})
	whileEncoding(t, func() { close(encoding); <-goOn })
	f.N = 2
	committed := make(chan error, 1)
	go func() { committed <- mf.Update() }()
	<-encoding // x = 1 is encoded
	if err := errors.Join(slot.Set(&y), slot.Update()); err != nil {
		t.Fatal(err)
	}
	version := slot.Version()
	close(goOn)
	if err := <-committed; err != nil {
		t.Fatal(err)
	}
	if got := get[int64](t, mf, "x"); got != 2 || slot.Version() != version {
		t.Errorf("the older object came back: %d, version %d after %d", got, slot.Version(), version)
	}
	if got := get[foreignNumber](t, mf, "y"); got.N != 2 {
		t.Errorf("the rest of the commit is not there: %d", got.N)
	}
}

// Of two encodings in private memory the one that began first is dropped if it ends last.
func TestEncodingThatIsOvertakenIsDropped(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	slot := addSlot(t, mf, "x", &foreignNumber{1})
	mustUpdate(t, mf)
	encoding, goOn := make(chan struct{}), make(chan struct{})
	var hold atomic.Bool // the next one
	whileEncoding(t, func() {
		if hold.CompareAndSwap(true, false) {
			encoding <- struct{}{}
			<-goOn
		}
	})
	hold.Store(true)
	updated := make(chan error, 1)
	go func() { updated <- slot.Update() }()
	<-encoding
	if err := errors.Join(slot.Set(&foreignNumber{2}), slot.Update()); err != nil {
		t.Fatal(err)
	}
	goOn <- struct{}{}
	if err := <-updated; err != nil {
		t.Fatal(err)
	}
	if got := get[foreignNumber](t, mf, "x"); got.N != 2 || slot.Version() != 2 {
		t.Errorf("%d, version %d", got.N, slot.Version())
	}
	// An error is told also to who was overtaken.
	hold.Store(true)
	go func() { updated <- slot.Update() }()
	<-encoding
	if err := errors.Join(slot.Update(), mf.Remove("x")); err != nil {
		t.Fatal(err)
	}
	goOn <- struct{}{}
	if err := <-updated; !errors.Is(err, mapfile.ErrNoSlot) {
		t.Errorf("Update of a slot that was removed while it encoded: %v", err)
	}
}

// Many goroutines update a slot that grows all the while, and somebody closes the file: everything comes
// to its end, nothing but ErrClosed is ever told, and what is published is whole.
func TestManyUpdateASlotThatMovesUntilItIsClosed(t *testing.T) {
	for round := range times(4, 100) {
		path := filepath.Join(testDir(t), "a.map")
		mf := createFile(t, path)
		r := openFile(t, path)
		value := stampPayload(nil, 20, 0)
		slot := addSlot(t, mf, "a", &value)
		mustUpdate(t, mf)
		var wg sync.WaitGroup
		var updates atomic.Int64
		until := func(f func(n int) error) {
			wg.Go(func() {
				for n := 1; ; n++ {
					if err := f(n); errors.Is(err, mapfile.ErrClosed) {
						return
					} else if err != nil {
						t.Error(err)
						return
					}
					updates.Add(1)
				}
			})
		}
		for range 6 {
			until(func(int) error { return slot.Update() })
		}
		until(func(int) error { return mf.Update() })
		until(func(n int) error {
			p := stampPayload(nil, 20+min(n*100, 200_000), uint64(n))
			return errors.Join(slot.Set(&p), slot.Update())
		})
		within(t, 20*time.Second, "updates", func() {
			for least := int64(times(3000, 30_000)); updates.Load() < least && !t.Failed(); {
				time.Sleep(time.Millisecond)
			}
		})
		within(t, 20*time.Second, "Close", func() { mf.Close() })
		within(t, 20*time.Second, "an Update after Close", wg.Wait)
		if _, err := payloadNumber(get[[]byte](t, r, "a")); err != nil {
			t.Error(round, err)
		}
		mustBeInOrder(t, r)
	}
}

// Only one goroutine at a time is in a slot's buffers.
func TestEncodingInPlaceIsAlone(t *testing.T) {
	mf := createFile(t, filepath.Join(testDir(t), "a.map"))
	slot := addSlot(t, mf, "x", &trusted{1}, mapfile.WithBuffers(2), mapfile.WithCapacity(900))
	foreign := foreignNumber{}
	addSlot(t, mf, "f", &foreign)
	mustUpdate(t, mf)
	var inside, together, encoded atomic.Int32
	room := cap(currentDst(t, slot))
	whileEncodingTrusted(t, func(dst []byte) {
		if cap(dst) != room { // in private memory
			return
		}
		if inside.Add(1) > 1 {
			together.Add(1)
		}
		encoded.Add(1)
		runtime.Gosched()
		inside.Add(-1)
	})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 2000 {
				if err := slot.Update(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Go(func() {
		for range 1000 {
			if err := errors.Join(mf.Update("x"), mf.Update()); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	if together.Load() > 0 {
		t.Errorf("%d times two goroutines wrote into one slot", together.Load())
	}
	if encoded.Load() == 0 {
		t.Error("nothing was encoded in place")
	}
}

// currentDst returns what the codec of the slot, a trusted, is given to append to.
func currentDst(t *testing.T, slot *mapfile.Slot) (given []byte) {
	t.Helper()
	whileEncodingTrusted(t, func(dst []byte) { given = dst[:0:cap(dst)] })
	if err := slot.Update(); err != nil {
		t.Fatal(err)
	}
	return given
}

// leavingLocker ends the goroutine that uses it, in Lock or in Unlock, if it is told to.
type leavingLocker struct {
	mu               sync.Mutex
	inLock, inUnlock func()
}

func (l *leavingLocker) Lock() {
	if l.inLock != nil {
		l.inLock()
	}
	l.mu.Lock()
}

func (l *leavingLocker) Unlock() {
	l.mu.Unlock()
	if l.inUnlock != nil {
		l.inUnlock()
	}
}

// leavings are ways never to come back.
var leavings = map[string]func(){
	"Goexit": runtime.Goexit, // as t.FailNow does
	"panic":  func() { panic("a bad day") },
}

// A goroutine that ends in user code, in an encoder or in a Locker, during an Update takes no lock with
// it: the slot can be updated and the file closed.
func TestGoroutineThatEndsInsideAnUpdateLeavesNothingLocked(t *testing.T) {
	for leaving, leave := range leavings {
		for _, where := range []string{"Append", "Lock", "Unlock"} {
			for _, kind := range []string{"in place", "in private memory"} {
				for _, how := range []string{"Slot.Update", "Update of all"} {
					t.Run(fmt.Sprintf("%s in %s, %s, %s", leaving, where, kind, how), func(t *testing.T) {
						path := filepath.Join(testDir(t), "a.map")
						mf := must1(mapfile.Create(path)) // not closed at the end if it hangs
						var l leavingLocker
						var slot *mapfile.Slot
						if kind == "in place" {
							slot = addSlot(t, mf, "x", &trusted{1}, mapfile.WithLocker(&l))
						} else {
							slot = addSlot(t, mf, "x", &foreignNumber{1}, mapfile.WithLocker(&l))
						}
						other := int64(1)
						addSlot(t, mf, "other", &other, mapfile.WithLocker(&l))
						mustUpdate(t, mf)
						update := slot.Update
						if how != "Slot.Update" {
							update = func() error { return mf.Update() }
						}
						switch where {
						case "Append":
							whileEncodingTrusted(t, func([]byte) { leave() })
							whileEncoding(t, leave)
						case "Lock":
							l.inLock = leave
						case "Unlock":
							l.inUnlock = leave
						}
						left := make(chan struct{})
						go func() {
							defer close(left)
							defer func() { recover() }() // of a Locker; of an encoder it is an error
							if err := update(); where != "Append" || leaving != "panic" || !errors.Is(err, mapfile.ErrEncode) {
								t.Errorf("Update came back: %v", err)
							}
						}()
						<-left
						onTrustedAppend.Store(nil)
						onForeignAppend.Store(nil)
						l.inLock, l.inUnlock = nil, nil
						ended := make(chan struct{})
						step := atomic.Pointer[string]{}
						go func() {
							defer close(ended)
							for _, next := range []struct {
								name string
								do   func() error
							}{{"Slot.Update", slot.Update}, {"Update", func() error { return mf.Update() }}, {"Close", mf.Close}} {
								step.Store(&next.name)
								if err := next.do(); err != nil {
									t.Errorf("%s: %v", next.name, err)
								}
							}
						}()
						select {
						case <-ended:
						case <-time.After(5 * time.Second):
							t.Fatalf("%s hangs: a lock is left", *step.Load())
						}
						r := openFile(t, path)
						if err := verify(r); err != nil {
							t.Error(err)
						}
						mustBeInOrder(t, r)
					})
				}
			}
		}
	}
}
