// Package mapfile_root_test tests what concerns the module as a whole: who may import whom, and that
// the documents say nothing wrong.
package mapfile_root_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/gomapfile/mapfile/"

// What the lists below call by one word.
var groups = map[string]string{
	"HISTOGRAMS": "go-hep.org/x/hep/... gonum.org/v1/...",
	"TERMINAL":   "charm.land/bubbletea/v2 charm.land/lipgloss/v2",
	"PROTOBUF":   "google.golang.org/protobuf/...",
	"XSYS":       "golang.org/x/sys/unix golang.org/x/sys/windows",
	"PUBLIC":     "mapfile mapfile/mapfiletest registry codec codec/... proto", // what programs use
}

// rules says what a package of this module may import beside the standard library: packages of the
// module by their directory, others by their path, x/... for all below x. Its tests may import that,
// the package itself, and what the last column adds. The first line that matches a package counts, and
// a package without a line fails the test: a new room needs a place in the house.
//
// The table is about files, whatever system they are for; so nothing comes in by a side door that
// only Windows has.
var rules = []struct{ pkg, may, tests string }{
	// Bytes at the bottom, MapFile at the top.
	{"mapfile/internal/layout", "", ""},
	{"mapfile/internal/shm", "mapfile/internal/testhook", "XSYS"},
	{"mapfile/internal/testhook", "", ""},
	{"mapfile/internal/filelock", "XSYS", ""},
	{"mapfile/internal/futex", "XSYS", ""},
	{"mapfile/internal/host", "XSYS", ""},
	{"mapfile/region", "XSYS", ""},
	{"mapfile", "registry codec internal/inplace mapfile/region mapfile/internal/...", "PUBLIC PROTOBUF XSYS pgregory.net/rapid"},
	{"mapfile/model", "", ""},
	{"mapfile/mapfiletest", "mapfile mapfile/internal/testhook", "PUBLIC"},

	// Types and codecs know nothing of files. A library of others is known to one codec only.
	{"registry", "codec", ""},
	{"internal/inplace", "", ""},
	{"codec", "codec/internal/... internal/inplace", "codec/codectest registry"},
	{"codec/internal/...", "", ""},
	{"codec/codectest", "codec", ""},
	{"codec/binary", "codec codec/internal/...", "codec/codectest"},
	{"codec/gob", "codec codec/internal/...", "codec/codectest"},
	{"codec/json", "codec codec/internal/...", "codec/codectest"},
	{"codec/pod", "codec codec/internal/... internal/inplace", "codec/codectest"},
	{"codec/msgpack", "codec codec/internal/... github.com/vmihailenco/...", "codec/codectest"},
	{"codec/zstd", "codec github.com/klauspost/compress/...", "codec/codectest codec/gob codec/json"},
	{"codec/protobuf", "codec registry PROTOBUF", "codec/codectest github.com/prometheus/..."},
	{"codec/hbook", "codec codec/protobuf internal/inplace registry proto PROTOBUF HISTOGRAMS", "codec/codectest"},
	{"proto", "PROTOBUF", ""},
	{"proto/internal/gen", "PROTOBUF github.com/bufbuild/protocompile", ""},

	// Programs use what every user can have, and nobody uses them.
	{"cmd/mapfile-dump/internal/show", "codec mapfile", ""},
	{"cmd/mapfile-dump/internal/decode", "codec mapfile registry", "PUBLIC"},
	{"cmd/mapfile-dump/internal/hist", "codec cmd/mapfile-dump/internal/show", ""},
	{"cmd/mapfile-dump/internal/listing", "mapfile cmd/mapfile-dump/internal/show", "PUBLIC"},
	{"cmd/mapfile-dump/internal/axis/...", "cmd/mapfile-dump/internal/hist", "cmd/mapfile-dump/internal/axis/..."},
	{"cmd/mapfile-dump/internal/termplot", "cmd/mapfile-dump/internal/axis cmd/mapfile-dump/internal/hist cmd/mapfile-dump/internal/show", "cmd/mapfile-dump/internal/axis/..."},
	{"cmd/mapfile-dump/internal/picture", "cmd/mapfile-dump/internal/axis cmd/mapfile-dump/internal/hist cmd/mapfile-dump/internal/show gonum.org/v1/plot/... golang.org/x/image/... codeberg.org/go-pdf/fpdf", "cmd/mapfile-dump/internal/axis/..."},
	{"cmd/mapfile-dump/internal/compare", "codec cmd/mapfile-dump/internal/hist cmd/mapfile-dump/internal/show gonum.org/v1/gonum/mathext", ""},
	{"cmd/mapfile-dump/internal/summing", "codec codec/protobuf codec/zstd mapfile proto cmd/mapfile-dump/internal/compare cmd/mapfile-dump/internal/hist google.golang.org/protobuf/proto", "codec/hbook HISTOGRAMS PROTOBUF"},
	{"cmd/mapfile-dump/internal/record", "codec mapfile cmd/mapfile-dump/internal/show cmd/mapfile-dump/internal/listing", ""},
	{"cmd/mapfile-dump/internal/exposition", "codec mapfile registry cmd/mapfile-dump/internal/decode cmd/mapfile-dump/internal/show cmd/mapfile-dump/internal/hist PROTOBUF github.com/prometheus/...", "PUBLIC HISTOGRAMS"},
	{"cmd/mapfile-dump/internal/rootfile", "codec codec/hbook proto cmd/mapfile-dump/internal/hist cmd/mapfile-dump/internal/record cmd/mapfile-dump/internal/show HISTOGRAMS PROTOBUF", ""},
	{"cmd/mapfile-dump/internal/top", "mapfile cmd/mapfile-dump/internal/decode cmd/mapfile-dump/internal/hist cmd/mapfile-dump/internal/listing cmd/mapfile-dump/internal/show cmd/mapfile-dump/internal/termplot TERMINAL", "PUBLIC HISTOGRAMS github.com/charmbracelet/x/exp/teatest/v2"},
	{"cmd/mapfile-dump/internal/serve", "codec mapfile cmd/mapfile-dump/internal/decode cmd/mapfile-dump/internal/exporting cmd/mapfile-dump/internal/exposition cmd/mapfile-dump/internal/hist cmd/mapfile-dump/internal/listing cmd/mapfile-dump/internal/record cmd/mapfile-dump/internal/rootfile cmd/mapfile-dump/internal/show github.com/prometheus/client_golang/... golang.org/x/crypto/bcrypt", "PUBLIC HISTOGRAMS github.com/prometheus/..."},
	{"cmd/mapfile-dump/internal/exporting", "codec mapfile cmd/mapfile-dump/internal/decode cmd/mapfile-dump/internal/exposition cmd/mapfile-dump/internal/hist cmd/mapfile-dump/internal/record cmd/mapfile-dump/internal/rootfile cmd/mapfile-dump/internal/show", "PUBLIC HISTOGRAMS"},
	{"cmd/...", "PUBLIC cmd/mapfile-dump/internal/... PROTOBUF HISTOGRAMS TERMINAL github.com/spf13/... github.com/prometheus/... golang.org/x/crypto/... golang.org/x/term", "github.com/rogpeppe/go-internal/testscript XSYS"},
	{"examples/...", "PUBLIC HISTOGRAMS examples/internal/... golang.org/x/term", ""},
	{"bench/viewer", "mapfile codec/hbook HISTOGRAMS XSYS", ""},
	{"bench/torture", "PUBLIC mapfile/region HISTOGRAMS github.com/spf13/... XSYS", ""},
	{"bench/...", "PUBLIC HISTOGRAMS bench/internal/...", ""},
	{".", "", ""}, // the tests of the whole
}

// stdRules are the parts of the standard library that are not for everybody, and for whom they are.
var stdRules = map[string]string{
	"C":           "", // one static binary, and no cgo between a fault and its guard
	"plugin":      "",
	"net/...":     "cmd/... examples/... bench/...",
	"os/exec":     "cmd/... examples/... bench/... proto/internal/gen",
	"os":          "mapfile mapfile/region mapfile/internal/filelock mapfile/internal/futex mapfile/internal/host cmd/... examples/... bench/... proto/internal/gen",
	"syscall":     "mapfile/region mapfile/internal/... cmd/... examples/... bench/...",
	"testing/...": "mapfile/mapfiletest codec/codectest",
}

// unsafeFiles are the files and directories with unsafe code: memory of a mapped file, and the fields
// of a plain struct as bytes. A futex is named to the kernel by its address.
var unsafeFiles = []string{
	"mapfile/internal/shm/",
	"mapfile/region/",
	"mapfile/internal/futex/syscall_linux.go",
	"mapfile/internal/futex/futex_linux_test.go", "mapfile/refused_linux_test.go",
	"codec/pod/",
	"proto/histogram.pb.go", // generated
}

func TestWhoImportsWhom(t *testing.T) {
	files := 0
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if d.IsDir() {
			_, err := os.Stat(filepath.Join(name, "go.mod"))
			if name != "." && (err == nil || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".")) {
				return fs.SkipDir // another module, or none of ours
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		files++
		for _, spec := range f.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if why := forbidden(name, imported); why != "" {
				t.Errorf("%s imports %s: %s", name, imported, why)
			}
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Fatal(files, "files:", err)
	}
}

// The rules can be broken.
func TestImportRulesRefuse(t *testing.T) {
	for _, c := range []struct {
		file, imports string
		ok            bool
	}{
		{"mapfile/get.go", module + "registry", true},
		{"mapfile/get.go", module + "codec/json", false},
		{"mapfile/get_test.go", module + "codec/json", true},
		{"mapfile/get.go", "go-hep.org/x/hep/hbook", false},
		{"mapfile/get.go", "unsafe", false},
		{"mapfile/internal/shm/shm.go", "unsafe", true},
		{"mapfile/internal/layout/layout.go", "os", false},
		{"mapfile/internal/layout/layout_test.go", "os", true},
		{"mapfile/internal/layout/layout.go", module + "codec", false},
		{"registry/registry.go", module + "mapfile", false},
		{"codec/json/json.go", "github.com/vmihailenco/msgpack/v5", false},
		{"codec/json/json.go", "encoding/json", true},
		{"codec/other/other.go", "errors", false},
		{"cmd/mapfile-dump/ls.go", module + "mapfile/internal/layout", false},
		{"cmd/mapfile-dump/ls.go", "golang.org/x/sys/unix", false},
		{"cmd/mapfile-dump/ls_test.go", module + "examples/internal/gauss", false},
		{"examples/demo/main.go", module + "cmd/mapfile-dump", false},
		{"codec/codec.go", "C", false},
		{"codec/codec.go", "net", false},
		{"codec/codec.go", "net/http", false},
	} {
		if why := forbidden(c.file, c.imports); (why == "") != c.ok {
			t.Errorf("%s imports %s: %q", c.file, c.imports, why)
		}
	}
}

// forbidden says why the file may not import that package; "" if it may.
func forbidden(file, imported string) string {
	pkg, isTest := path.Dir(file), strings.HasSuffix(file, "_test.go")
	if imported == "unsafe" {
		for _, room := range unsafeFiles {
			if file == room || strings.HasSuffix(room, "/") && strings.HasPrefix(file, room) {
				return ""
			}
		}
		return "unsafe code lives in " + strings.Join(unsafeFiles, ", ")
	}
	own, ours := strings.CutPrefix(imported, module)
	if first, _, _ := strings.Cut(imported, "/"); !ours && !strings.Contains(first, ".") {
		for std, users := range stdRules {
			if matches(std, imported) && !matches(users, pkg) && (!isTest || users == "") {
				return "this part of the standard library is for " + strconv.Quote(users)
			}
		}
	}
	for _, r := range rules {
		if !matches(r.pkg, pkg) {
			continue
		}
		first, _, _ := strings.Cut(imported, "/")
		if !ours && !strings.Contains(first, ".") || matches(r.may, own) {
			return ""
		}
		if isTest && (own == pkg || matches(r.tests, own)) {
			return ""
		}
		return "not in its line of the table in imports_test.go; if it ought to be, add it there"
	}
	return "the package " + pkg + " has no line in the table in imports_test.go"
}

// matches tells whether one of the patterns of a list is for the package: its path, x/... for x and
// all below it, or a word of groups.
func matches(list, pkg string) bool {
	for _, p := range strings.Fields(list) {
		if group, ok := groups[p]; ok {
			if matches(group, pkg) {
				return true
			}
			continue
		}
		above, deep := strings.CutSuffix(p, "/...")
		if p == pkg || deep && (above == pkg || strings.HasPrefix(pkg, above+"/")) {
			return true
		}
	}
	return false
}
