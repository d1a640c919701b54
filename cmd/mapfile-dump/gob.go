package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/codec"
)

// Gob from a file can make a process allocate until it is killed, so it is decoded only when the user
// asks for it, and then in a child: this program again, with limits on memory and time. Payload and
// decoded value go through pipes. A child that dies is an error of one slot.

const (
	gobChildName = "__decode-gob"
	gobMemory    = 256 << 20
	gobTime      = 5 * time.Second
	gobOutput    = 64 << 20 // bytes of decoded value that are taken from a child
)

// decodeGob decodes a payload in a child process.
func (t *tool) decodeGob(payload []byte) (codec.Node, error) {
	self, err := os.Executable()
	if err != nil {
		return codec.Node{}, err
	}
	ctx, cancel := context.WithTimeout(t.ctx, gobTime)
	defer cancel()
	child := exec.CommandContext(ctx, self, gobChildName)
	child.Args[0] = programName()
	child.Stdin = bytes.NewReader(payload)
	var stdout, stderr limited
	stdout.room, stderr.room = gobOutput, 4096
	child.Stdout, child.Stderr = &stdout, &stderr
	child.WaitDelay = time.Second
	err = child.Run()
	switch {
	case ctx.Err() != nil:
		return codec.Node{}, fmt.Errorf("decoding gob took longer than %v", gobTime)
	case stdout.full:
		return codec.Node{}, fmt.Errorf("the decoded gob is larger than %s", show.Size(gobOutput))
	case err != nil:
		reason, _, _ := strings.Cut(strings.TrimPrefix(stderr.String(), "mapfile-dump: "), "\n")
		if reason == "" {
			reason = err.Error()
		}
		return codec.Node{}, fmt.Errorf("gob in a child process with %s: %s", show.Size(gobMemory), reason)
	}
	return decodeWire(stdout.Bytes())
}

// programName is what the child is started as. Tests, whose binary is several programs, depend on it.
func programName() string { return os.Args[0] }

// limited is a buffer that takes only so much.
type limited struct {
	bytes.Buffer
	room int
	full bool
}

func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > l.room {
		l.full = true
		return 0, errors.New("too much output")
	}
	return l.Buffer.Write(p)
}

// newGobChild is the hidden command that the child runs.
func newGobChild(t *tool) *cobra.Command {
	return &cobra.Command{
		Use:    gobChildName,
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := limitMemory(gobMemory); err != nil {
				return err
			}
			payload, err := io.ReadAll(os.Stdin)
			if err != nil {
				return err
			}
			node, err := decodeGobPayload(payload)
			if err != nil {
				return err
			}
			return encodeWire(t.out, node)
		},
	}
}

// wireNode is a node on its way from child to parent, with the Go type of the value beside it.
type wireNode struct {
	Name     string     `json:",omitempty"`
	Type     string     `json:",omitempty"`
	Kind     string     `json:",omitempty"`
	Value    []byte     `json:",omitempty"`
	Children []wireNode `json:",omitempty"`
}

func encodeWire(w io.Writer, n codec.Node) error {
	return json.NewEncoder(w).Encode(toWire(n))
}

func decodeWire(text []byte) (codec.Node, error) {
	var n wireNode
	if err := json.Unmarshal(text, &n); err != nil {
		return codec.Node{}, fmt.Errorf("the child's answer: %w", err)
	}
	return fromWire(n)
}
