package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// ls: whole processes, from their start to their end.

// slotsPerFile is how many slots each file of the directory has.
const slotsPerFile = 30

func measureLs(b *bench) error {
	path, err := b.manySlots()
	if err != nil {
		return err
	}
	for _, form := range []struct {
		what  string
		limit float64
		lines int
		args  []string
	}{
		{fmt.Sprintf("ls of %d slots", b.slots), 50, b.slots + 1, []string{"ls", path}},
		{fmt.Sprintf("ls of %d slots, -o json", b.slots), 50, b.slots + 2, []string{"ls", path, "-o", "json"}},
		{fmt.Sprintf("ls of %d slots, --names", b.slots), 50, b.slots, []string{"ls", path, "--names"}},
		{"version: what each command begins with", 0, 0, []string{"version"}},
	} {
		median, rest, err := b.medianOf(linesAtLeast(form.lines), form.args...)
		if err != nil {
			return err
		}
		b.add("ls", form.what, median, "ms", form.limit, "%s", rest)
	}
	return nil
}

func measureDir(b *bench) error {
	dir := filepath.Join(b.dir, "files")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	producer, err := b.startRole("files", dir, b.files, slotsPerFile)
	if err != nil {
		return err
	}
	defer producer.end()
	median, rest, err := b.medianOf(linesAtLeast(b.files+1), "ls", dir)
	if err != nil {
		return err
	}
	b.add("dir", fmt.Sprintf("ls of a DIR of %d files", b.files), median, "ms", 200, "%s", rest)
	median, rest, err = b.medianOf(linesAtLeast(b.files*slotsPerFile+1), "ls", "-R", dir)
	if err != nil {
		return err
	}
	b.add("dir", fmt.Sprintf("ls -R of them, %d slots", b.files*slotsPerFile), median, "ms", 200, "%s", rest)
	return b.measureServeDir(dir)
}

// linesAtLeast checks that the output has so many lines: that everything was listed.
func linesAtLeast(n int) func(string) error {
	return func(out string) error {
		if got := strings.Count(out, "\n"); got < n {
			return fmt.Errorf("%d lines instead of %d:\n%.500s", got, n, out)
		}
		return nil
	}
}
