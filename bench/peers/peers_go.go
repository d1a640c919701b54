package main

// goPeers are those that Go has libraries for, or needs none. Redis and NATS are from setup-servers.sh.
var goPeers = []peer{
	{
		name:  "file",
		about: "a file in memory for each value, written beside and renamed; readers open, read and close it; inotify",
		kind:  copying, store: renamed{}, wait: true,
	},
	{
		name:  "bbolt",
		about: "bbolt, not synced: one process has the file at a time, so nobody can read beside the publisher",
		kind:  copying, store: inBolt{}, lone: true,
	},
	{
		name:  "redis",
		about: "Redis over a Unix socket, no persistence; many slots by MSET and MGET of 100 each in one pipeline",
		kind:  copying, store: inRedis{}, missing: installed(redisProgram),
	},
	{
		name:  "redis-news",
		about: "the same with PUBLISH of each value before its SET, in one pipeline; readers subscribe",
		kind:  copying, store: inRedis{news: true}, missing: installed(redisProgram), one: true, wait: true, only: true,
	},
	{
		name:  "nats",
		about: "NATS JetStream key-value bucket in memory over loopback TCP; readers of many slots watch all, those that wait one",
		kind:  copying, store: inNATS{}, missing: needs("nats-server"), wait: true,
	},
	{
		name:  "socket",
		about: "a server in the producer: bare values over a Unix socket, copied under a mutex; all slots in one answer",
		kind:  copying, store: socket{},
	},
	{
		name:  "http",
		about: "a server in the producer: net/http over a Unix socket; all slots in one answer",
		kind:  copying, store: overHTTP{},
	},
	{
		name:  "grpc",
		about: "a server in the producer: gRPC over a Unix socket, bare bytes as messages; one call a slot",
		kind:  copying, store: overGRPC{},
	},
	{
		name:  "prom",
		about: "Prometheus client: histograms of 100 bins as text over HTTP on a Unix socket, parsed by expfmt",
		kind:  copying, store: asText{}, only: true,
	},
	{
		name:  "mapfile-snapshot",
		about: "this library, raw payload, checksum on; many slots as of one commit by Snapshot",
		kind:  lockFree, store: ourSnapshots{}, only: true,
	},
	{
		name:  "mapfile-hbook",
		about: "this library with hbook's histograms of 100 bins: encoded in each publish, a Snapshot decoded in each read",
		kind:  lockFree, store: ourHistograms{}, only: true,
	},
}
