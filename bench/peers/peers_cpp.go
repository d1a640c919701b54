package main

// cppPeers are those of the program that setup-cpp.sh builds from cpp/.
var cppPeers = []peer{
	{
		name:  "boost-mutex",
		about: "Boost.Interprocess: managed mapped file, each value under its interprocess_mutex, found once; many slots one by one",
		kind:  locking, program: built("cpp-peers"), missing: needs("cpp-peers"),
	},
	{
		name:  "boost-sharable",
		about: "the same with interprocess_sharable_mutex: readers share it",
		kind:  locking, program: built("cpp-peers"), missing: needs("cpp-peers"),
	},
	{
		name:  "boost-condition",
		about: "Boost.Interprocess: mutex and interprocess_condition, on which readers sleep",
		kind:  locking, program: built("cpp-peers"), missing: needs("cpp-peers"), one: true, wait: true, only: true,
	},
	{
		name:  "lmdb",
		about: "LMDB, not synced, writable map: a key for each slot, many slots in one transaction; readers renew theirs",
		kind:  lockFree, program: built("cpp-peers"), missing: needs("cpp-peers"),
	},
	{
		name:  "naive",
		about: "a mapped file by hand: each value under a robust mutex that processes share; many slots one by one",
		kind:  locking, program: built("cpp-peers"), missing: needs("cpp-peers"),
	},
	{
		name:  "futex",
		about: "the bare FUTEX_WAIT on a sequence beside one value, in C++: what the machine's wake-up costs",
		kind:  lockFree, program: built("cpp-peers"), missing: needs("cpp-peers"), one: true, wait: true, only: true,
	},
}
