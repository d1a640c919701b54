//go:build race

package hbookcodec_test

// Under the race detector sync.Pool forgets on purpose.
const raceDetector = true
