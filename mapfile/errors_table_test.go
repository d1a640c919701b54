//go:build linux

package mapfile_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	jsoncodec "github.com/gomapfile/mapfile/codec/json"
	podcodec "github.com/gomapfile/mapfile/codec/pod"
	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/mapfile/internal/layout"
	"github.com/gomapfile/mapfile/mapfile/region"
	"github.com/gomapfile/mapfile/registry"
)

// Every error that the API can return, made from outside. docs/errors.md is the same table for people,
// and a sentinel that is in neither fails the tests.

// An apiError is one way to an error. The path of the file is in an empty directory.
type apiError struct {
	sentinel string // as the documents name it
	want     error
	op, slot string   // of the *Error; op "" for what is no *Error
	noPath   bool     // nobody knows of a file there
	text     []string // what the message must say besides: the circumstances, and what to do
	limit    string   // of the shell's ulimit, for a process of its own; such rows may not use t
	make     func(t *testing.T, path string) error
}

// A config as two programs have it, with another field each.
type (
	tableConfig struct{ A int32 }
	otherConfig struct{ B float64 }
	tableText   struct{ A any }
)

func registryWith(register ...func(*registry.Registry) error) mapfile.Option {
	r := &registry.Registry{}
	for _, f := range register {
		must(f(r))
	}
	return mapfile.WithRegistry(r)
}

func asConfig(r *registry.Registry) error {
	return registry.RegisterIn[tableConfig](r, "test.Table", podcodec.Codec)
}

// published makes a file whose slot "a" has the value 7.
func published(path string, opts ...mapfile.Option) *mapfile.MapFile {
	mf := must1(mapfile.OpenOrCreate(path, opts...))
	n := int64(7)
	must1(mf.Add("a", &n))
	must(mf.Update())
	return mf
}

// publishedConfig makes a file whose slot "a" has a tableConfig, written with a pod codec.
func publishedConfig(t *testing.T, path string) {
	mf := createFile(t, path, registryWith(asConfig))
	must(addSlot(t, mf, "a", &tableConfig{7}).Update())
}

// changed makes a file that one producer has closed, and changes it.
func changed(t *testing.T, path string, change func(b image)) {
	must(published(path).Close())
	b := image(must1(os.ReadFile(path)))
	change(b)
	overwrite(t, path, b)
}

func getA(t *testing.T, path string, opts ...mapfile.Option) error {
	_, err := openFile(t, path, opts...).Get("a")
	return err
}

var apiErrors = []apiError{
	{sentinel: "ErrClosed", want: mapfile.ErrClosed, op: "get", slot: "a", text: []string{"closed"}, make: func(t *testing.T, path string) error {
		mf := published(path)
		must(mf.Close())
		_, err := mf.Get("a")
		return err
	}},
	{sentinel: "ErrClosed", want: mapfile.ErrClosed, op: "update", noPath: true, text: []string{"never opened", "open"}, make: func(*testing.T, string) error {
		return new(mapfile.MapFile).Update()
	}},
	{sentinel: "ErrReadOnly", want: mapfile.ErrReadOnly, op: "add", slot: "b", text: []string{"use OpenOrCreate"}, make: func(t *testing.T, path string) error {
		must(published(path).Close())
		_, err := openFile(t, path).Add("b", new(int64))
		return err
	}},
	{sentinel: "ErrNoSlot", want: mapfile.ErrNoSlot, op: "get", slot: "b", text: []string{"Slots lists"}, make: func(t *testing.T, path string) error {
		must(published(path).Close())
		_, err := openFile(t, path).Get("b")
		return err
	}},
	{sentinel: "ErrNotPublished", want: mapfile.ErrNotPublished, op: "get", slot: "b", text: []string{"Update", "Watch"}, make: func(t *testing.T, path string) error {
		mf := createFile(t, path)
		addSlot(t, mf, "b", new(int64))
		_, err := mapfile.Get[int64](mf, "b")
		return err
	}},
	{sentinel: "ErrSlotExists", want: mapfile.ErrSlotExists, op: "add", slot: "b", text: []string{"Set"}, make: func(t *testing.T, path string) error {
		mf := createFile(t, path)
		addSlot(t, mf, "b", new(int64))
		_, err := mf.Add("b", new(int64))
		return err
	}},
	{sentinel: "ErrOwned", want: mapfile.ErrOwned, op: "add", slot: "b", text: []string{".test[", "LIVE", "must Remove the slot or end"}, make: func(t *testing.T, path string) error {
		start(t, "own", path, "b").Expect("owns")
		_, err := createFile(t, path).Add("b", new(int64))
		return err
	}},
	{sentinel: "ErrOwned", want: mapfile.ErrOwned, op: "removedead", text: []string{".test[", "LIVE"}, make: func(t *testing.T, path string) error {
		start(t, "own", path, "b").Expect("owns")
		return mapfile.RemoveDead(path)
	}},
	{sentinel: "ErrLocked", want: mapfile.ErrLocked, op: "add", slot: "b", text: []string{"50ms", "see who has the file open"}, make: func(t *testing.T, path string) error {
		mf := createFile(t, path, mapfile.WithLockTimeout(50*time.Millisecond))
		start(t, "hold-structure-lock", path).Expect("held")
		_, err := mf.Add("b", new(int64))
		return err
	}},
	{sentinel: "ErrBusy", want: mapfile.ErrBusy, op: "snapshot", text: []string{"try again"}, make: func(t *testing.T, path string) error {
		changed(t, path, func(b image) { // as if each value that it looks for had just been overwritten
			for i := range layout.NumSessions {
				b.put(layout.SessionOff(i)+layout.SessionCommitOff, 0)
			}
		})
		_, err := openFile(t, path).Snapshot()
		return err
	}},
	{sentinel: "ErrName", want: mapfile.ErrName, op: "add", slot: "a//b", text: []string{"run1/hpx"}, make: func(t *testing.T, path string) error {
		_, err := createFile(t, path).Add("a//b", new(int64))
		return err
	}},
	{sentinel: "ErrName", want: mapfile.ErrName, op: "snapshot", text: []string{`"["`, "needs ]"}, make: func(t *testing.T, path string) error {
		_, err := createFile(t, path).Snapshot("[")
		return err
	}},
	{sentinel: "ErrUnregistered", want: mapfile.ErrUnregistered, op: "add", slot: "b", text: []string{"registry.Register[mapfile_test.tableConfig]("}, make: func(t *testing.T, path string) error {
		_, err := createFile(t, path).Add("b", new(tableConfig))
		return err
	}},
	{sentinel: "ErrUnregistered", want: mapfile.ErrUnregistered, op: "get", slot: "a", text: []string{`"test.Table"`, `"pod"`, "register"}, make: func(t *testing.T, path string) error {
		publishedConfig(t, path)
		return getA(t, path)
	}},
	{sentinel: "ErrType", want: mapfile.ErrType, op: "get", slot: "a", text: []string{"*int64", "string"}, make: func(t *testing.T, path string) error {
		_, err := mapfile.Get[string](published(path), "a")
		return err
	}},
	{sentinel: "ErrType", want: mapfile.ErrType, op: "get", slot: "a", text: []string{"*int64", "string"}, make: func(t *testing.T, path string) error {
		_, err := mapfile.Get[string](must1(published(path).Snapshot()), "a")
		return err
	}},
	{sentinel: "ErrSchema", want: mapfile.ErrSchema, op: "get", slot: "a", text: []string{`"test.Table"`, "A int32", "B float64"}, make: func(t *testing.T, path string) error {
		publishedConfig(t, path)
		return getA(t, path, registryWith(func(r *registry.Registry) error {
			return registry.RegisterIn[otherConfig](r, "test.Table", podcodec.Codec)
		}))
	}},
	{sentinel: "ErrCodec", want: mapfile.ErrCodec, op: "get", slot: "a", text: []string{`"pod"`, "AddCodec"}, make: func(t *testing.T, path string) error {
		publishedConfig(t, path)
		return getA(t, path, registryWith(func(r *registry.Registry) error {
			return registry.RegisterIn[tableConfig](r, "test.Table", jsoncodec.Codec)
		}))
	}},
	{sentinel: "ErrEncode", want: mapfile.ErrEncode, op: "update", slot: "b", text: []string{"tableText", ".A", "NaN"}, make: func(t *testing.T, path string) error {
		mf := createFile(t, path, registryWith(func(r *registry.Registry) error {
			return registry.RegisterIn[tableText](r, "test.Text", jsoncodec.Codec)
		}))
		return addSlot(t, mf, "b", &tableText{math.NaN()}).Update()
	}},
	{sentinel: "ErrDecode", want: mapfile.ErrDecode, op: "get", slot: "a", text: []string{`"int64"`, `"basic"`, "version 1"}, make: func(t *testing.T, path string) error {
		mf := createFile(t, path)
		addSlot(t, mf, "a", &mapfile.Raw{Type: mapfile.TypeInfo{Name: "int64", Codec: "basic", Schema: []byte("int64")}, Payload: []byte("no number")})
		mustUpdate(t, mf)
		return getA(t, path)
	}},
	{sentinel: "ErrFull", want: mapfile.ErrFull, op: "update", slot: "b", text: []string{"WithMaxSize", "262144"}, make: func(t *testing.T, path string) error {
		mf := createFile(t, path, mapfile.WithMaxSize(256<<10))
		b := make([]byte, 1)
		slot := addSlot(t, mf, "b", &b)
		b = make([]byte, 1<<20)
		return slot.Update()
	}},
	{sentinel: "ErrTooLarge", want: mapfile.ErrTooLarge, op: "add", slot: "b", text: []string{"schema", "bytes"}, make: func(t *testing.T, path string) error {
		schema := make([]byte, layout.MaxSchemaLen+1)
		_, err := createFile(t, path).Add("b", &mapfile.Raw{Type: mapfile.TypeInfo{Name: "x", Codec: "x", Schema: schema}})
		return err
	}},
	{sentinel: "ErrSuperseded", want: mapfile.ErrSuperseded, op: "get", slot: "a", text: []string{"open its path again"}, make: func(t *testing.T, path string) error {
		must(published(path).Close())
		reader := openFile(t, path)
		start(t, "recreate", path).MustEnd()
		_, err := reader.Get("a")
		return err
	}},
	{sentinel: "ErrSuperseded", want: mapfile.ErrSuperseded, op: "update", slot: "a", text: []string{"open its path again"}, make: func(t *testing.T, path string) error {
		mf := createFile(t, path)
		slot := addSlot(t, mf, "a", new(int64))
		start(t, "recreate", path).MustEnd()
		return slot.Update()
	}},
	{sentinel: "ErrNotMapFile", want: mapfile.ErrNotMapFile, op: "open", text: []string{"magic"}, make: func(t *testing.T, path string) error {
		must(os.WriteFile(path, bytes.Repeat([]byte("text\n"), 2000), 0o600))
		_, err := mapfile.Open(path)
		return err
	}},
	{sentinel: "ErrFormatVersion", want: mapfile.ErrFormatVersion, op: "open", text: []string{"it is 2", "knows 1", "use a newer mapfile"}, make: func(t *testing.T, path string) error {
		changed(t, path, func(b image) { b.reidentify(func(id *layout.Identity) { id.Version++ }) })
		_, err := mapfile.Open(path)
		return err
	}},
	{sentinel: "ErrCorrupt", want: mapfile.ErrCorrupt, op: "get", slot: "a", text: []string{"version 1", "checksum"}, make: func(t *testing.T, path string) error {
		changed(t, path, func(b image) { b[b.published(0)+layout.BufferHeadLen] ^= 1 })
		return getA(t, path)
	}},
	{sentinel: "ErrCorrupt", want: mapfile.ErrCorrupt, op: "open", text: []string{"cut to 8192 of"}, make: func(t *testing.T, path string) error {
		must(published(path).Close())
		must(os.Truncate(path, 8192))
		_, err := mapfile.Open(path)
		return err
	}},

	{sentinel: "region.ErrNotRegular", want: region.ErrNotRegular, op: "open", text: []string{"directory"}, make: func(t *testing.T, path string) error {
		must(os.Mkdir(path, 0o700))
		_, err := mapfile.Open(path)
		return err
	}},
	{sentinel: "region.ErrSymlink", want: region.ErrSymlink, op: "create", make: func(t *testing.T, path string) error {
		must(os.Symlink("nowhere", path))
		_, err := mapfile.Create(path)
		return err
	}},
	{sentinel: "region.ErrAddressSpace", want: region.ErrAddressSpace, op: "open", limit: "-v 8000000", text: []string{"bytes"}, make: func(_ *testing.T, path string) error {
		must(published(path).Close())
		must(os.Truncate(path, 100<<30)) // longer than its size word says, which is normal
		_, err := mapfile.Open(path)
		return err
	}},
	{sentinel: "region.ErrNoSpace", want: region.ErrNoSpace, op: "update", slot: "b", limit: "-f 2000", text: []string{"no room", "what was published before stays readable"}, make: func(_ *testing.T, path string) error {
		mf := must1(mapfile.OpenOrCreate(path))
		b := []byte("small")
		slot := must1(mf.Add("b", &b))
		b = make([]byte, 8<<20)
		err := slot.Update()
		if !errors.Is(err, mapfile.ErrFull) {
			return errors.New("not also ErrFull")
		}
		return err
	}},
	{sentinel: "registry.ErrTaken", want: registry.ErrTaken, text: []string{"test.Table", "tableConfig", "otherConfig"}, make: func(*testing.T, string) error {
		r := &registry.Registry{}
		must(asConfig(r))
		return registry.RegisterIn[otherConfig](r, "test.Table", podcodec.Codec)
	}},

	{sentinel: "fs.ErrExist", want: fs.ErrExist, op: "create", make: func(t *testing.T, path string) error {
		must(published(path).Close())
		_, err := mapfile.Create(path)
		return err
	}},
	{sentinel: "fs.ErrNotExist", want: fs.ErrNotExist, op: "open", make: func(t *testing.T, path string) error {
		_, err := mapfile.Open(path)
		return err
	}},
	{sentinel: "fs.ErrPermission", want: fs.ErrPermission, op: "open", text: []string{"mode ----------"}, make: func(t *testing.T, path string) error {
		if os.Getuid() == 0 {
			t.Skip("SKIPPED: root may read everything; rights_linux_test.go asks as another user")
		}
		must(os.WriteFile(path, nil, 0))
		_, err := mapfile.Open(path)
		return err
	}},
	{sentinel: "context.Canceled", want: context.Canceled, op: "watch", make: func(t *testing.T, path string) (err error) {
		ctx, cancel := context.WithCancel(context.Background())
		for ev, e := range published(path).Watch(ctx) {
			if err = e; ev.Kind == mapfile.EventPublished {
				cancel()
			}
		}
		cancel()
		return err
	}},
	{sentinel: "context.DeadlineExceeded", want: context.DeadlineExceeded, op: "wait", make: func(t *testing.T, path string) error {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		return mapfile.Wait(ctx, path, "a")
	}},
}

// elsewhere are errors that no program on this machine can get.
var elsewhere = map[string]string{"errors.ErrUnsupported": "on 32-bit and big-endian processors, and on systems without the locks"}

func init() {
	roles["make an error"] = func(args []string) { // number of the row, path
		var i int
		must1(fmt.Sscan(args[0], &i))
		fmt.Println(cmp.Or(apiErrors[i].fault(args[1], apiErrors[i].make(nil, args[1])), "right"))
	}
}

// fault says what is wrong with an error.
func (e *apiError) fault(path string, err error) string {
	if !errors.Is(err, e.want) {
		return fmt.Sprintf("%v is not %v", err, e.want)
	}
	text := err.Error()
	ours := e.want.Error()
	if strings.HasPrefix(e.sentinel, "fs.") {
		ours = "" // in the words of the system
	}
	for _, part := range append([]string{ours}, e.text...) {
		if !strings.Contains(text, part) {
			return fmt.Sprintf("%q is not in: %s", part, text)
		}
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' }) {
		return fmt.Sprintf("not one line: %q", text)
	}
	var typed *mapfile.Error
	if is := errors.As(err, &typed); is != (e.op != "") {
		return fmt.Sprintf("an *Error: %v, with op %q: %v", is, e.op, err)
	} else if !is {
		return ""
	}
	if e.noPath {
		path = ""
	}
	if typed.Op != e.op || typed.Path != path || typed.Slot != e.slot {
		return fmt.Sprintf("op %q, path %q, slot %q, not %q, %q, %q: %v", typed.Op, typed.Path, typed.Slot, e.op, path, e.slot, err)
	}
	start := "mapfile: " + e.op
	if path != "" {
		start += " " + path
	}
	if e.slot != "" {
		start += fmt.Sprintf(": slot %q", e.slot)
	}
	if !strings.HasPrefix(text, start+": ") {
		return fmt.Sprintf("does not begin with %q: %s", start, text)
	}
	return ""
}

func TestEveryErrorCanBeMadeAndSaysWhatIsWrongWhere(t *testing.T) {
	for i, e := range apiErrors {
		t.Run(fmt.Sprintf("%s-%s", e.sentinel, e.op), func(t *testing.T) {
			path := filepath.Join(testDir(t), "a.map")
			if e.limit == "" {
				if fault := e.fault(path, e.make(t, path)); fault != "" {
					t.Error(fault)
				}
				return
			}
			if raceEnabled {
				t.Skip("SKIPPED: the race detector needs terabytes of address space")
			}
			c := startCommand(t, limited(e.limit, "make an error", fmt.Sprint(i), path))
			c.Expect("right")
			c.MustEnd()
		})
	}
}

// sentinels finds the exported error variables of the packages that programs see.
func sentinels(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	dirs := append(must1(filepath.Glob("../codec/*")), ".", "region", "../registry", "../codec")
	for _, dir := range dirs {
		for _, name := range must1(filepath.Glob(filepath.Join(dir, "*.go"))) {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file := must1(parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution))
			for _, decl := range file.Decls {
				if gen, ok := decl.(*ast.GenDecl); ok && gen.Tok == token.VAR {
					for _, spec := range gen.Specs {
						for _, id := range spec.(*ast.ValueSpec).Names {
							if strings.HasPrefix(id.Name, "Err") {
								found[strings.TrimPrefix(file.Name.Name+"."+id.Name, "mapfile.")] = true
							}
						}
					}
				}
			}
		}
	}
	return found
}

func TestEverySentinelHasARowInTheTableOfErrors(t *testing.T) {
	rows := map[string]bool{}
	for _, e := range apiErrors {
		rows[e.sentinel] = true
	}
	all := sentinels(t)
	if len(all) < 20 {
		t.Fatalf("%d sentinels only", len(all))
	}
	for name := range all {
		if !rows[name] {
			t.Errorf("%s: add a row that makes it to apiErrors", name)
		}
	}
	for name := range rows {
		if pkg, _, ok := strings.Cut(name, "."); !all[name] && (!ok || !slices.Contains([]string{"fs", "context"}, pkg)) {
			t.Errorf("%s is no exported error", name)
		}
	}
}

// The document's rows are: | `name` | text | when | what to do |
func TestDocumentOfErrorsIsTheTableOfErrors(t *testing.T) {
	const doc = "../docs/errors.md"
	want := map[string]string{}
	for _, e := range apiErrors {
		want[e.sentinel] = e.want.Error()
	}
	for name := range elsewhere {
		want[name] = errors.ErrUnsupported.Error()
	}
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-zA-Z.]+)` \\| ([^|]*) \\| ([^|]+) \\| ([^|]+) \\|$").FindAllStringSubmatch(string(must1(os.ReadFile(doc))), -1) {
		name, text := m[1], m[2]
		if documented[name] {
			t.Errorf("%s: twice in %s", name, doc)
		}
		documented[name] = true
		switch wanted, ok := want[name]; {
		case !ok:
			t.Errorf("%s is in %s, but nothing makes it", name, doc)
		case text != wanted:
			t.Errorf("%s: %s says %q, its text is %q", name, doc, text, wanted)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if !documented[name] {
			t.Errorf("%s is missing in %s: | `%s` | %s | when | what to do |", name, doc, name, want[name])
		}
	}
}
