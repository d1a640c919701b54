package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gomapfile/mapfile/mapfile"
)

// The producer of fork, and what it becomes.

func init() {
	roles["fork.producer"] = forkProducer
	roles["fork.reborn"] = forkReborn
}

// leashFd is what each process of fork is started with: it is at its end when the proof is.
const leashFd = 3

func forkProducer(args []string) error {
	path, leaves := args[0], args[1]
	number, err := strconv.ParseUint(args[2], 10, 64)
	if err != nil {
		return err
	}
	mf, err := mapfile.OpenOrCreate(path, mapfile.WithHeartbeat(forkBeat))
	if err != nil {
		return err
	}
	w := &writtenSlot{name: forkSlot, number: number}
	if err := w.add(mf); err != nil {
		return err
	}
	if err := w.update(100); err != nil {
		return err
	}
	// Nothing of this drops a lock, as it would with locks that belong to a process.
	if _, err := os.ReadFile(path); err != nil {
		return err
	}
	if err := exec.Command("true").Run(); err != nil {
		return err
	}
	pid, err := leave(leaves, path)
	if err != nil {
		return fmt.Errorf("%s: %w", leaves, err)
	}
	info, err := mf.Reader(forkSlot).Stat()
	if err != nil {
		return err
	}
	say("ready %d %d", info.Producer.Session, pid)
	for {
		select {
		case line, ok := <-parentLines:
			switch {
			case !ok:
				return nil
			case line == "exec":
				return becomeReborn(path)
			}
			if err := mf.Close(); err != nil {
				return err
			}
			say("closed")
			<-parentClosed
			return nil
		default:
		}
		if err := w.update(100); err != nil {
			return err
		}
		time.Sleep(50 * time.Microsecond)
	}
}

// leave starts what outlives the producer, and returns its pid if there is one:
//
//	command  a command
//	files    a command that is given descriptors of the file that the program opened itself
//	storm    none, but commands are started all the time: a death falls between a fork and its exec
//	copy     a command that is given a copy of the descriptor that the lock is on
//	fork     a copy of this process that does not exec
func leave(what, path string) (pid int, err error) {
	leash := os.NewFile(leashFd, "leash")
	cmd := exec.Command("cat")
	cmd.Stdin = leash
	switch what {
	case "files":
		for _, flags := range []int{os.O_RDWR, os.O_RDONLY} {
			file, err := os.OpenFile(path, flags, 0)
			if err != nil {
				return 0, err
			}
			cmd.ExtraFiles = append(cmd.ExtraFiles, file)
		}
	case "storm":
		for range 3 {
			go func() {
				for exec.Command("true").Run() == nil {
				}
			}()
		}
		return 0, nil
	case "copy":
		fd, err := descriptorOf(path)
		if err != nil {
			return 0, err
		}
		null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			return 0, err
		}
		return syscall.ForkExec(cmd.Path, cmd.Args, &syscall.ProcAttr{Env: os.Environ(),
			Files: []uintptr{leashFd, null.Fd(), null.Fd(), fd}})
	case "fork":
		return forkWithoutExec()
	}
	return 0, cmd.Start()
}

// descriptorOf finds the one descriptor of the file that this process has: the library's.
func descriptorOf(path string) (uintptr, error) {
	want, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0, err
	}
	var found []uintptr
	for _, e := range entries {
		info, err := os.Stat(filepath.Join("/proc/self/fd", e.Name()))
		if err != nil || !os.SameFile(info, want) { // the directory's own is gone by now
			continue
		}
		fd, err := strconv.ParseUint(e.Name(), 10, 32)
		if err != nil {
			return 0, err
		}
		found = append(found, uintptr(fd))
	}
	if len(found) != 1 {
		return 0, fmt.Errorf("the file has descriptors %v, and one was expected", found)
	}
	return found[0], nil
}

// forkWithoutExec makes a copy of this process that does nothing but wait for the end of the leash. Go's
// runtime does not live in it: system calls without memory are all that it may do, and so splice stands
// in for a read.
//
//go:norace
func forkWithoutExec() (int, error) {
	null, err := unix.Open(os.DevNull, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	if pid == 0 {
		for fd := uintptr(0); fd <= 2; fd++ { // the parent listens until all copies are closed
			syscall.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
		}
		for {
			_, _, errno := syscall.RawSyscall6(unix.SYS_SPLICE, leashFd, 0, uintptr(null), 0, 1, 0)
			if errno != unix.EINTR {
				syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
			}
		}
	}
	unix.Close(null)
	return int(pid), nil
}

// becomeReborn execs: the process stays, its session does not.
func becomeReborn(path string) error {
	cmd := command("fork.reborn", path)
	return syscall.Exec(cmd.Path, cmd.Args, cmd.Environ())
}

// forkReborn tries to own what it owned in its last life.
func forkReborn(args []string) error {
	say("reborn")
	if _, ok := <-parentLines; !ok {
		return nil
	}
	mf, err := mapfile.OpenOrCreate(args[0], mapfile.WithHeartbeat(forkBeat))
	if err != nil {
		return err
	}
	slot, err := mf.Add(forkSlot, numbered(forkSlot, 100, 1<<40))
	switch {
	case errors.Is(err, mapfile.ErrOwned):
		say("refused")
	case err != nil:
		return err
	default:
		if err := slot.Update(); err != nil {
			return err
		}
		say("owns")
	}
	<-parentClosed
	return nil
}
