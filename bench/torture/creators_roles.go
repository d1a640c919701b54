package main

import (
	"errors"
	"io/fs"
	"os"

	"github.com/gomapfile/mapfile/mapfile"
)

// The processes of creators.

func init() {
	roles["creators.creator"] = playCreator
	roles["creators.reader"] = watchCreators
}

// playCreator does what it is told, one file at a time.
func playCreator(args []string) error {
	c := &maker{path: args[0], name: "slot/" + args[1]}
	say("ready")
	for line := range parentLines {
		if args[2] == "true" {
			say("%s", makeHalf(c.path))
			continue
		}
		say("%s", c.obey(line))
	}
	return nil
}

type maker struct {
	path, name string
	mf         *mapfile.MapFile
	slot       *mapfile.Slot
	number     uint64
}

func (c *maker) obey(line string) string {
	var err error
	switch line {
	case "create":
		c.mf, err = mapfile.Create(c.path)
	case "join":
		c.mf, err = mapfile.OpenOrCreate(c.path)
	case "recreate":
		c.mf, err = mapfile.Recreate(c.path)
	case "update":
		return c.update()
	case "close":
		err = c.mf.Close()
		c.mf, c.slot = nil, nil
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		c.mf = nil
		return "exists"
	case err != nil:
		c.mf = nil
		return err.Error()
	case line == "close":
		return "closed"
	}
	id, err := idOfFile(c.mf)
	if err != nil {
		return err.Error()
	}
	return "won " + id
}

// update publishes a value, if it is in a file that somebody can find.
func (c *maker) update() string {
	if c.mf == nil {
		return "none"
	}
	c.number++
	slot, err := c.mf.Add(c.name, numbered(c.name, 300, c.number))
	if err == nil {
		err = slot.Update()
	}
	switch {
	case errors.Is(err, mapfile.ErrSuperseded):
		return "superseded"
	case err != nil:
		return err.Error()
	}
	return "alive"
}

// makeHalf makes a file in the way that readers can see half of.
func makeHalf(path string) string {
	model, err := os.CreateTemp("", "model")
	if err != nil {
		return err.Error()
	}
	defer os.Remove(model.Name())
	model.Close()
	os.Remove(model.Name())
	mf, err := mapfile.Create(model.Name())
	if err != nil {
		return err.Error()
	}
	mf.Close()
	whole, err := os.ReadFile(model.Name())
	if err != nil {
		return err.Error()
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "exists"
	}
	defer file.Close()
	for piece := 4096; len(whole) > 0; whole = whole[min(piece, len(whole)):] {
		if _, err := file.Write(whole[:min(piece, len(whole))]); err != nil {
			return err.Error()
		}
	}
	return "won"
}

// watchCreators opens the path again and again, and has a reader that follows it.
func watchCreators(args []string) error {
	r := &fullSpeedReader{counts: map[string]int64{}}
	say("ready")
	var follower *mapfile.MapFile
	for {
		select {
		case <-parentLines:
			return r.done()
		default:
		}
		mf, err := mapfile.Open(args[0])
		switch {
		case errors.Is(err, fs.ErrNotExist):
			r.counts["opened nothing"]++
			continue
		case err != nil:
			say("wrong half-made: %v", err)
			continue
		}
		r.counts["opened"]++
		if err := readCreated(mf); err != nil {
			say("wrong half-made: %v", err)
		}
		mf.Close()
		if follower == nil {
			if follower, err = mapfile.Open(args[0], mapfile.WithFollow()); err != nil {
				if !errors.Is(err, fs.ErrNotExist) {
					say("wrong half-made: %v", err)
				}
				follower = nil
				continue
			}
			defer follower.Close()
		}
		if err := readCreated(follower); err != nil {
			say("wrong half-made: following: %v", err)
		}
	}
}

// readCreated reads all there is.
func readCreated(mf *mapfile.MapFile) error {
	for info, err := range mf.Slots() {
		if err == nil {
			_, err = numberOf(mf, info.Name)
		}
		if err != nil && !errors.Is(err, mapfile.ErrSuperseded) && !errors.Is(err, mapfile.ErrNoSlot) {
			return err
		}
	}
	return nil
}
