// Package mapfile shares Go objects between processes through a mapped file of named slots.
//
// A producer Adds objects once and Updates them; each Update encodes the object into its slot and
// publishes it. Any number of other processes Get fresh private copies, without a lock, from a file
// that they may only read. Only encoded bytes are shared, never memory of Go: nothing that happens
// in one process can go wrong in another.
//
// Objects are handed over as pointers. Their type must be known to the registry: protobuf messages,
// basic types and what adapters bring are; a type of your own takes one line (see package registry).
//
// # Promises
//
// A reader never writes to the file, never blocks a writer and is never blocked by one. What it gets
// is some version that was published, whole, and never an older one than it got before. A producer
// that is killed at any instant leaves the last published version of each slot, and whoever comes
// next goes on from there. Update of several slots is one commit: a Snapshot shows all of it or
// nothing.
//
// # Concurrency
//
// All methods may be called by several goroutines at once. A nil or zero handle answers ErrClosed,
// and so does every call after Close. Close waits for writes in flight, never for code of the user.
//
// # Errors
//
// Errors are *Error, which names operation, path and slot; test them with errors.Is against the
// sentinels of this package, fs.ErrNotExist, fs.ErrExist, fs.ErrPermission and context errors.
//
// # Where files live
//
// The path is the caller's choice. On a tmpfs such as /dev/shm, publishing never waits for a disk; a
// disk file survives a reboot, and Sync makes it durable. Do not watch map files with inotify: writes
// to mapped memory are not seen by it, nor by the file's modification time. Use Watch. For the same
// reason programs that clean up by age may take a live file for an old one: exempt the directory. What
// a user left in /dev/shm may be removed when the user logs out (RemoveIPC of systemd). A producer whose
// file is removed learns it within a heartbeat, by ErrSuperseded; OpenOrCreate then makes a new one.
package mapfile
