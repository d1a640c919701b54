package shm

// StoreRelease stores value in *p: all that was written before it is visible to who sees it. It is a
// plain MOV, where atomic.StoreUint64 is an XCHG that waits for the line: nothing in the protocol
// needs more than release.
//
//go:noescape
func StoreRelease(p *uint64, value uint64)

// StoreRelease32 is StoreRelease for half a word.
//
//go:noescape
func StoreRelease32(p *uint32, value uint32)

// OrderLoads is the reader's ordering point between copying a buffer and looking at its sequence
// again. Loads are not reordered with loads on amd64, so the compiler alone must be stopped, and a
// call that it cannot see into does that.
func OrderLoads()
