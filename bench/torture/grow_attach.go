package main

import (
	"strconv"
	"time"
)

// The readers of grow as the producer sees them.

// growPatience: who says nothing for so long hangs, also on a machine that does much else.
const growPatience = 60 * time.Second

// growReading is a reader process.
type growReading struct {
	child *child
	ended chan struct{}
}

// attach starts a reader and returns when it has read everything once; nil if it could not.
func (g *growing) attach() *growReading {
	how := "validating"
	switch {
	case g.control:
		how = "careless"
	case g.came%2 == 1:
		how = "unchecked" // by the library
	}
	g.came++
	cmd := command("grow.reader", g.path, strconv.FormatUint(g.seed+g.came, 10), how)
	switch g.came % 3 { // some have to map the file anew when it grows: always, or after a MiB
	case 1:
		cmd.Env = append(cmd.Env, "MAPFILE_RESERVE=0")
	case 2:
		cmd.Env = append(cmd.Env, "MAPFILE_RESERVE=1048576")
	}
	c, err := startCommand("grow.reader", cmd)
	if err == nil {
		if _, err = c.Expect("ready", growPatience); err != nil {
			c.Kill()
		}
	}
	if err != nil {
		g.Wrong("faults", "%s: a reader does not begin: %v", g.part, err)
		return nil
	}
	r := &growReading{child: c, ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		if err := g.followReader(c, 0); err != nil {
			g.Wrong("faults", "%s: a reader: %v", g.part, err)
		}
		c.Kill()
	}()
	g.Add("readers", 1)
	return r
}

// end has a reader look once more and end.
func (r *growReading) end() {
	if r == nil {
		return
	}
	r.child.Send("stop") // if it is gone, followReader knows why
	<-r.ended
}

// another ends the reader that came last and attaches a new one.
func (g *growing) another() {
	g.late.end()
	g.late = nil
	if !g.control { // careless ones know where values were in the beginning
		g.late = g.attach()
	}
}

// detach ends all readers.
func (g *growing) detach() {
	g.late.end()
	for _, r := range g.readers {
		r.end()
	}
	g.late, g.readers = nil, nil
}
