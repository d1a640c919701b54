// Package rootfile writes ROOT files, and the JSON that JSROOT draws. It is the only package that knows
// go-hep's groot.
//
// A histogram becomes a TH1D, TH2D or TProfile, see [Object]; everything else a TObjString that holds
// the value's JSON. Functions may be called from several goroutines at once, methods of one Writer not.
package rootfile

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"

	"go-hep.org/x/hep/groot/rbase"
	"go-hep.org/x/hep/groot/riofs"
	"go-hep.org/x/hep/groot/root"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/record"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
)

// A Writer makes one ROOT file. It grows in the directory for temporary files ($TMPDIR), so that nothing
// of it is seen before WriteTo; each object goes there when it is put, and only names stay in memory.
//
//	w, err := rootfile.Create(names)
//	…
//	defer w.Close()
//	err = w.Put(name, title, value) // for each slot
//	err = w.Meta(about)
//	_, err = w.WriteTo(out)
type Writer struct {
	file  *riofs.File
	bytes *os.File // the same file, for reading
	paths map[string]string
	dirs  map[string]riofs.Directory // by path; "" is the file itself
	err   error                      // what made the file useless
	ended bool
}

// Create begins a file for the slots of these names. They are needed beforehand since a slot and a
// directory of slots may have the same name, and things in a ROOT file may not: see [Keys].
func Create(slots []string) (*Writer, error) {
	tmp, err := os.CreateTemp("", "mapfile-dump-*.root")
	if err != nil {
		return nil, err
	}
	w := &Writer{bytes: tmp, paths: Keys(slots), dirs: map[string]riofs.Directory{}}
	w.do(func() (err error) {
		w.file, err = riofs.Create(tmp.Name())
		return err
	})
	if w.err != nil {
		tmp.Close()
		os.Remove(tmp.Name())
		return nil, w.err
	}
	w.dirs[""] = w.file
	os.Remove(tmp.Name()) // where a file in use can lose its name, nothing stays behind even after a kill
	return w, nil
}

// Put adds what is in a slot; each slot once. The title may be "title;x;y;z" as ROOT users write it: see
// [Object]. v is one of
//
//	*hbook.H1D, *hbook.H2D, *hbook.P1D
//	*mapfilepb.H1D, *mapfilepb.H2D, *mapfilepb.P1D
//	what FromNode makes of a decoded value
//	anything else that encoding/json takes
//
// and is not kept. After an *UnfitError other slots can be put all the same; after other errors the file
// is lost.
func (w *Writer) Put(slot, title string, v any) error {
	path, ok := w.paths[slot]
	switch {
	case !ok:
		return &UnfitError{"slot", errors.New("there is one of that name, or it came later than the list of slots")}
	case len(path) > maxPath:
		return &UnfitError{"slot", fmt.Errorf("its name is longer than %d bytes", maxPath)}
	}
	dir, key := splitPath(path)
	obj, err := Object(key, title, v)
	if err != nil {
		return err
	}
	if _, isText := obj.(*rbase.ObjString); isText {
		title = cmp.Or(title, "the value as JSON")
	} else {
		title = obj.(root.Named).Title() // without those of the axes
	}
	if w.put(dir, key, title, obj); w.err == nil {
		delete(w.paths, slot)
	}
	return w.err
}

// maxPath keeps the entries in a directory short: they have 16 bits for their length.
const maxPath = 4096

// MetaKey is the name under which a file has its metadata. No slot gets it.
const MetaKey = "mapfile"

// Meta adds what is known of the file and the slots, as JSON in a TObjString named [MetaKey]. It ought to
// tell a producer's session from the next one, so that a restart is seen in what was exported.
func (w *Writer) Meta(about any) error {
	text, err := record.Line(about)
	if err != nil {
		return err
	}
	return w.put("", MetaKey, "about this file", rbase.NewObjString(string(text)))
}

// WriteTo ends the file and writes it to dst, whole. Then only Close may be called.
func (w *Writer) WriteTo(dst io.Writer) (int64, error) {
	if err := w.end(); err != nil {
		return 0, err
	}
	return io.Copy(dst, w.bytes)
}

// Close frees what the Writer holds, and the file, unless WriteTo has written it, never was.
func (w *Writer) Close() error {
	w.end()
	err := w.bytes.Close()
	if gone := os.Remove(w.bytes.Name()); !errors.Is(gone, os.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}

// put writes obj under a key in the directory of that path.
func (w *Writer) put(dir, key, title string, obj root.Object) error {
	return w.do(func() error {
		d, err := w.directory(dir)
		if err != nil {
			return err
		}
		s := &stored{obj: obj.(object), class: obj.Class(), title: show.Visible(cut(title))}
		defer func() { s.obj = nil }()
		return d.Put(key, s)
	})
}

// directory returns the directory of that path, and makes those that are missing.
func (w *Writer) directory(path string) (riofs.Directory, error) {
	if d := w.dirs[path]; d != nil {
		return d, nil
	}
	above, key := splitPath(path)
	parent, err := w.directory(above)
	if err != nil {
		return nil, err
	}
	d, err := parent.Mkdir(key)
	if err == nil {
		w.dirs[path] = d
	}
	return d, err
}

func (w *Writer) end() error {
	if w.ended {
		return w.err
	}
	w.ended = true
	return w.do(w.file.Close)
}

// maxSize is that of a file whose positions are 32-bit numbers. Directories of groot's larger files ROOT
// cannot read. (A variable for the test.)
var maxSize int64 = 2e9

// do does something to the file, unless it is useless already. groot panics where it cannot write.
func (w *Writer) do(write func() error) error {
	if w.err != nil {
		return w.err
	}
	defer func() {
		if r := recover(); r != nil {
			w.err = fmt.Errorf("rootfile: %v", r)
		}
	}()
	if w.err = write(); w.err != nil {
		return w.err
	}
	info, err := w.bytes.Stat()
	if err == nil && info.Size() > maxSize {
		err = errors.New("rootfile: larger than the 2 GB that can be written: export fewer slots at a time")
	}
	w.err = err
	return err
}
