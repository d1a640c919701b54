package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A box is what a container is to a map file: processes that do not see those outside, and mounts of its own.

// boxConfig is how a box is made.
type boxConfig struct {
	Dir      string // to share
	Root     string // an empty directory, where the box mounts a tmpfs of its own
	File     string // share this file of Dir alone
	ReadOnly bool
	User     bool          // a user namespace of its own
	Proc     string        // /proc is that of "outside", its "own", or "none"
	BootID   string        // a file that says which boot this is
	Uptime   time.Duration // by how much the machine is up longer
}

func (b boxConfig) String() string {
	text, _ := json.Marshal(b)
	return strings.ReplaceAll(string(text), `"`, "")
}

// path is where the box has a file of the shared directory.
func (b boxConfig) path(name string) string { return filepath.Join(b.Root, "shared", name) }

const boxRole = "namespaces.box"

func init() {
	roles[boxRole] = enterBox
	// A time namespace is entered by the main thread, on which a program's inits run.
	if os.Getenv(roleVar) == boxRole {
		runtime.LockOSThread()
	}
}

// startBox starts process 1 of a new box, in a role.
func startBox(config boxConfig, role string, args ...string) (*child, error) {
	if err := os.Mkdir(config.Root, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	text, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	cmd := command(boxRole, append([]string{string(text), role}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS}
	if config.User {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return startCommand(role, cmd)
}

// enterBox is the beginning of process 1 of a box, which then plays its role.
func enterBox(args []string) error {
	var config boxConfig
	if err := json.Unmarshal([]byte(args[0]), &config); err != nil {
		return err
	}
	if config.Uptime != 0 {
		return shiftUptime(config, args)
	}
	runtime.UnlockOSThread()
	if err := mountBox(config); err != nil {
		return fmt.Errorf("%w: %w", errNoBox, err)
	}
	return roles[args[1]](args[2:])
}

// errNoBox: such a box cannot be made here.
var errNoBox = errors.New("namespaces cannot be made here")

// shiftUptime moves the clocks that nobody can set. The kernel lets a program into another time when it
// execs.
func shiftUptime(config boxConfig, args []string) error {
	seconds := int64(config.Uptime / time.Second)
	if err := unix.Unshare(unix.CLONE_NEWTIME); err != nil {
		return fmt.Errorf("%w: time namespace: %w", errNoBox, err)
	}
	offsets := fmt.Sprintf("monotonic %d 0\nboottime %d 0\n", seconds, seconds)
	if err := os.WriteFile("/proc/self/timens_offsets", []byte(offsets), 0); err != nil {
		return fmt.Errorf("%w: time namespace: %w", errNoBox, err)
	}
	config.Uptime = 0
	text, err := json.Marshal(config)
	if err != nil {
		return err
	}
	cmd := command(boxRole, append([]string{string(text)}, args[1:]...)...)
	return syscall.Exec(cmd.Path, cmd.Args, cmd.Environ())
}

// mountBox makes the mounts of a box; they go away with it.
func mountBox(b boxConfig) error {
	mount := func(source, target, kind string, flags uintptr, options string) error {
		return os.NewSyscallError("mount "+target, unix.Mount(source, target, kind, flags, options))
	}
	shared, source := b.path(""), b.Dir
	if err := mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := mount("tmpfs", b.Root, "tmpfs", 0, "size=1m"); err != nil {
		return err
	}
	if err := os.Mkdir(shared, 0o755); err != nil {
		return err
	}
	if b.File != "" {
		shared, source = b.path(b.File), filepath.Join(b.Dir, b.File)
		if err := os.WriteFile(shared, nil, 0o600); err != nil {
			return err
		}
	}
	err := mount(source, shared, "", unix.MS_BIND, "")
	if err == nil && b.ReadOnly {
		// A user namespace may take nothing away that the mount outside has.
		var fs unix.Statfs_t
		if err = unix.Statfs(shared, &fs); err == nil {
			keep := uintptr(fs.Flags) & (unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME)
			err = mount("", shared, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|keep, "")
		}
	}
	if err == nil && b.Proc == "own" {
		err = mount("proc", "/proc", "proc", 0, "")
	}
	if err == nil && b.BootID != "" {
		err = mount(b.BootID, "/proc/sys/kernel/random/boot_id", "", unix.MS_BIND, "")
	}
	if err == nil && b.Proc == "none" {
		err = mount("tmpfs", "/proc", "tmpfs", unix.MS_RDONLY, "")
	}
	return err
}

// uptimeHere is the boot clock as this process is told.
func uptimeHere() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
