// Package bench has the benchmarks of the library's own parts, and a test that holds its hot paths at no
// allocation:
//
//	go test -bench . ./bench
//	go test -bench 'Publish|Read' -count 10 ./bench >new.txt; benchstat old.txt new.txt
//
// They run in one process each and say what a part costs. How the library stands beside others, across
// processes, is what [peers] measures; that it keeps its promises is what [torture] proves.
//
// Files lie on /dev/shm where there is one.
//
// [peers]: https://pkg.go.dev/github.com/gomapfile/mapfile/bench/peers
// [torture]: https://pkg.go.dev/github.com/gomapfile/mapfile/bench/torture
package bench
