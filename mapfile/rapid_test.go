package mapfile_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gomapfile/mapfile/mapfile"
)

// Random histories of four producers, one of them another process, and of readers that were there
// before, that come anew, and that follow; after every step each of them must see what the model says. A
// history that fails is made as short as possible. More of them: -rapid.checks=10000.

// modelNames are the slots that may be.
var modelNames = []string{"a", "a/b", "c/d/e", "üñí çødé", strings.Repeat("long/", 50) + "12345"}

// modelRun is one history.
type modelRun struct {
	path      string
	world     *world
	local     [3]obedient
	remote    *remote
	session   [4]int // of each producer, as an index of world.sessions; -1: none yet
	readers   []*modelReader
	snapshot  *mapfile.Snapshot // of some time ago
	snapWorld *world            // as it was then
}

// remoteProducer is the producer that is another process.
const remoteProducer = 3

func TestHistoriesAreWhatTheModelSays(t *testing.T) {
	// No files about failures: the seed that is printed is enough.
	must(flag.Set("rapid.nofailfile", "true"))
	if checks := flag.Lookup("rapid.checks"); raceEnabled && checks.Value.String() == checks.DefValue {
		must(checks.Value.Set("20")) // the detector makes each ten times as long
	}
	dir, n := testDir(t), 0
	away := &remote{t: t} // one process for all histories, as long as it lives
	rapid.Check(t, func(t *rapid.T) {
		n++
		h := &modelRun{path: filepath.Join(dir, fmt.Sprint(n, ".map")), world: newWorld(), remote: away, session: [4]int{-1, -1, -1, -1}}
		defer h.end()
		for _, who := range []int{0, 1, remoteProducer} {
			h.do(t, who, order{Do: "open"})
		}
		h.attach(t)
		t.Repeat(map[string]func(*rapid.T){
			"":              h.check,
			"open":          h.open,
			"add":           h.add,
			"add more":      h.add,
			"update":        h.update,
			"update more":   h.update,
			"update slot":   h.updateSlot,
			"remove":        h.remove,
			"end":           h.endProducer,
			"pass on":       h.passOn,
			"recreate":      h.recreate,
			"die at work":   h.dieAtWork,
			"wrong":         h.wrong,
			"keep snapshot": h.keepSnapshot,
			"sync":          func(t *rapid.T) { h.do(t, drawProducer(t), order{Do: "sync"}) },
		})
	})
}

// attach opens the readers that are there all along.
func (h *modelRun) attach(t *rapid.T) {
	attached, err := mapfile.Open(h.path)
	if err != nil {
		t.Fatal(err)
	}
	h.readers = append(h.readers, newModelReader("attached", attached, h.world.file))
	follower, err := mapfile.Open(h.path, mapfile.WithFollow())
	if err != nil {
		t.Fatal(err)
	}
	h.readers = append(h.readers, newModelReader("follower", follower, -1))
}

func (h *modelRun) end() {
	for _, r := range h.readers {
		r.mf.Close()
	}
	for i := range h.local {
		h.local[i].mf.Close()
	}
	if h.remote.child != nil {
		h.remote.obey(order{Do: "close"})
	}
	os.Remove(h.path)
}

// do gives an order, and fails unless it ends as the model says. False: the producer has died over it.
func (h *modelRun) do(t *rapid.T, who int, o order) (alive bool) {
	t.Helper()
	o.Path = h.path
	a, alive := answer{}, true
	if who == remoteProducer {
		a, alive = h.remote.obey(o)
	} else {
		a = h.local[who].obey(o)
	}
	if !alive {
		return false
	}
	refusals := h.world.apply(h.session[who], o)
	if len(refusals) == 0 && a.Err != "" || len(refusals) > 0 && !slices.Contains(refusals, a.Err) {
		t.Fatalf("producer %d, %s: %q (%s); the model says %q", who, o, a.Err, a.Text, refusals)
	}
	if o.Do == "open" || o.Do == "recreate" {
		h.session[who] = len(h.world.sessions) - 1
	}
	t.Logf("producer %d, %s: %s", who, o, a.Err)
	return true
}

func (o order) String() string {
	return strings.ReplaceAll(fmt.Sprintf("%s %q %v %s", o.Do, o.Names, o.Values, o.Kind), modelNames[len(modelNames)-1], "long/…")
}

func drawProducer(t *rapid.T) int { return rapid.IntRange(0, remoteProducer).Draw(t, "producer") }

func drawName(t *rapid.T) string { return rapid.SampledFrom(modelNames).Draw(t, "name") }

func drawNames(t *rapid.T) []string {
	return rapid.SliceOfN(rapid.SampledFrom(modelNames), 1, 3).Draw(t, "names")
}

// drawValue draws lengths about the limits of capacities, and now and then much more.
func drawValue(t *rapid.T) someValue {
	return someValue{
		N:   rapid.Int64Range(-3, 1000).Draw(t, "number"),
		Len: rapid.SampledFrom([]int{0, 1, 63, 64, 65, 192, 193, 900, 5000, 70_000}).Draw(t, "length"),
	}
}

// drawOwn draws among the slots of a producer; none: the step is skipped.
func (h *modelRun) drawOwn(t *rapid.T, who int, least int) []string {
	var own []string
	if i := h.session[who]; i >= 0 && h.world.sessions[i].state == mapfile.StateLive {
		own = slices.Sorted(maps.Keys(h.world.sessions[i].bound))
	}
	if len(own) == 0 {
		t.Skip("no slots")
	}
	return rapid.SliceOfN(rapid.SampledFrom(own), least, len(own)).Draw(t, "slots")
}

func drawValues(t *rapid.T, names []string) map[string]someValue {
	values := map[string]someValue{}
	for _, name := range names {
		values[name] = drawValue(t)
	}
	return values
}

func (h *modelRun) open(t *rapid.T) {
	who := drawProducer(t)
	if i := h.session[who]; i >= 0 && h.world.sessions[i].state == mapfile.StateLive {
		h.do(t, who, order{Do: rapid.SampledFrom([]string{"close", "kill"}).Draw(t, "end")})
	}
	h.do(t, who, order{Do: "open"})
}

func (h *modelRun) recreate(t *rapid.T) {
	if rapid.IntRange(0, 3).Draw(t, "seldom") != 0 {
		t.Skip("not now")
	}
	who := drawProducer(t)
	h.do(t, who, order{Do: "close"})
	h.do(t, who, order{Do: "recreate"})
}

func drawAdd(t *rapid.T) order { return drawAddOf(t, drawName(t)) }

func drawAddOf(t *rapid.T, name string) order {
	return order{
		Do: "add", Names: []string{name}, Values: drawValues(t, []string{name}),
		Kind:     rapid.SampledFrom([]string{"bytes", "text", "number", "picky", "raw"}).Draw(t, "kind"),
		Title:    rapid.SampledFrom([]string{"", "a title", "t;x;y"}).Draw(t, "title"),
		Capacity: rapid.SampledFrom([]int{0, 1, 300, 5000, 20_000}).Draw(t, "capacity"),
		Buffers:  rapid.SampledFrom([]int{0, 2, 3, 16}).Draw(t, "buffers"),
	}
}

func (h *modelRun) add(t *rapid.T) { h.do(t, drawProducer(t), drawAdd(t)) }

// update makes a commit: of all slots, of some by name or handle, of one twice.
func (h *modelRun) update(t *rapid.T) {
	who := drawProducer(t)
	names := h.drawOwn(t, who, 0)
	do := rapid.SampledFrom([]string{"update", "update slots"}).Draw(t, "how")
	h.do(t, who, order{Do: do, Names: names, Values: drawValues(t, names)})
}

func (h *modelRun) updateSlot(t *rapid.T) {
	who := drawProducer(t)
	names := h.drawOwn(t, who, 1)[:1]
	for range rapid.IntRange(1, 9).Draw(t, "times") { // once around the buffers
		h.do(t, who, order{Do: "update slot", Names: names, Values: drawValues(t, names)})
	}
}

func (h *modelRun) remove(t *rapid.T) {
	who := drawProducer(t)
	if rapid.IntRange(0, 9).Draw(t, "all") == 0 {
		h.do(t, who, order{Do: "remove all"})
		return
	}
	h.do(t, who, order{Do: "remove", Names: []string{drawName(t)}})
}

func (h *modelRun) endProducer(t *rapid.T) {
	who := drawProducer(t)
	how := rapid.SampledFrom([]string{"close", "kill", "SIGKILL"}).Draw(t, "how")
	if how != "SIGKILL" {
		h.do(t, who, order{Do: how})
	} else if h.session[remoteProducer] >= 0 {
		h.remote.kill()
		h.world.apply(h.session[remoteProducer], order{Do: "kill"})
		h.session[remoteProducer] = -1
		t.Log("SIGKILL")
	}
}

// passOn ends a producer, and another takes a slot of it over, once or several times: it may move each
// time, and is published by none of them.
func (h *modelRun) passOn(t *rapid.T) {
	who := drawProducer(t)
	name := h.drawOwn(t, who, 1)[0]
	for range rapid.IntRange(1, 3).Draw(t, "times") {
		h.do(t, who, order{Do: rapid.SampledFrom([]string{"close", "kill"}).Draw(t, "end")})
		who = (who + 1) % len(h.session)
		if i := h.session[who]; i < 0 || h.world.sessions[i].state != mapfile.StateLive {
			h.do(t, who, order{Do: "open"})
		}
		h.do(t, who, drawAddOf(t, name))
		h.check(t)
	}
}

// dieAtWork lets the other process die in the middle of an order: all of it has happened, or nothing.
func (h *modelRun) dieAtWork(t *rapid.T) {
	who := remoteProducer
	if i := h.session[who]; i < 0 || h.world.sessions[i].state != mapfile.StateLive {
		h.do(t, who, order{Do: "open"})
	}
	var o order
	switch rapid.SampledFrom([]string{"add", "update", "update slot", "remove"}).Draw(t, "what") {
	case "add":
		if o = drawAdd(t); h.world.slots[o.Names[0]].kind != "" {
			t.Skip("a take-over may be half done")
		}
	case "update":
		o = order{Do: "update", Names: h.drawOwn(t, who, 1)}
	case "update slot":
		o = order{Do: "update slot", Names: h.drawOwn(t, who, 1)[:1]}
	case "remove":
		o = order{Do: "remove", Names: []string{drawName(t)}}
	}
	if o.Values == nil && o.Do != "remove" {
		o.Values = drawValues(t, o.Names)
	}
	o.DieAt = rapid.IntRange(1, 40).Draw(t, "store")
	if h.do(t, who, o) {
		return // it has survived: there were not so many stores
	}
	before, after := h.world.clone(), h.world.clone()
	after.apply(h.session[who], o)
	for _, w := range []*world{before, after} {
		w.apply(h.session[who], order{Do: "kill"})
		w.broken = true
	}
	h.session[who] = -1
	t.Logf("producer %d died over %s", who, o)
	h.world = after
	if errAfter := h.compare(); errAfter != nil {
		h.world = before
		if errBefore := h.compare(); errBefore != nil {
			t.Fatalf("after a death at store %d of %s the file is neither as before (%v) nor as after it (%v)", o.DieAt, o, errBefore, errAfter)
		}
	}
	h.do(t, who, order{Do: "open"}) // the restarted producer repairs
}

// wrong does what must be refused.
func (h *modelRun) wrong(t *rapid.T) {
	who := drawProducer(t)
	i := h.session[who]
	live := i >= 0 && h.world.sessions[i].state == mapfile.StateLive
	switch rapid.IntRange(0, 5).Draw(t, "wrong") {
	case 0:
		name := rapid.SampledFrom([]string{"", ".", "../a", "/a", "a/../b", strings.Repeat("n", 256)}).Draw(t, "bad name")
		o := drawAdd(t)
		o.Names = []string{name}
		h.do(t, who, o)
		h.do(t, who, order{Do: "remove", Names: []string{name}})
	case 1:
		h.do(t, who, order{Do: "add no pointer"})
	case 2: // of somebody else, of nobody, of all of them
		h.do(t, who, order{Do: "update", Names: drawNames(t)})
	case 3:
		if live && who != remoteProducer && h.local[who].removed != nil {
			h.do(t, who, order{Do: "update removed"})
		}
	case 4: // a handle of another producer
		other := (who + 1) % remoteProducer
		if who == remoteProducer || !live {
			t.Skip("needs two producers in this process")
		}
		for _, slot := range h.local[other].slots {
			if err := h.local[who].mf.UpdateSlots(slot); !errors.Is(err, mapfile.ErrNoSlot) {
				t.Fatalf("UpdateSlots of a slot of another producer: %v", err)
			}
		}
	case 5:
		var x int64
		r := h.readers[0].mf
		_, err := r.Add("x", &x)
		for what, err := range map[string]error{"Add": err, "Update": r.Update(), "Remove": r.Remove("a"), "RemoveAll": r.RemoveAll()} {
			if !errors.Is(err, mapfile.ErrReadOnly) {
				t.Fatalf("%s by a reader: %v", what, err)
			}
		}
	}
}

func (h *modelRun) keepSnapshot(t *rapid.T) {
	mf, err := mapfile.Open(h.path)
	if err != nil {
		t.Fatal(err)
	}
	defer mf.Close()
	h.snapshot, err = mf.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	h.snapWorld = h.world.clone()
}

// check is done after every step.
func (h *modelRun) check(t *rapid.T) {
	if err := h.compare(); err != nil {
		t.Fatal(err)
	}
}

// A death between the commit point and the publish words: Version says what Get gives, though nobody has
// come yet to publish what was committed.
func TestVersionIsThatOfTheValueAlsoAfterADeath(t *testing.T) {
	away := &remote{t: t}
	for n, died := 1, true; died; n++ {
		path := filepath.Join(testDir(t), "a.map")
		away.obey(order{Do: "open", Path: path})
		names := []string{"a", "b"}
		for _, name := range names {
			away.obey(order{Do: "add", Names: []string{name}, Kind: "number", Values: map[string]someValue{name: {N: 7}}})
		}
		_, alive := away.obey(order{Do: "update", DieAt: n})
		died = !alive
		r := openFile(t, path)
		for _, name := range names {
			reader := r.Reader(name)
			_, stamp, err := reader.Get()
			if v := reader.Version(); v != stamp.Version {
				t.Errorf("death at store %d: %s has version %d, %v; Version says %d", n, name, stamp.Version, err, v)
			}
		}
	}
}
