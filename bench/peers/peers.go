package main

import (
	"os"
	"path/filepath"
	"slices"
)

// A peer is one way for processes of a machine to share values.
type peer struct {
	name  string
	about string // one line for the report: what it is, and how it is used here
	kind  kind

	store   store                  // one in Go; nil: a program of another language
	program func() []string        // that program's command line, without the worker's words
	missing func() (reason string) // why it cannot run on this machine; nil or "": it can

	one  bool // it can hold many slots only by opening many times: left out of M and L
	wait bool // its readers can sleep until there is news
	lone bool // only one process at a time can have the store: it is read when the publisher has ended
	slow bool // it takes long to begin, or to publish while it is read: measured with fewer sizes
	only bool // in one experiment of its own only, not in those of single values
}

// kind says who waits for whom, for the targets.
type kind int

const (
	lockFree kind = iota // readers and writer do not wait for one another
	locking              // a lock that both take
	copying              // through a server or a file system call
)

// peerNamed returns the peer; nil if there is none.
func peerNamed(name string) *peer {
	for i := range peers {
		if peers[i].name == name {
			return &peers[i]
		}
	}
	return nil
}

// ourselves is the peer whose program is this one.
func ourselves() *peer { return &peers[0] }

// command is what its workers are started with.
func (p *peer) command() []string {
	if p.program != nil {
		return p.program()
	}
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	return []string{self, "worker"}
}

// buildDir is where setup.sh puts what it builds, beside the sources of this program.
const buildDir = "build"

// built is a program that setup.sh makes.
func built(name string) func() []string {
	return func() []string { return []string{filepath.Join(buildDir, name)} }
}

// needs says that a file of setup.sh is not there.
func needs(name string) func() string {
	return func() string {
		if _, err := os.Stat(filepath.Join(buildDir, name)); err != nil {
			return "not built: run ./setup.sh"
		}
		return ""
	}
}

// peers are all of them, ours first.
var peers = slices.Concat(ourPeers, cppPeers, rustPeers, javaPeers, goPeers, trioPeers)

// ourPeers are this library, and what it is measured against first.
var ourPeers = []peer{
	{name: "mapfile", about: "this library, by handle, raw payload, checksum on (its default)", store: ours{}, wait: true},
	{name: "mapfile-off", about: "this library, by handle, raw payload, checksum off on both sides", store: ours{unchecked: true}, wait: true},
	{name: "floor", about: "the bare sequence loop with Go's atomics: 3 buffers, no names, no checks", store: floor{}},
}
