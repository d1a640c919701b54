//go:build unix

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// The control of kill: a producer that has one place for each value and writes into it.

const (
	twinSlots = 8
	twinLen   = 64 << 10
)

func init() {
	roles["kill.twin"] = func(args []string) error {
		seed, err := strconv.ParseUint(args[1], 10, 64)
		if err != nil {
			return err
		}
		file, err := os.OpenFile(args[0], os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return err
		}
		if err := file.Truncate(twinSlots * twinLen); err != nil {
			return err
		}
		mem, err := unix.Mmap(int(file.Fd()), 0, twinSlots*twinLen, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if err != nil {
			return err
		}
		rng := rand.New(rand.NewPCG(seed, 6))
		payload := []byte(nil)
		for n := uint64(1); ; n++ {
			slot := n % twinSlots
			size := 8 << rng.IntN(14)
			payload = makePayload(payload, min(max(size, stampLen), twinLen), stamp{Number: n, Slot: slot})
			copy(mem[slot*twinLen:], payload)
			if n == twinSlots {
				say("ready")
			}
		}
	}
}

// killTwins kills the twin and looks for torn values.
func (p *proof) killTwins(n int) error {
	rng := p.rand(1)
	path := filepath.Join(p.dir, "twin")
	for round := 0; round < n && !p.done(); round++ {
		c, err := start("kill.twin", path, strconv.FormatUint(p.seed+uint64(round), 10))
		if err != nil {
			return err
		}
		if _, err := c.Expect("ready", hangs); err != nil {
			c.Kill()
			return err
		}
		time.Sleep(time.Duration(rng.IntN(12_000)) * time.Microsecond)
		c.Kill()
		file, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for slot := range uint64(twinSlots) {
			value := file[slot*twinLen : (slot+1)*twinLen]
			n := min(uint64(value[24])|uint64(value[25])<<8|uint64(value[26])<<16, twinLen)
			if _, err := checkPayload(value[:n], slot); err != nil {
				p.Wrong("torn", "slot %d: %v", slot, err)
			}
		}
		p.Add("kills", 1)
		p.progress.set(int64(round), int64(n), fmt.Sprintf("%d torn", p.Got("torn")))
	}
	return nil
}
