package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A shortage is one kind of missing room.
type shortage struct {
	name  string
	mount func(p *proof, dir string) (undo func(), err error) // nil: in the proof's own directory
	user  uint32                                              // not 0: run as that user
}

var shortages = []shortage{
	{"tmpfs", mountTmpfs(""), 0},
	{"ext4", mountExt4, 0},
	{"quota", mountTmpfs(",usrquota,usrquota_block_hardlimit=1m"), 65534},
	{"length", nil, 0},  // RLIMIT_FSIZE
	{"address", nil, 0}, // RLIMIT_AS
}

func runFull(p *proof, rounds int) error {
	done := 0
	for i, s := range shortages {
		dir := filepath.Join(p.dir, s.name)
		if err := os.Mkdir(dir, 0o777); err != nil {
			return err
		}
		undo := func() {}
		if s.mount != nil {
			var err error
			if undo, err = s.mount(p, dir); err != nil {
				p.Logf("SKIPPED: %s: %v", s.name, err)
				p.Add("skipped "+s.name, 1)
				continue
			}
		}
		err := runShortage(p, &s, dir, rounds)
		undo()
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		done++
		p.progress.set(int64(i+1), int64(len(shortages)), s.name)
	}
	if done == 0 {
		p.Skip("no kind of shortage could be made here")
	}
	return nil
}

// runShortage starts the process that suffers from it.
func runShortage(p *proof, s *shortage, dir string, rounds int) error {
	role := "full.victim"
	if p.control {
		role = "full.careless"
	}
	args := []string{s.name, dir, strconv.Itoa(rounds)}
	cmd := command(role, args...)
	if s.user != 0 {
		if os.Geteuid() != 0 {
			p.Logf("SKIPPED: %s: it does not bind root, and only root can be somebody else", s.name)
			return nil
		}
		// The user must be able to get to the directory, and to start this program.
		errs := errors.Join(os.Chmod(dir, 0o777), os.Chmod(p.dir, 0o711))
		self, err := copyOfSelf(p.dir)
		if err = errors.Join(errs, err); err != nil {
			return err
		}
		cmd.Path = self
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: s.user, Gid: s.user}}
	}
	c, err := startCommand(role, cmd)
	if err != nil {
		return err
	}
	defer c.Kill()
	for {
		line, err := c.Line(60 * time.Second)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			p.Wrong("deaths", "%s: %v", s.name, err)
			return nil
		}
		kind, rest, _ := strings.Cut(line, " ")
		switch kind {
		case "wrong":
			p.Wrong("wrong", "%s: %s", s.name, rest)
		default:
			p.Add(s.name+" "+kind, 1)
		}
	}
}

func copyOfSelf(dir string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	b, err := os.ReadFile(self)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "self")
	return path, os.WriteFile(path, b, 0o755)
}

func mountTmpfs(more string) func(*proof, string) (func(), error) {
	return func(p *proof, dir string) (func(), error) {
		size := "2m"
		if more != "" {
			size = "64m"
		}
		return mount(dir, "-t", "tmpfs", "-o", "size="+size+more, "tmpfs", dir)
	}
}

func mountExt4(p *proof, dir string) (func(), error) {
	image := dir + ".img"
	if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, 8<<20)); err != nil {
		return nil, err
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-O", "^has_journal", "-m", "0", image).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("mkfs.ext4: %w: %s", err, bytes.TrimSpace(out))
	}
	return mount(dir, "-o", "loop", image, dir)
}

func mount(dir string, args ...string) (undo func(), err error) {
	if out, err := exec.Command("mount", args...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("mount: %w: %s", err, bytes.TrimSpace(out))
	}
	return func() {
		if exec.Command("umount", dir).Run() != nil {
			exec.Command("umount", "-l", dir).Run()
		}
	}, nil
}

// squeeze takes the room away and says how to give it back.
func squeeze(kind, dir string) (release func() error, err error) {
	if kind == "length" {
		return lower(unix.RLIMIT_FSIZE, 300<<10)
	}
	ballast := filepath.Join(dir, "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		return nil, err
	}
	for n := 64 << 10; n >= 512; { // down to the last block
		if _, err := f.Write(make([]byte, n)); err != nil {
			n /= 2
		}
	}
	f.Close()
	return func() error { return os.Remove(ballast) }, nil
}

// lower sets a soft limit of this process.
func lower(resource int, to uint64) (func() error, error) {
	var old unix.Rlimit
	if err := unix.Getrlimit(resource, &old); err != nil {
		return nil, err
	}
	if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: min(to, old.Max), Max: old.Max}); err != nil {
		return nil, err
	}
	return func() error { return unix.Setrlimit(resource, &old) }, nil
}

func addressSpaceInUse() (uint64, error) {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseUint(string(bytes.Fields(b)[0]), 10, 64)
	return pages * uint64(os.Getpagesize()), err
}
