package mapfile_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"

	"github.com/gomapfile/mapfile/mapfile"
)

// The pitfalls of addresses, where a process can look at its own memory by number without a fault.

func init() {
	roles["pitfall address"] = publishAddresses
	roles["pitfall base"] = sayBase
	roles["pitfall touch"] = touchOnCommand
	roles["pitfall get"] = getOnCommand
}

// ownMemory returns what this process has at an address.
func ownMemory(addr uintptr, n int) ([]byte, error) {
	f, err := os.Open("/proc/self/mem")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p := make([]byte, n)
	_, err = f.ReadAt(p, int64(addr))
	return p, err
}

// needOwnMemory skips where the system does not show it, or shows that of an emulator.
func needOwnMemory(t *testing.T) {
	t.Helper()
	copy(globalSecret[:], "can this be seen?")
	if p, err := ownMemory(reflect.ValueOf(&globalSecret).Pointer(), len(globalSecret)); err != nil || !bytes.Equal(p, globalSecret[:]) {
		t.Skipf("this process cannot look at its own memory by address: %v", err)
	}
	clear(globalSecret[:])
}

// Objects for others to look at: a global, and one on the heap.
var (
	globalSecret [32]byte
	heapSecret   *[32]byte
)

func publishAddresses(args []string) {
	heapSecret = new([32]byte)
	mf := must1(mapfile.OpenOrCreate(args[0]))
	for name, p := range map[string]*[32]byte{"global": &globalSecret, "heap": heapSecret} {
		must1(rand.Read(p[:]))
		addr := reflect.ValueOf(p).Pointer()
		if here, err := ownMemory(addr, len(p)); err != nil || !bytes.Equal(here, p[:]) {
			panic(fmt.Sprint("not at its own address: ", err))
		}
		address, object := uint64(addr), p[:]
		must1(mf.Add(name+"/address", &address))
		must1(mf.Add(name+"/object", &object))
		fmt.Println(name, hex.EncodeToString(object))
	}
	must(mf.Update())
	fmt.Println("published")
	waitForParent()
}

// An address is a number that means something in one process. In another one there is nothing, or
// something else.
func TestPitfallAddressOfAnotherProcessIsJunk(t *testing.T) {
	needOwnMemory(t)
	path := filepath.Join(testDir(t), "a.map")
	c := start(t, "pitfall address", path)
	secrets := map[string]string{}
	for range 2 {
		var name, secret string
		must1(fmt.Sscan(c.Line(), &name, &secret))
		secrets[name] = secret
	}
	c.Expect("published")
	r := openFile(t, path)
	for name, secret := range secrets {
		there, err := ownMemory(uintptr(get[uint64](t, r, name+"/address")), 32)
		if err == nil && hex.EncodeToString(there) == secret {
			t.Errorf("%s: the address of another process leads to its object: this shows nothing", name)
		}
		t.Logf("%s: at its address there is % x… here, %v", name, there[:4], err)
		if got := get[[]byte](t, r, name+"/object"); hex.EncodeToString(got) != secret {
			t.Errorf("%s: Get returns %x", name, got)
		}
	}
}

// sayBase maps something else first, so that the address differs also where the system does not see to it.
func sayBase(args []string) {
	openNaive(nil, args[1])
	mf := must1(mapfile.Open(args[0]))
	fmt.Printf("%d %x\n", mapfile.BaseAddress(mf), must1(mapfile.Get[[]byte](mf, "x")))
	waitForParent()
}

// Two processes have one file at different addresses, and what is an address in the one misleads the
// other. In the file are only offsets.
func TestPitfallTwoProcessesMapAtDifferentAddresses(t *testing.T) {
	needOwnMemory(t)
	path := filepath.Join(testDir(t), "a.map")
	other, _ := naive(t, 4096)
	value := make([]byte, 32)
	must1(rand.Read(value))
	mf := createFile(t, path)
	must(addSlot(t, mf, "x", &value).Update())
	var off uintptr
	for field, err := range mf.Layout("x") {
		if must(err); field.Name == "payload" {
			off = uintptr(field.Offset)
		}
	}
	base := mapfile.BaseAddress(mf)
	if here, err := ownMemory(base+off, len(value)); err != nil || !bytes.Equal(here, value) {
		t.Fatalf("% x, %v", here, err)
	}
	bases := map[uintptr]bool{base: true}
	for range 2 {
		var there uintptr
		var seen string
		must1(fmt.Sscan(start(t, "pitfall base", path, other).Line(), &there, &seen))
		if bases[there] {
			t.Errorf("two processes with the file at %#x: this shows nothing", there)
		}
		bases[there] = true
		if here, err := ownMemory(there+off, len(value)); err == nil && bytes.Equal(here, value) {
			t.Error("the address that another process has for the value leads to it: this shows nothing")
		}
		if seen != hex.EncodeToString(value) {
			t.Errorf("the process at %#x gets %s", there, seen)
		}
	}
}

func touchOnCommand(args []string) {
	m := openNaive(nil, args[0])
	for ok := true; ok; _, ok = nextCommand() {
		fmt.Println("touched", m.Load(8192))
	}
}

func getOnCommand(args []string) {
	reader := must1(mapfile.Open(args[0])).Reader("big")
	for ok := true; ok; _, ok = nextCommand() {
		var v []byte
		_, err := reader.GetInto(&v)
		fmt.Println("got", strconv.Itoa(len(v)), errors.Is(err, mapfile.ErrCorrupt))
	}
}

// A file that somebody cuts takes the memory of others away: to touch it is a signal that ends the process. Here
// it is an error.
func TestPitfallFileThatIsCutIsAnError(t *testing.T) {
	path, _ := naive(t, 256<<10)
	cmd := command("pitfall touch", path)
	cmd.Stderr = nil // the stack
	c := startCommand(t, cmd)
	c.Expect("touched")
	must(os.Truncate(path, 0))
	c.Send("again")
	if line, ok := <-c.lines; ok {
		t.Errorf("naive memory of a file that was cut: %q: this shows nothing", line)
	}
	if err := c.Wait(); err == nil {
		t.Error("a process that touched memory of a file that was cut has ended well")
	}

	path = filepath.Join(testDir(t), "a.map")
	mf, big := createFile(t, path), make([]byte, 100_000)
	must(addSlot(t, mf, "big", &big).Update())
	mf.Close()
	c = start(t, "pitfall get", path)
	c.Expect("got 100000 false")
	must(os.Truncate(path, 0))
	for range 2 {
		c.Send("again")
		c.Expect("got 0 true")
	}
	c.MustEnd()
}
