//go:build !race

package hbookcodec_test

const raceDetector = false
