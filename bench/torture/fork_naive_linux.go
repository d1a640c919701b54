package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The control of fork: three ways to own a file that are near at hand, each of which is wrong in its own way.
//
//	posix        a lock of the process: lost when it closes any descriptor of the file
//	inheritable  a lock of the file description, without close-on-exec: kept by every command
//	pid file     owned while the pid is there: kept by whatever the process has become by exec

func init() { roles["fork.naive"] = forkNaive }

var naiveWays = []string{"posix", "inheritable", "pid file"}

func (f *forker) naive(n int) error {
	for round := range max(n, len(naiveWays)) {
		if f.done() {
			return nil
		}
		if err := f.naiveRound(naiveWays[round%len(naiveWays)]); err != nil {
			return err
		}
		f.Add("sessions", 1)
		f.progress.set(int64(round), int64(n), fmt.Sprintf("%d wrong", f.Wrongs()))
	}
	for _, way := range naiveWays {
		if f.Got("wrong "+way) == 0 {
			return fmt.Errorf("the control finds nothing wrong with %s", way)
		}
	}
	return nil
}

// naiveRound compares what the way of owning says with what is true.
func (f *forker) naiveRound(way string) error {
	path := filepath.Join(f.dir, way)
	c, err := f.startForked("fork.naive", path, way)
	if err != nil {
		return err
	}
	defer sweep(c)
	if _, err := c.Expect("ready", hangs); err != nil {
		return err
	}
	wrong := func(name string) {
		f.Wrong(name, "%s", way)
		f.Add("wrong "+way, 1)
	}
	owned, err := naivelyOwned(path, way)
	if err != nil {
		return err
	}
	if !owned {
		wrong("freed early")
		return nil
	}
	if way == "pid file" {
		if err := c.Send("exec"); err != nil {
			return err
		}
		if _, err := c.Expect("reborn", hangs); err != nil {
			return err
		}
	} else {
		c.Kill()
	}
	for start := time.Now(); owned && time.Since(start) < 50*time.Millisecond; time.Sleep(time.Millisecond) {
		if owned, err = naivelyOwned(path, way); err != nil {
			return err
		}
	}
	if owned {
		wrong("freed late")
	}
	return nil
}

// naivelyOwned is what everybody else believes.
func naivelyOwned(path, way string) (bool, error) {
	if way == "pid file" {
		text, err := os.ReadFile(path)
		if err != nil {
			return false, err
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
		return err == nil && !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH), err
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false, err
	}
	defer file.Close()
	lock := unix.Flock_t{Type: unix.F_WRLCK, Len: 1}
	ask := unix.F_GETLK
	if way == "inheritable" {
		ask = unix.F_OFD_GETLK
	}
	err = unix.FcntlFlock(file.Fd(), ask, &lock)
	return lock.Type != unix.F_UNLCK, err
}

// forkNaive owns, and does what programs do.
func forkNaive(args []string) error {
	path, way := args[0], args[1]
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT, 0o600) // without O_CLOEXEC
	if err != nil {
		return err
	}
	lock := unix.Flock_t{Type: unix.F_WRLCK, Len: 1}
	switch way {
	case "posix":
		unix.CloseOnExec(fd)
		err = unix.FcntlFlock(uintptr(fd), unix.F_SETLK, &lock)
	case "inheritable":
		err = unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &lock)
	case "pid file":
		err = os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())), 0o600)
	}
	if err != nil {
		return err
	}
	if _, err := os.ReadFile(path); err != nil {
		return err
	}
	cmd := exec.Command("cat")
	cmd.Stdin = os.NewFile(leashFd, "leash")
	if err := cmd.Start(); err != nil {
		return err
	}
	say("ready")
	if _, ok := <-parentLines; ok {
		return becomeReborn(path)
	}
	return nil
}
