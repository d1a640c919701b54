// Package testhook lets package mapfiletest do what no program should: let a producer die without
// its process, or in the middle of a change.
package testhook

import "sync/atomic"

// Kill ends a *mapfile.MapFile as SIGKILL would. Package mapfile sets it.
var Kill func(mf any)

// onStore is called before each store into a file.
var onStore atomic.Pointer[func()]

// OnStore sets what Step calls; nil: nothing.
func OnStore(before func()) {
	if before == nil {
		onStore.Store(nil)
		return
	}
	onStore.Store(&before)
}

// Step is called before each store into a file that a reader or a successor can come across: a death
// there leaves what was stored so far. It is inlined, and costs a load and a branch.
func Step() {
	if before := onStore.Load(); before != nil {
		(*before)()
	}
}
