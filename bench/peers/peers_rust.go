package main

// rustPeers are those of the program that setup-rust.sh builds from rust/. A store of theirs holds one
// value, and iceoryx2's blackboard those sizes only that the program is compiled for.
var rustPeers = []peer{
	{
		name:  "mmap-sync",
		about: "mmap-sync 2.0.4 as documented: write_raw with a grace of one second, read without validation; its writer sleeps, for a second at a time, while a reader is in the copy that it needs",
		kind:  locking, program: built("rust-peers"), missing: needs("rust-peers"), one: true, slow: true,
	},
	{
		name:  "mmap-sync-tuned",
		about: "the same with a writer that sleeps for a microsecond at a time",
		kind:  locking, program: built("rust-peers"), missing: needs("rust-peers"), one: true,
	},
	{
		name:  "iceoryx2",
		about: "iceoryx2 0.10.0, blackboard: types fixed when it is made, the entry found once, written by loan",
		kind:  lockFree, program: built("rust-peers"), missing: needs("rust-peers"), one: true,
	},
	{
		name:  "iceoryx2-event",
		about: "the same, and its event, on which readers sleep: the writer notifies after each value",
		kind:  lockFree, program: built("rust-peers"), missing: needs("rust-peers"), one: true, wait: true, only: true,
	},
	{
		name:  "iceoryx2-pubsub",
		about: "iceoryx2 0.10.0, publish and subscribe: a queue of one sample for each subscriber, overwritten",
		kind:  lockFree, program: built("rust-peers"), missing: needs("rust-peers"), one: true,
	},
}
