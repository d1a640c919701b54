package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gomapfile/mapfile/mapfile"
)

// creators: three processes create, join or recreate one path at the same instant, while readers open
// it and follow it. Of those who create one wins, those who join are in one file, of those who
// recreate the last one's file stays and the others are told; no reader ever sees a half-made file.
//
// In the control they make the file as one makes files: open it, and write it piece by piece.

func newCreators() *cobra.Command {
	var n int
	return newProof("creators", "Create, join and recreate one path from three processes at once", true,
		func(cmd *cobra.Command) { cmd.Flags().IntVarP(&n, "n", "n", 1000, "rounds") },
		func(p *proof) error {
			for _, name := range []string{"half-made", "winners", "errors"} {
				p.Add(name, 0)
			}
			return p.create(n)
		})
}

// contest is what the three do in a round, and who may have won.
type contest struct {
	does   [3]string
	absent bool // the path names nothing before
}

var contests = []contest{
	{[3]string{"create", "create", "create"}, true},
	{[3]string{"join", "join", "join"}, true},
	{[3]string{"recreate", "recreate", "recreate"}, false},
	{[3]string{"recreate", "recreate", "recreate"}, true},
	{[3]string{"create", "join", "recreate"}, true},
	{[3]string{"join", "recreate", "join"}, false},
}

func (p *proof) create(n int) error {
	path := filepath.Join(p.dir, "creators.map")
	var children []*child
	defer func() {
		for _, c := range children {
			c.Kill()
		}
	}()
	for i := range 5 {
		role := "creators.creator"
		if i >= 3 {
			role = "creators.reader"
		}
		c, err := start(role, path, fmt.Sprint(i), fmt.Sprint(p.control))
		if err != nil {
			return err
		}
		children = append(children, c)
		if _, err := c.Expect("ready", hangs); err != nil {
			return err
		}
	}
	for round := 0; round < n && !p.done(); round++ {
		if err := p.createRound(children[:3], path, contests[round%len(contests)]); err != nil {
			return err
		}
		p.Add("rounds", 1)
		p.progress.set(int64(round), int64(n), fmt.Sprintf("%d wrong", p.Wrongs()))
	}
	for _, c := range children[3:] {
		if err := c.Send("end"); err != nil {
			return err
		}
		if err := p.followReader(c, 0); err != nil {
			return err
		}
	}
	return nil
}

// createRound has all three try, and compares what they say.
func (p *proof) createRound(children []*child, path string, t contest) error {
	if t.absent || p.control {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	say3 := func(what [3]string) (answers [3]string, err error) {
		for i, c := range children {
			if err := c.Send("%s", what[i]); err != nil {
				return answers, err
			}
		}
		for i, c := range children {
			if answers[i], err = c.Line(hangs); err != nil {
				return answers, err
			}
		}
		return answers, nil
	}
	won, err := say3(t.does)
	if err != nil || p.control {
		return err
	}
	alive, err := say3([3]string{"update", "update", "update"})
	if err != nil {
		return err
	}
	p.judge(path, t, won, alive)
	_, err = say3([3]string{"close", "close", "close"})
	return err
}

// judge: whoever is in the file that the path names can write, nobody else, and there is somebody.
func (p *proof) judge(path string, t contest, won, alive [3]string) {
	id, err := idOf(path)
	if err != nil {
		p.Wrong("winners", "%v: %v", t.does, err)
		return
	}
	inside, created := 0, 0
	for i := range won {
		its, hasWon := strings.CutPrefix(won[i], "won ")
		want := "superseded"
		switch {
		case hasWon && its == id:
			inside++
			want = "alive"
		case won[i] == "exists" && t.does[i] == "create":
			want = "none"
		case !hasWon:
			p.Wrong("errors", "%s: %s", t.does[i], won[i])
			continue
		}
		if hasWon && t.does[i] == "create" {
			created++
		}
		if alive[i] != want {
			p.Wrong("winners", "%v: the path names %s; number %d has %q and is %q instead of %q", t.does, id, i, won[i], alive[i], want)
		}
	}
	var ok bool
	switch t.does {
	case [3]string{"create", "create", "create"}:
		ok = created == 1 && inside == 1
	case [3]string{"join", "join", "join"}:
		ok = inside == 3
	case [3]string{"recreate", "recreate", "recreate"}:
		ok = inside == 1
	default:
		ok = inside >= 1
	}
	if !ok {
		p.Wrong("winners", "%v: %v, the path names %s", t.does, won, id)
	}
	p.Add("winners in all", int64(inside))
}

func idOf(path string) (string, error) {
	mf, err := mapfile.Open(path)
	if err != nil {
		return "", err
	}
	defer mf.Close()
	return idOfFile(mf)
}

func idOfFile(mf *mapfile.MapFile) (string, error) {
	info, err := mf.Stat()
	return hex.EncodeToString(info.ID[:]), err
}
