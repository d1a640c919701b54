package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gomapfile/mapfile/mapfile"
)

// The processes of namespaces: producers and viewers that do what they are told, in a box or outside.

func init() { roles["namespaces.member"] = playMember }

// A boxView is what somebody sees of a file.
type boxView struct {
	Slots map[string]boxSight
	Err   string `json:",omitempty"`
	Ages  bool   `json:",omitempty"` // the error is that of an age
}

// A boxSight is a slot in it.
type boxSight struct {
	State  string // by all ways of asking
	PID    int
	Number uint64
}

// viewOf looks at all slots.
func viewOf(mf *mapfile.MapFile, oldest time.Duration) boxView {
	v := boxView{Slots: map[string]boxSight{}}
	err := func() error {
		for info, err := range mf.Slots() {
			if err != nil {
				return err
			}
			p, states, err := lookAt(mf, info.Name, oldest)
			if err != nil {
				return err
			}
			number, err := numberOf(mf, info.Name)
			if err != nil {
				return err
			}
			said := states[0].String()
			for _, s := range states {
				if s != states[0] {
					said = fmt.Sprint(states)
				}
			}
			v.Slots[info.Name] = boxSight{said, p.PID, number}
		}
		return nil
	}()
	if err != nil {
		v.Err, v.Ages = err.Error(), errors.Is(err, errAge)
	}
	return v
}

// boxMember is such a process. It obeys
//
//	own SLOT     take a slot that is free: "ok", or "owned"
//	update N     publish N in all that it owns: "ok"
//	clean        remove the file if nobody has it: "ok", or "owned"
//	look AGE     say what it sees: a boxView
type boxMember struct {
	path  string
	mf    *mapfile.MapFile
	slots []*writtenSlot
}

// playMember is of a path, "produce" or "view", and the time between heartbeats.
func playMember(args []string) error {
	every, err := time.ParseDuration(args[2])
	if err != nil {
		return err
	}
	m := &boxMember{path: args[0]}
	if args[1] == "view" {
		m.mf, err = mapfile.Open(m.path)
	} else {
		m.mf, err = mapfile.OpenOrCreate(m.path, mapfile.WithHeartbeat(every))
	}
	if err != nil {
		return err
	}
	defer m.mf.Close()
	say("ready %d", int64(uptimeHere()))
	for line := range parentLines {
		word, rest, _ := strings.Cut(line, " ")
		n, _ := strconv.ParseUint(rest, 10, 64)
		switch word {
		case "own":
			err = m.own(rest)
		case "update":
			err = m.update(n)
		case "clean":
			err = mapfile.RemoveDead(m.path)
		case "look":
			text, err := json.Marshal(viewOf(m.mf, time.Duration(n)))
			if err != nil {
				return err
			}
			say("%s", text)
			continue
		}
		switch {
		case errors.Is(err, mapfile.ErrOwned):
			say("owned")
		case err != nil:
			say("%v", err)
		default:
			say("ok")
		}
	}
	return nil
}

func (m *boxMember) own(name string) error {
	w := &writtenSlot{name: name}
	if err := w.add(m.mf); err != nil {
		return err
	}
	m.slots = append(m.slots, w)
	return nil
}

func (m *boxMember) update(number uint64) error {
	for _, w := range m.slots {
		w.number = number - 1
		if err := w.update(100); err != nil {
			return err
		}
	}
	return nil
}
