package mapfile

import (
	"context"
	"errors"
	"io/fs"
	"time"
)

// Wait returns when path is a map file in which each of the named slots has been published. It looks
// 20 times a second while there is no such file, and is woken by the producer after that.
func Wait(ctx context.Context, path string, slots ...string) error {
	for {
		if err := ctx.Err(); err != nil {
			return fail("wait", path, "", err)
		}
		err := waitIn(ctx, path, slots)
		if err == nil {
			return nil
		}
		again := errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrSuperseded)
		if !again {
			return fail("wait", path, "", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// waitIn waits in one file, for as long as it is the path's.
func waitIn(ctx context.Context, path string, slots []string) error {
	mf, err := Open(path)
	if err != nil {
		return err
	}
	defer mf.Close()
	missing := map[string]bool{}
	for _, name := range slots {
		if err := checkName(name); err != nil {
			return fail("wait", path, name, err)
		}
		missing[name] = true
	}
	if len(missing) == 0 {
		return nil
	}
	for ev, err := range mf.Watch(ctx) {
		if err != nil && ev.Name == "" {
			return err
		}
		if ev.Kind == EventPublished {
			delete(missing, ev.Name)
		}
		if len(missing) == 0 {
			return nil
		}
	}
	return ctx.Err()
}
