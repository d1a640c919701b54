package listing_test

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/listing"
	"github.com/gomapfile/mapfile/mapfile"
)

// Producers are processes of their own: this test binary, started again with a path.

const producerVar = "LISTING_TEST_PRODUCER"

func TestMain(m *testing.M) {
	if path := os.Getenv(producerVar); path != "" {
		if err := produce(path); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// produce makes a file with the slot "n", says "ready", and ends without Close when its input ends.
func produce(path string) error {
	mf, err := mapfile.OpenOrCreate(path)
	if err != nil {
		return err
	}
	n := int64(7)
	slot, err := mf.Add("n", &n)
	if err != nil {
		return err
	}
	if err := slot.Update(); err != nil {
		return err
	}
	fmt.Println("ready")
	bufio.NewReader(os.Stdin).ReadString('\n')
	os.Exit(0)
	return nil
}

// startProducer returns what kills the producer.
func startProducer(t *testing.T, path string) (kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), producerVar+"="+path)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		cmd.Process.Kill()
		stdin.Close()
		cmd.Wait()
	})
	t.Cleanup(kill)
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		t.Fatal("producer:", line, err)
	}
	return kill
}

// write makes a file with the given slots and closes it. All but "never" are published.
func write(t *testing.T, path string, slots ...string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	mf, err := mapfile.Create(path, mapfile.WithTitle("title of "+filepath.Base(path)))
	if err != nil {
		t.Fatal(err)
	}
	defer mf.Close()
	fill(t, mf, slots)
}

func fill(t *testing.T, mf *mapfile.MapFile, slots []string) {
	t.Helper()
	for _, name := range slots {
		n := int64(len(name))
		slot, err := mf.Add(name, &n)
		if err == nil && name != "never" {
			err = slot.Update()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func newSet(t *testing.T, files, dirs []string) *listing.Set {
	s := listing.NewSet(files, dirs)
	t.Cleanup(s.Close)
	return s
}

// summary is a Picture in one line: labels with their slots, and the number of faults.
func summary(p *listing.Picture) string {
	var parts []string
	for _, f := range p.Files {
		var names []string
		for _, s := range f.Slots {
			names = append(names, s.Name)
		}
		parts = append(parts, f.Label+"("+strings.Join(names, " ")+")")
	}
	if len(p.Faults) > 0 {
		parts = append(parts, fmt.Sprint(len(p.Faults), " faults"))
	}
	return strings.Join(parts, " ")
}

// wantSoon looks until the picture is as it should be.
func wantSoon(t *testing.T, s *listing.Set, want string) *listing.Picture {
	t.Helper()
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		p := s.Look()
		if summary(p) == want {
			return p
		}
		if time.Since(start) > 10*time.Second {
			t.Fatalf("the picture is %q, want %q; faults %v", summary(p), want, p.Faults)
		}
	}
}

// wantNow looks once.
func wantNow(t *testing.T, s *listing.Set, want string) *listing.Picture {
	t.Helper()
	p := s.Look()
	if summary(p) != want {
		t.Fatalf("the picture is %q, want %q; faults %v", summary(p), want, p.Faults)
	}
	return p
}

func TestPictureTellsFilesAndSlots(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.map")
	write(t, path, "z", "never", "m/x")
	p := wantNow(t, newSet(t, []string{path}, nil), "a(m/x never z)")
	f := p.Files[0]
	if f.Path != path || f.Info.Title != "title of a.map" || !f.Published || f.Last < 0 || f.Last > time.Minute || time.Since(p.At) > time.Minute {
		t.Errorf("%+v at %v", f.File, p.At)
	}
	if f.State != mapfile.StateClosed {
		t.Errorf("the state is %v, want CLOSED", f.State)
	}
	if s := f.Slots[0]; s.Path != path || s.Stamp.Version != 1 || s.Length != 8 || s.Type.Schema != nil {
		t.Errorf("%+v", s)
	}
	if s := f.Slots[1]; s.Stamp.Version != 0 {
		t.Errorf("%+v", s)
	}
}

// The age of a file is that of its newest value, in whatever order the slots are.
func TestLastIsTheNewestValue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.map")
	mf, err := mapfile.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer mf.Close()
	n := int64(1)
	for _, name := range []string{"early", "late", "second"} {
		if _, err := mf.Add(name, &n); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"early", "second", "late"} {
		if err := mf.Update(name); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond) // stamps are coarse
	}
	f := wantNow(t, newSet(t, []string{path}, nil), "a(early late second)").Files[0]
	if early, late := f.Slots[0].Age, f.Slots[1].Age; f.Last != late || late >= early {
		t.Errorf("the file is %v old, its values %v and %v", f.Last, early, late)
	}
}

func TestFilesOfADirectoryComeAndGo(t *testing.T) {
	dir := t.TempDir()
	s := newSet(t, nil, []string{dir})
	wantNow(t, s, "")
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("no map file"), 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "b.map"), "n")
	wantNow(t, s, "b(n)")
	write(t, filepath.Join(dir, "a.map"), "n", "o")
	wantNow(t, s, "a(n o) b(n)")
	if _, ok := s.File("b"); !ok {
		t.Error("no file b")
	}
	remove(t, filepath.Join(dir, "b.map"))
	wantNow(t, s, "a(n o)")
	if _, ok := s.File("b"); ok {
		t.Error("file b after it has gone")
	}
	remove(t, filepath.Join(dir, "a.map"))
	wantNow(t, s, "")
	write(t, filepath.Join(dir, "a.map"), "again")
	wantNow(t, s, "a(again)")
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func TestADirectoryMayComeLater(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	s := newSet(t, nil, []string{dir})
	p := wantNow(t, s, "1 faults")
	if !errors.Is(p.Faults[0], fs.ErrNotExist) {
		t.Error(p.Faults[0])
	}
	write(t, filepath.Join(dir, "a.map"), "n")
	wantNow(t, s, "a(n)")
}

func TestASingleFileMayComeLater(t *testing.T) {
	dir := t.TempDir()
	s := newSet(t, []string{filepath.Join(dir, "a.map")}, nil)
	p := wantNow(t, s, "1 faults")
	if !errors.Is(p.Faults[0], fs.ErrNotExist) {
		t.Error(p.Faults[0])
	}
	write(t, filepath.Join(dir, "a.map"), "n")
	wantNow(t, s, "a(n)")
}

// A bare name may be here or in the default directory: the first of the paths that is there counts.
func TestAFileMayBeAtOneOfSeveralPaths(t *testing.T) {
	dir := t.TempDir()
	here, there := filepath.Join(dir, "here", "hits"), filepath.Join(dir, "there", "hits.map")
	s := newSet(t, nil, nil)
	s.AddFile(here, there)
	p := wantNow(t, s, "1 faults")
	if text := p.Faults[0].Error(); !strings.Contains(text, here) || !errors.Is(p.Faults[0], fs.ErrNotExist) {
		t.Error(text)
	}
	write(t, there, "n")
	if p := wantNow(t, s, "hits(n)"); p.Files[0].Path != there {
		t.Error(p.Files[0].Path)
	}
	both := newSet(t, nil, nil)
	both.AddFile(here, there)
	write(t, here, "first")
	wantNow(t, both, "hits(first)")
	broken := newSet(t, nil, nil)
	if err := os.WriteFile(here, []byte("damaged beyond recognition"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken.AddFile(here, there)
	if p := wantNow(t, broken, "1 faults"); !errors.Is(p.Faults[0], mapfile.ErrNotMapFile) {
		t.Errorf("a broken file hides behind another one: %v", p.Faults[0])
	}
}

func TestRecreateIsFollowed(t *testing.T) {
	for _, given := range []string{"as a file", "in a directory"} {
		t.Run(given, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.map")
			write(t, path, "old")
			s := newSet(t, []string{path}, nil)
			if given == "in a directory" {
				s = newSet(t, nil, []string{filepath.Dir(path)})
			}
			before := wantNow(t, s, "a(old)")
			mf, err := mapfile.Recreate(path)
			if err != nil {
				t.Fatal(err)
			}
			defer mf.Close()
			fill(t, mf, []string{"new", "newer"})
			after := wantSoon(t, s, "a(new newer)")
			if before.Files[0].Info.ID == after.Files[0].Info.ID || after.Files[0].State != mapfile.StateLive {
				t.Errorf("%+v, before %+v", after.Files[0].File, before.Files[0].File)
			}
		})
	}
}

// A FILE that was removed is shown as it was, with a warning, until there is a new one.
func TestRemovedFileComesBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.map")
	kill := startProducer(t, path)
	s := newSet(t, []string{path}, nil)
	if p := wantNow(t, s, "a(n)"); p.Files[0].State != mapfile.StateLive {
		t.Error(p.Files[0].State)
	}
	kill()
	remove(t, path)
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		f := wantNow(t, s, "a(n)").Files[0]
		if f.State != mapfile.StateLive && len(f.Info.Warnings) > 0 {
			break
		}
		if time.Since(start) > 10*time.Second {
			t.Fatalf("removed, its producer killed: %v, warnings %q", f.State, f.Info.Warnings)
		}
	}
	write(t, path, "back")
	wantSoon(t, s, "a(back)")
}

func TestKilledProducerIsDead(t *testing.T) {
	dir := t.TempDir()
	kill := startProducer(t, filepath.Join(dir, "a.map"))
	startProducer(t, filepath.Join(dir, "b.map"))
	s := newSet(t, nil, []string{dir})
	states := func() string {
		p := wantNow(t, s, "a(n) b(n)")
		return fmt.Sprint(p.Files[0].State, " ", p.Files[1].State, " ", p.Files[0].Slots[0].Producer.State, " ", p.Files[1].Slots[0].Producer.State)
	}
	if got := states(); got != "LIVE LIVE LIVE LIVE" {
		t.Error(got)
	}
	kill()
	for start := time.Now(); states() != "DEAD LIVE DEAD LIVE"; time.Sleep(10 * time.Millisecond) {
		if time.Since(start) > 10*time.Second {
			t.Fatal(states())
		}
	}
}

// What is wrong with one file or slot is a fault, and the rest goes on.
func TestDamagedFilesAreFaults(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.map", "bad.map", "cut.map", "good.map"} {
		write(t, filepath.Join(dir, name), "one", "two")
	}
	if err := os.WriteFile(filepath.Join(dir, "bad.map"), []byte(strings.Repeat("bad", 10000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "cut.map"), 100); err != nil {
		t.Fatal(err)
	}
	damage(t, filepath.Join(dir, "a.map"), "two")
	s := newSet(t, []string{filepath.Join(dir, "bad.map")}, []string{dir})
	p := wantNow(t, s, "a(one) good(one two) 3 faults")
	for i, name := range []string{"bad.map", "cut.map", "a.map"} {
		var e *mapfile.Error
		if !errors.As(p.Faults[i], &e) || filepath.Base(e.Path) != name {
			t.Errorf("fault %d is %v, want one of %s", i, p.Faults[i], name)
		}
	}
	var e *mapfile.Error
	if errors.As(p.Faults[2], &e) && (e.Slot == "" || !errors.Is(e, mapfile.ErrCorrupt)) {
		t.Error(e)
	}
	remove(t, filepath.Join(dir, "bad.map")) // repaired
	write(t, filepath.Join(dir, "bad.map"), "repaired")
	wantNow(t, s, "a(one) bad(repaired) good(one two) 2 faults")
}

// damage changes a byte of the only place where a file has the text.
func damage(t *testing.T, path, text string) {
	t.Helper()
	all, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(all), text); n != 1 {
		t.Fatalf("%d times %q", n, text)
	}
	changed := strings.Replace(string(all), text, text[:len(text)-1]+"\xff", 1)
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
}

// The number of slots in the file is a number in the file: a lie of it costs no memory.
func TestLieAboutTheNumberOfSlots(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.map")
	write(t, path, "n")
	mf, err := mapfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	at := int64(-1)
	for f, err := range mf.Layout() {
		if err != nil {
			t.Fatal(err)
		}
		if f.Name == "slots" && f.Length == 8 {
			at = int64(f.Offset)
		}
	}
	mf.Close()
	raw, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil || at < 0 {
		t.Fatal(err, at)
	}
	defer raw.Close()
	if _, err := raw.WriteAt([]byte{0xff, 0xff, 0xff, 0x3f}, at); err != nil {
		t.Fatal(err)
	}
	p := wantNow(t, newSet(t, []string{path}, nil), "a(n)")
	if f := p.Files[0]; f.Info.NumSlots < 1<<29 || cap(f.Slots) > 1<<20 {
		t.Errorf("%d slots in the file, room for %d", f.Info.NumSlots, cap(f.Slots))
	}
}

// However often, and in whatever way a file is named, it is one.
func TestAFileIsListedOnce(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	write(t, filepath.Join("d", "a.map"), "n")
	for _, c := range []struct{ files, dirs []string }{
		{[]string{"d/a.map", "./d/a.map", "d//a.map", filepath.Join(dir, "d", "a.map")}, nil},
		{[]string{"d/a.map"}, []string{"d"}},
		{[]string{filepath.Join(dir, "d", "a.map")}, []string{"d", "./d", dir + "/d/"}},
	} {
		p := wantNow(t, newSet(t, c.files, c.dirs), "a(n)")
		if want := append(slices.Clone(c.files), "d")[0]; p.Files[0].Path != want {
			t.Errorf("the path is %q, want the first one given, %q", p.Files[0].Path, want)
		}
	}
}

func TestLabelsAreShortAndUnique(t *testing.T) {
	for _, c := range []struct{ paths, labels []string }{
		{[]string{"a.map", "b.map", "plain"}, []string{"a", "b", "plain"}},
		{[]string{"x/run.map", "y/run.map", "y/other.map"}, []string{"other", "x/run", "y/run"}},
		{[]string{"1/x/run.map", "2/x/run.map", "2/y/run.map"}, []string{"1/x/run", "2/x/run", "y/run"}},
		{[]string{"a", "a.map"}, []string{"a", "a.map"}},
		{[]string{"p/a", "p/a.map", "q/a.map"}, []string{"a", "p/a.map", "q/a.map"}},
		{[]string{"x.map.map", "x.map", "x"}, []string{"x", "x.map", "x.map.map"}},
		{[]string{".map", "d/.map"}, []string{"%/.map", "d/.map"}}, // %: the directory of all
		{[]string{"..map", "...map", "a..map"}, []string{"...map", "..map", "a."}},
		{[]string{"two\nlines.map", "<script>.map", "=cmd().map", "\x1b[31m.map", "100%.map", "ü ö.map"},
			[]string{"\x1b[31m", "100%", "<script>", "=cmd()", "two\nlines", "ü ö"}},
	} {
		dir := t.TempDir()
		var files []string
		for _, path := range c.paths {
			path = filepath.Join(dir, filepath.FromSlash(path))
			if strings.ContainsAny(path, "\n\x1b<") && os.PathSeparator == '\\' {
				t.Skip("names that this system does not allow")
			}
			write(t, path, "n")
			files = append(files, path)
		}
		s := newSet(t, files, nil)
		p := s.Look()
		var got []string
		for _, f := range p.Files {
			got = append(got, f.Label)
			mf, ok := s.File(f.Label)
			if !ok || mf.Path() != f.Path {
				t.Errorf("%q: File(%q) is %v, %v", c.paths, f.Label, mf, ok)
			}
		}
		want := slices.Clone(c.labels)
		for i := range want {
			want[i] = strings.ReplaceAll(want[i], "%/", filepath.Base(dir)+"/")
		}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%q: labels %q, want %q; faults %v", c.paths, got, want, p.Faults)
		}
	}
}

func TestSetMayBeUsedFromManyGoroutines(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "stays.map"), "n")
	s := newSet(t, nil, []string{dir})
	s.Look()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 30 {
				for _, f := range s.Look().Files {
					mf, ok := s.File(f.Label)
					if !ok {
						continue // gone in another goroutine's Look
					}
					var raw mapfile.Raw
					if err := mf.GetInto("n", &raw); err != nil && !errors.Is(err, mapfile.ErrClosed) && f.Label == "stays" {
						t.Error(err)
					}
				}
			}
		})
	}
	for i := range 20 {
		path := filepath.Join(dir, fmt.Sprint("comes", i, ".map"))
		write(t, path, "n")
		time.Sleep(time.Millisecond)
		remove(t, path)
	}
	wg.Wait()
	s.Close()
	s.Close()
	if p := s.Look(); len(p.Files)+len(p.Faults) != 0 {
		t.Errorf("after Close: %+v", p)
	}
	if _, ok := s.File("stays"); ok {
		t.Error("a file after Close")
	}
}
