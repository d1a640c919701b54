package mapfile_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/gomapfile/mapfile/codec"
	binarycodec "github.com/gomapfile/mapfile/codec/binary"
	gobcodec "github.com/gomapfile/mapfile/codec/gob"
	jsoncodec "github.com/gomapfile/mapfile/codec/json"
	msgpackcodec "github.com/gomapfile/mapfile/codec/msgpack"
	podcodec "github.com/gomapfile/mapfile/codec/pod"
	"github.com/gomapfile/mapfile/mapfile"
	mapfilepb "github.com/gomapfile/mapfile/proto"
	"github.com/gomapfile/mapfile/registry"
)

// The pitfall of pointers: to what lies outside, into the object itself, to one thing twice, in a
// circle. In shared memory each is an address. A codec copies what is there, or refuses it by name.

type (
	graph struct {
		Name   string
		Scores []float64
		Best   *float64 // one of Scores
		Left   *graph
		Right  *graph
		Table  map[string]*graph
	}

	// nest holds nests; it can hold itself without any pointer in its type.
	nest map[string]nest
)

// outside is an object that graphs point to, a global.
var outside = &graph{Name: "outside"}

// pointerCodecs are those that follow pointers by themselves.
var pointerCodecs = []codec.Codec{jsoncodec.Codec, gobcodec.Codec, msgpackcodec.Codec}

func TestPitfallPointersAreCopied(t *testing.T) {
	for _, c := range pointerCodecs {
		t.Run(c.Name(), func(t *testing.T) {
			reg := &registry.Registry{}
			must(registry.RegisterIn[graph](reg, "pitfall.Graph", c))
			mf := createFile(t, filepath.Join(testDir(t), "a.map"), mapfile.WithRegistry(reg))
			shared := &graph{Name: "shared"}
			g := &graph{Name: "whole", Scores: []float64{1, 9, 2}, Left: shared, Right: shared, Table: map[string]*graph{"far": outside}}
			g.Best = &g.Scores[1]
			must(addSlot(t, mf, "g", g).Update())
			outside.Name, shared.Name, g.Scores[1] = "changed", "changed", 0
			defer func() { outside.Name = "outside" }()

			got := get[*graph](t, mf, "g")
			if far := got.Table["far"]; far == nil || far == outside || far.Name != "outside" {
				t.Errorf("what lies outside: %+v", far)
			}
			if got.Best == nil || *got.Best != 9 || got.Scores[1] != 9 {
				t.Errorf("a pointer into the object: %v of %v", got.Best, got.Scores)
			}
			if got.Left == nil || got.Right == nil || got.Left.Name != "shared" || got.Right.Name != "shared" {
				t.Fatalf("what is shared: %+v, %+v", got.Left, got.Right)
			}
			// The values are there, but each in its own place: that two pointers were one is not kept.
			if got.Best == &got.Scores[1] || got.Left == got.Right {
				t.Error("the document says that sharing is not kept")
			}
		})
	}
}

// A circle has no end to copy to: Update is an error that names slot and type, and the value before stays.
func TestPitfallCirclesAreRefusedByName(t *testing.T) {
	for _, c := range pointerCodecs {
		t.Run(c.Name(), func(t *testing.T) {
			reg := &registry.Registry{}
			must(registry.RegisterIn[graph](reg, "pitfall.Graph", c))
			must(registry.RegisterIn[nest](reg, "pitfall.Nest", c))
			mf := createFile(t, filepath.Join(testDir(t), "a.map"), mapfile.WithRegistry(reg))
			g, n := &graph{Name: "whole"}, nest{"a": nest{"b": nil}}
			graphs, nests := addSlot(t, mf, "g", g), addSlot(t, mf, "n", &n)
			mustUpdate(t, mf)
			g.Name, g.Left = "circle", &graph{Name: "other", Right: g}
			n["a"]["b"] = n
			for _, slot := range []struct {
				name, typ string
				err       error
			}{{"g", "graph", graphs.Update()}, {"n", "nest", nests.Update()}} {
				if !errors.Is(slot.err, mapfile.ErrEncode) || !containsSlotError(slot.err, slot.name) || !strings.Contains(slot.err.Error(), slot.typ) {
					t.Errorf("%s: %v", slot.name, slot.err)
				}
			}
			if got := get[*graph](t, mf, "g"); got.Name != "whole" || got.Left != nil {
				t.Errorf("the value before: %+v", got)
			}
			if got := get[nest](t, mf, "n"); len(got) != 1 || len(got["a"]) != 1 {
				t.Errorf("the value before: %v", got)
			}
		})
	}
}

// The codec that copies memory holds nothing that memory elsewhere belongs to.
func TestPitfallPodRefusesPointersByName(t *testing.T) {
	type inner struct{ Next *int64 }
	type nested struct {
		Good  int64
		Inner [2]inner
	}
	type text struct{ Title string }
	type list struct{ Items []int64 }
	type table struct{ Index map[int64]int64 }
	type lock struct{ Guard sync.Mutex }
	type sized struct{ Count int }
	reg := &registry.Registry{}
	for field, err := range map[string]error{
		"Next":  registry.RegisterIn[nested](reg, "p.Nested", podcodec.Codec),
		"Title": registry.RegisterIn[text](reg, "p.Text", podcodec.Codec),
		"Items": registry.RegisterIn[list](reg, "p.List", podcodec.Codec),
		"Index": registry.RegisterIn[table](reg, "p.Table", podcodec.Codec),
		"Guard": registry.RegisterIn[lock](reg, "p.Lock", podcodec.Codec),
		"Count": registry.RegisterIn[sized](reg, "p.Sized", podcodec.Codec),
	} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// ring is a type that encodes itself, as a list of its members' names: so it can have circles and keep them.
type ring struct{ First *member }

type member struct {
	Name string
	Next *member
}

func (r *ring) MarshalBinary() ([]byte, error) {
	var names []string
	for m := r.First; m != nil; m = m.Next {
		if names = append(names, m.Name); m.Next == r.First {
			break
		}
	}
	return json.Marshal(names)
}

func (r *ring) UnmarshalBinary(p []byte) error {
	var names []string
	if err := json.Unmarshal(p, &names); err != nil {
		return err
	}
	var last *member
	for _, name := range names {
		m := &member{Name: name}
		if last == nil {
			r.First = m
		} else {
			last.Next = m
		}
		last = m
	}
	if last != nil {
		last.Next = r.First
	}
	return nil
}

func TestPitfallOwnEncodingMayKeepCircles(t *testing.T) {
	reg := &registry.Registry{}
	must(registry.RegisterIn[ring](reg, "pitfall.Ring", binarycodec.Codec))
	mf := createFile(t, filepath.Join(testDir(t), "a.map"), mapfile.WithRegistry(reg))
	a, b := &member{Name: "a"}, &member{Name: "b"}
	a.Next, b.Next = b, a
	must(addSlot(t, mf, "r", &ring{a}).Update())
	got := get[*ring](t, mf, "r").First
	if got == a || got.Name != "a" || got.Next.Name != "b" || got.Next.Next != got {
		t.Errorf("%+v", got)
	}
}

// Messages are trees: one that is in two places comes back as two.
func TestPitfallSharedMessageIsCopied(t *testing.T) {
	mf := createFile(t, filepath.Join(testDir(t), "a.map"))
	axis := &mapfilepb.Axis{Bins: 2, Max: 1, Title: "x"}
	must(addSlot(t, mf, "h", &mapfilepb.H2D{X: axis, Y: axis}).Update())
	axis.Title = "changed"
	got := get[*mapfilepb.H2D](t, mf, "h")
	if got.X == got.Y || got.X == axis || got.X.GetTitle() != "x" || got.Y.GetTitle() != "x" {
		t.Errorf("%v", got)
	}
}

// A protobuf message that holds itself would overflow the stack of the library, for which there is no recovery.
func TestPitfallCircularMessageIsRefusedByName(t *testing.T) {
	mf := createFile(t, filepath.Join(testDir(t), "a.map"))
	list := &structpb.ListValue{Values: []*structpb.Value{structpb.NewStringValue("whole")}}
	slot := addSlot(t, mf, "list", list)
	must(slot.Update())
	list.Values = append(list.Values, structpb.NewListValue(list))
	if err := slot.Update(); !errors.Is(err, mapfile.ErrEncode) || !strings.Contains(err.Error(), "list") || !strings.Contains(err.Error(), "google.protobuf.ListValue") {
		t.Error(err)
	}
	if got := get[*structpb.ListValue](t, mf, "list"); len(got.Values) != 1 || got.Values[0].GetStringValue() != "whole" {
		t.Errorf("the value before: %v", got)
	}
}
