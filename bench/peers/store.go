package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// A store keeps the newest value of each of its slots for other processes. Each peer is one; so are we.
// Values have the sizes that are given, the same on both sides.
type store interface {
	// create makes the store in dir and returns what publishes into it. Before it returns, each slot
	// has a first value.
	create(dir string, sizes []int) (publisher, error)
	// open returns what reads from it, in another process.
	open(dir string, sizes []int) (reader, error)
}

// A publisher publishes a value, which is the caller's again afterwards.
type publisher interface {
	publish(slot int, value []byte) error
	close() error
}

// An allPublisher can publish a value of each slot in one go.
type allPublisher interface {
	publishAll(values [][]byte) error
}

// A reader copies the newest value of a slot to buf, which has its size.
type reader interface {
	read(slot int, buf []byte) error
	close() error
}

// An allReader can read all slots in one go.
type allReader interface {
	readAll(bufs [][]byte) error
}

// A waiter is a reader that can sleep until something is published: since its last wait, if that was
// before.
type waiter interface {
	wait() error
}

// A helped publisher or reader has processes of its own, such as a server, whose processor time counts too.
type helped interface {
	helperTime() int64 // nanoseconds so far
}

// A value carries its number at both ends: a reader that sees two different ones has a torn value.

func stampValue(value []byte, number uint64) {
	binary.LittleEndian.PutUint64(value, number)
	binary.LittleEndian.PutUint64(value[len(value)-8:], number)
}

func numberOf(value []byte) (number uint64, whole bool) {
	number = binary.LittleEndian.Uint64(value)
	return number, number == binary.LittleEndian.Uint64(value[len(value)-8:])
}

// parseSizes reads the sizes of a worker's slots: a number, or @FILE with one a line.
func parseSizes(word string) ([]int, error) {
	words := []string{word}
	if path, ok := strings.CutPrefix(word, "@"); ok {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		words = nil
		for lines := bufio.NewScanner(file); lines.Scan(); {
			words = append(words, lines.Text())
		}
	}
	var sizes []int
	for _, w := range words {
		size, err := strconv.Atoi(w)
		if err != nil || size < 16 {
			return nil, fmt.Errorf("a value has 16 bytes or more, not %q", w)
		}
		sizes = append(sizes, size)
	}
	if len(sizes) == 0 {
		return nil, fmt.Errorf("no sizes in %q", word)
	}
	return sizes, nil
}
