package main

import (
	"os/exec"
	"path/filepath"
)

// chronicleDir is where setup-java.sh puts the worker for Chronicle Map, its jars and its options.
const chronicleDir = "chronicle"

// javaPeers are those of the program that setup-java.sh builds from java/. Its workers are ready after some
// seconds, when the virtual machine has compiled what they do.
var javaPeers = []peer{
	{
		name:  "chronicle",
		about: "Chronicle Map 2026.1 in a file: byte arrays by integer keys, read into the caller's; it computes checksums when it writes, its default; many slots one by one",
		kind:  locking, program: chronicle, missing: noChronicle, slow: true,
	},
	{
		name:  "chronicle-off",
		about: "the same without checksums",
		kind:  locking, program: chronicle, missing: noChronicle, only: true,
	},
}

func chronicle() []string {
	dir := filepath.Join(buildDir, chronicleDir)
	return []string{"java", "@" + filepath.Join(dir, "jvm-options"), "-cp", filepath.Join(dir, "*"), "peers.Worker"}
}

func noChronicle() string {
	if _, err := exec.LookPath("java"); err != nil {
		return "there is no java: install a JDK 17 or newer"
	}
	return needs(filepath.Join(chronicleDir, "chronicle-peers-1.jar"))()
}
