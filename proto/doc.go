// Package mapfilepb has the messages in which histograms, profiles and simple values lie in map
// files. What the fields mean is said in histogram.proto, the one source of this package.
//
// The command below writes histogram.pb.go anew, the same bytes each time; a test of package
// internal/gen compares. It needs nothing but the go command: the compiler of .proto files and the
// generator are tools of this module, at the versions in go.mod.
package mapfilepb

//go:generate go run ./internal/gen
