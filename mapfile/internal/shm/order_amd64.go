package shm

// storeRelease is a plain MOV, where atomic.StoreUint64 is an XCHG that waits for the line: nothing in
// the protocol needs more than release.
//
//go:noescape
func storeRelease(p *uint64, value uint64)

//go:noescape
func storeRelease32(p *uint32, value uint32)

// OrderLoads is the reader's ordering point between copying a buffer and looking at its sequence
// again. Loads are not reordered with loads on amd64, so the compiler alone must be stopped, and a
// call that it cannot see into does that.
func OrderLoads()
