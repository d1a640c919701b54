package mapfile_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// H09: a context that is cancelled already ends every call that has one at once, and nothing is done.
// The methods are found by reflection, so that none is forgotten.
func TestCancelledContextEndsEveryCallAtOnce(t *testing.T) {
	dir := testDir(t)
	path := filepath.Join(dir, "a.map")
	h := openHandles(t, path)
	defer func() {
		for _, c := range h.close {
			c()
		}
	}()
	calls := map[string]func(context.Context) []error{}
	for _, handle := range h.all {
		v := reflect.ValueOf(handle)
		for i := range v.NumMethod() {
			if m := v.Method(i); slices.ContainsFunc(inTypes(m.Type()), isContext) {
				calls[v.Type().String()+"."+v.Type().Method(i).Name] = func(ctx context.Context) []error { return allErrors(ctx, m) }
			}
		}
	}
	if calls["*mapfile.MapFile.Watch"] == nil || calls["*mapfile.Viewer[int64].Watch"] == nil {
		t.Fatal("reflection does not find Watch")
	}
	missing := filepath.Join(dir, "missing.map")
	for name, p := range map[string]string{"Wait": path, "Wait for a missing file": missing, "Wait in a missing directory": filepath.Join(missing, "a.map")} {
		calls[name] = func(ctx context.Context) []error { return []error{mapfile.Wait(ctx, p, "x")} }
		calls[name+", without slots"] = func(ctx context.Context) []error { return []error{mapfile.Wait(ctx, p)} }
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancelLate := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancelLate()
	goroutines, names := mapfileGoroutines(), dirNames(t, dir)
	for ctx, want := range map[context.Context]error{cancelled: context.Canceled, late: context.DeadlineExceeded} {
		for name, call := range calls {
			within(t, 20*time.Second, name, func() {
				errs := call(ctx)
				var e *mapfile.Error
				if len(errs) != 1 || !errors.Is(errs[0], want) || !errors.As(errs[0], &e) {
					t.Errorf("%s: %v, want %v, once", name, errs, want)
				}
			})
			// Not even for a moment: nobody subscribes to a file, or looks at one.
			if now := mapfileGoroutines(); now > goroutines {
				t.Errorf("%s: %d goroutines of the library, %d before", name, now, goroutines)
			}
		}
	}
	if now := dirNames(t, dir); now != names {
		t.Errorf("in the directory: %s; before: %s", now, names)
	}
	if _, err := os.Stat(missing); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func inTypes(t reflect.Type) (list []reflect.Type) {
	for i := range t.NumIn() {
		list = append(list, t.In(i))
	}
	return list
}

func isContext(t reflect.Type) bool { return t == reflect.TypeFor[context.Context]() }

// allErrors are the errors that a method returns or its loop yields; nil for what comes without one.
func allErrors(ctx context.Context, method reflect.Value) (errs []error) {
	take := func(values []reflect.Value) {
		err, _ := values[len(values)-1].Interface().(error)
		errs = append(errs, err)
	}
	out := method.Call(methodArgs(ctx, method, nil))
	if last := out[len(out)-1]; last.Kind() != reflect.Func {
		take(out)
		return errs
	}
	out[0].Call([]reflect.Value{reflect.MakeFunc(out[0].Type().In(0), func(args []reflect.Value) []reflect.Value {
		take(args)
		return []reflect.Value{reflect.ValueOf(true)}
	})})
	return errs
}
