package mapfile_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// What holds for every method: they are found by reflection, so that none is forgotten.

// methodArgs makes arguments for a call of a method. Channels of loops are bounded by the context.
func methodArgs(ctx context.Context, method reflect.Value, v any) []reflect.Value {
	var args []reflect.Value
	t := method.Type()
	for i := range t.NumIn() {
		switch in := t.In(i); {
		case t.IsVariadic() && i == t.NumIn()-1: // none
		case in == reflect.TypeFor[context.Context]():
			args = append(args, reflect.ValueOf(ctx))
		case in == reflect.TypeFor[string]():
			args = append(args, reflect.ValueOf("x"))
		case in == reflect.TypeFor[any]():
			args = append(args, reflect.ValueOf(v))
		case in.Kind() == reflect.Pointer:
			args = append(args, reflect.New(in.Elem()))
		default:
			panic("no argument for " + in.String())
		}
	}
	return args
}

// callMethod calls a method and returns its last error: of a loop, the last that it yields. hasError is
// false for methods that return none.
func callMethod(ctx context.Context, method reflect.Value, v any) (err error, hasError bool) {
	for _, out := range method.Call(methodArgs(ctx, method, v)) {
		switch {
		case out.Type() == reflect.TypeFor[error]():
			hasError = true
			err, _ = out.Interface().(error)
		case out.Kind() == reflect.Func && out.Type().NumIn() == 1: // an iterator
			yield := out.Type().In(0)
			out.Call([]reflect.Value{reflect.MakeFunc(yield, func(args []reflect.Value) []reflect.Value {
				if len(args) == 2 {
					hasError = true
					err, _ = args[1].Interface().(error)
				}
				return []reflect.Value{reflect.ValueOf(true)}
			})})
		}
	}
	return err, hasError
}

// noError are the methods that have no error to return, or must not: what they return of a nil handle.
var noError = map[string]string{
	"MapFile.Path": "", "MapFile.Reader": "", "Slot.Name": "", "Slot.Version": "", "SlotReader.Version": "",
	"Snapshot.Commit": "", "Snapshot.Slots": "",
	"MapFile.Close": "nil", "Publisher.Close": "nil", "Viewer.Close": "nil", "Dir.Close": "nil", // harmless, also twice
}

// H01 H10: every exported method of a nil or zero handle answers ErrClosed and does not panic.
func TestNilAndZeroHandlesAnswerErrClosed(t *testing.T) {
	x := int64(1)
	for _, h := range []any{
		(*mapfile.MapFile)(nil), &mapfile.MapFile{},
		(*mapfile.Slot)(nil), &mapfile.Slot{},
		(*mapfile.SlotReader)(nil), &mapfile.SlotReader{},
		(*mapfile.MapFile)(nil).Reader("x"), (&mapfile.MapFile{}).Reader("x"),
		(*mapfile.Snapshot)(nil), &mapfile.Snapshot{},
		(*mapfile.Publisher[int64])(nil), &mapfile.Publisher[int64]{},
		(*mapfile.Viewer[int64])(nil), &mapfile.Viewer[int64]{},
		(*mapfile.Dir)(nil), &mapfile.Dir{},
	} {
		v := reflect.ValueOf(h)
		kind, _, _ := strings.Cut(v.Type().Elem().Name(), "[")
		for i := range v.NumMethod() {
			name := kind + "." + v.Type().Method(i).Name
			for _, arg := range []any{&x, &mapfile.Raw{}, x, (*int64)(nil), nil} {
				if arg == nil {
					arg = (*mapfile.Raw)(nil)
				}
				func() {
					defer func() {
						if r := recover(); r != nil {
							t.Errorf("%s of %s: panics: %v", name, describeHandle(h), r)
						}
					}()
					err, hasError := callMethod(t.Context(), v.Method(i), arg)
					want := mapfile.ErrClosed
					if kind == "Snapshot" && !v.IsNil() {
						want = mapfile.ErrNoSlot // the zero Snapshot is empty
					}
					switch how, listed := noError[name]; {
					case listed && how == "" && !hasError, listed && how == "nil" && hasError && err == nil:
					case listed:
						t.Errorf("%s of %s: %v", name, describeHandle(h), err)
					case !errors.Is(err, want):
						t.Errorf("%s(%T) of %s: %v, want %v", name, arg, describeHandle(h), err, want)
					}
				}()
			}
		}
	}
	if _, err := mapfile.Get[int64]((*mapfile.MapFile)(nil), "x"); !errors.Is(err, mapfile.ErrClosed) {
		t.Error(err)
	}
	if _, err := mapfile.Get[int64](nil, "x"); err == nil {
		t.Error("Get of nothing")
	}
	if err := (*mapfile.MapFile)(nil).SnapshotInto(nil); !errors.Is(err, mapfile.ErrClosed) {
		t.Error(err)
	}
}

func describeHandle(h any) string {
	if reflect.ValueOf(h).IsNil() {
		return fmt.Sprintf("a nil %T", h)
	}
	return fmt.Sprintf("a zero %T", h)
}

// handles opens everything that can be closed, on one file with the slot x.
type handles struct {
	all   []any // the handles whose methods are called
	close []func() error
}

func openHandles(t *testing.T, path string) *handles {
	t.Helper()
	mf := createFile(t, path)
	var x, y int64
	slot := addSlot(t, mf, "x", &x)
	foreign := addSlot(t, mf, "y", &foreignNumber{N: y})
	if err := mf.Update(); err != nil {
		t.Fatal(err)
	}
	r := openFile(t, path)
	pub, err := mapfile.Publish(filepath.Join(filepath.Dir(path), "value.map"), &y)
	if err != nil {
		t.Fatal(err)
	}
	view, err := mapfile.Attach[int64](filepath.Join(filepath.Dir(path), "value.map"))
	if err != nil {
		t.Fatal(err)
	}
	dir, err := mapfile.OpenDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	return &handles{
		all:   []any{mf, r, slot, foreign, r.Reader("x"), mf.Reader("y"), pub, view, dir},
		close: []func() error{mf.Close, r.Close, pub.Close, view.Close, dir.Close},
	}
}

// H01: after Close every call is ErrClosed, by every method of every handle; Close twice is harmless.
func TestEveryMethodAfterCloseIsErrClosed(t *testing.T) {
	h := openHandles(t, filepath.Join(testDir(t), "a.map"))
	for range 2 {
		for _, c := range h.close {
			if err := c(); err != nil {
				t.Error(err)
			}
		}
	}
	x := int64(1)
	for _, handle := range h.all {
		v := reflect.ValueOf(handle)
		kind, _, _ := strings.Cut(v.Type().Elem().Name(), "[")
		for i := range v.NumMethod() {
			name := kind + "." + v.Type().Method(i).Name
			var arg any = &x
			if handle == h.all[3] {
				arg = &foreignNumber{}
			}
			err, hasError := callMethod(t.Context(), v.Method(i), arg)
			if how, listed := noError[name]; listed {
				if hasError && (how != "nil" || err != nil) {
					t.Errorf("%s after Close: %v", name, err)
				}
				continue
			}
			if !errors.Is(err, mapfile.ErrClosed) {
				t.Errorf("%s after Close: %v", name, err)
			}
			var e *mapfile.Error
			if !errors.As(err, &e) || e.Op == "" {
				t.Errorf("%s after Close: a %T without an operation", name, err)
			}
		}
	}
	// The functions that need an open handle.
	if v := h.all[4].(*mapfile.SlotReader).Version(); v != 0 {
		t.Error("version", v)
	}
}

// H02: 32 goroutines in every call while the handles are closed; no call faults or hangs.
func TestCloseAgainstEveryMethod(t *testing.T) {
	for range times(60, 1000) {
		dir, err := os.MkdirTemp(testDir(t), "")
		if err != nil {
			t.Fatal(err)
		}
		h := openHandles(t, filepath.Join(dir, "a.map"))
		type call struct {
			name   string
			method reflect.Value
		}
		var calls []call
		for _, handle := range h.all {
			v := reflect.ValueOf(handle)
			for i := range v.NumMethod() {
				if name := v.Type().Method(i).Name; name != "Close" && name != "RemoveAll" {
					calls = append(calls, call{v.Type().Elem().Name() + "." + name, v.Method(i)})
				}
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		var wg sync.WaitGroup
		var next atomic.Int64
		for range 32 {
			wg.Go(func() {
				for closed := 0; closed < 20 && ctx.Err() == nil; {
					c := calls[int(next.Add(1))%len(calls)]
					x := int64(1)
					var v any = &x
					if strings.HasPrefix(c.name, "SlotReader") {
						v = &mapfile.Raw{}
					}
					short, cancel := context.WithTimeout(ctx, time.Millisecond) // for Watch
					err, _ := callMethod(short, c.method, v)
					cancel()
					if errors.Is(err, mapfile.ErrClosed) {
						closed++
					}
					if errors.Is(err, mapfile.ErrCorrupt) {
						t.Errorf("%s: %v", c.name, err)
					}
				}
			})
		}
		time.Sleep(time.Duration(next.Load()%7) * 300 * time.Microsecond)
		for _, c := range h.close {
			wg.Go(func() { c() })
		}
		within(t, 20*time.Second, "a call beside Close", wg.Wait)
		cancel()
		os.RemoveAll(dir)
	}
}

// A removed slot answers ErrNoSlot, also when the name is there again.
func TestRemovedSlotAnswersErrNoSlot(t *testing.T) {
	mf := createFile(t, filepath.Join(testDir(t), "a.map"))
	x, y := int64(1), int64(2)
	slot := addSlot(t, mf, "x", &x)
	if err := mf.Remove("x"); err != nil {
		t.Fatal(err)
	}
	for round := range 2 {
		for name, err := range map[string]error{"Update": slot.Update(), "Set": slot.Set(&y), "UpdateSlots": mf.UpdateSlots(slot)} {
			if !errors.Is(err, mapfile.ErrNoSlot) {
				t.Errorf("%s of a removed slot: %v", name, err)
			}
		}
		if round == 0 {
			addSlot(t, mf, "x", &x)
		}
	}
}

// H03
func TestErrorsNameOperationPathSlotAndRemedy(t *testing.T) {
	dir := testDir(t)
	path := filepath.Join(dir, "a.map")
	mf := createFile(t, path)
	x := int64(1)
	addSlot(t, mf, "x", &x)
	r := openFile(t, path)
	locked := filepath.Join(dir, "locked.map")
	must1(mapfile.Create(locked, mapfile.WithMode(0))).Close()
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	type unknown struct{ A chan int }
	second := func(_ any, err error) error { return err }
	for _, c := range []struct {
		err  error
		want error
		op   string
		slot string
		text string // of the remedy
	}{
		{second(mapfile.Open(filepath.Join(dir, "none.map"))), fs.ErrNotExist, "open", "", ""},
		{second(mapfile.Create(path)), fs.ErrExist, "create", "", ""},
		{second(mapfile.Open(dir)), nil, "open", "", ""},
		{second(r.Add("y", &x)), mapfile.ErrReadOnly, "add", "y", "OpenOrCreate"},
		{r.Update(), mapfile.ErrReadOnly, "update", "", "OpenOrCreate"},
		{r.Remove("x"), mapfile.ErrReadOnly, "remove", "x", "OpenOrCreate"},
		{second(r.Get("y")), mapfile.ErrNoSlot, "get", "y", ""},
		{second(r.Get("x")), mapfile.ErrNotPublished, "get", "x", "Update"},
		{second(r.Get("../x")), mapfile.ErrName, "get", "../x", "run1/hpx"},
		{second(mf.Add("x", &x)), mapfile.ErrSlotExists, "add", "x", ""},
		{second(mf.Add("u", &unknown{})), mapfile.ErrUnregistered, "add", "u", "registry.Register["},
		{second(mf.Add("u", x)), mapfile.ErrType, "add", "u", "pointer"},
		{second(mf.Add("u", nil)), mapfile.ErrType, "add", "u", "pointer"},
		{second(createFile(t, path).Add("x", &x)), mapfile.ErrOwned, "add", "x", fmt.Sprint("[", os.Getpid(), "]")},
		{mapfile.Wait(cancelled, path, "x"), context.Canceled, "wait", "", ""},
		{mapfile.RemoveDead(path), mapfile.ErrOwned, "removedead", "", fmt.Sprint("[", os.Getpid(), "]")},
		{mapfile.RemoveDead(filepath.Join(dir, "none.map")), fs.ErrNotExist, "removedead", "", ""},
		{second(mapfile.Open(path, mapfile.WithSize(1))), nil, "open", "", "WithSize"},
		{second(mapfile.Create(filepath.Join(dir, "b.map"), mapfile.WithFollow())), nil, "create", "", "WithFollow"},
		{second(mapfile.Open(path, nil)), nil, "open", "", "nil"},
		{second(mapfile.Open("")), fs.ErrNotExist, "open", "", ""},
	} {
		var e *mapfile.Error
		if c.err == nil || !errors.As(c.err, &e) {
			t.Errorf("%s: a %T: %v", c.op, c.err, c.err)
			continue
		}
		if c.want != nil && !errors.Is(c.err, c.want) || e.Op != c.op || e.Slot != c.slot || !strings.Contains(c.err.Error(), c.text) {
			t.Errorf("op %q (%q), slot %q (%q): %v, want %v and the text %q", e.Op, c.op, e.Slot, c.slot, c.err, c.want, c.text)
		}
		if e.Path != "" && !strings.Contains(c.err.Error(), e.Path) {
			t.Errorf("%v does not name %s", c.err, e.Path)
		}
	}
	if _, err := mapfile.Open(locked); os.Getuid() != 0 && (!errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "----")) {
		t.Error(err)
	}
	if errors.Is(mapfile.ErrNoSlot, fs.ErrNotExist) || errors.Is(mapfile.ErrSlotExists, fs.ErrExist) {
		t.Error("sentinels of slots look like those of files")
	}
}

// H05
func TestSnapshotOutlivesUpdateRemoveAndClose(t *testing.T) {
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	list := names("s/", 20)
	raws, _ := addRaws(mf, list, 7)
	words := []float64{1, 2, 3}
	addSlot(t, mf, "s/words", &words)
	if err := mf.Update(); err != nil {
		t.Fatal(err)
	}
	r := openFile(t, path)
	snap := must1(r.Snapshot())
	object := must1(mapfile.Get[*[]float64](snap, "s/words"))
	check := func(when string) {
		t.Helper()
		if n := snapshotNumber(t, snap, "s/", len(list)); n != 7 {
			t.Errorf("%s the snapshot carries %d", when, n)
		}
		if again := must1(mapfile.Get[[]float64](snap, "s/words")); !reflect.DeepEqual(*object, []float64{1, 2, 3}) || !reflect.DeepEqual(again, *object) {
			t.Errorf("%s: %v, %v", when, *object, again)
		}
		if n := 0; true {
			for range snap.Slots() {
				n++
			}
			if n != len(list)+1 {
				t.Errorf("%s the snapshot has %d slots", when, n)
			}
		}
	}
	for n := range uint64(50) {
		words[n%3]++
		for i, raw := range raws {
			raw.Payload = stampPayload(raw.Payload, 40+170*i, 100+n)
		}
		if err := mf.Update(); err != nil {
			t.Fatal(err)
		}
	}
	check("after updates")
	must1(mapfile.Get[[]float64](snap, "s/words"))[0] = 77 // what Get gave belongs to the caller
	(*must1(mapfile.Get[*[]float64](snap, "s/words")))[0] = 78
	check("after the caller wrote into what Get gave")
	if err := mf.RemoveAll(); err != nil {
		t.Fatal(err)
	}
	check("after removal")
	r.Close()
	mf.Close()
	runtime.GC()
	check("after Close")
	if _, err := snap.Get("s/0"); errors.Is(err, mapfile.ErrClosed) {
		t.Error(err)
	}
}
