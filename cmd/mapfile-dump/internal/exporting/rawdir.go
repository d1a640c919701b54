package exporting

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/record"
)

// A raw directory: a file with the payload of each slot, byte for byte, the schemas that decode them, and an
// index of all.

// IndexName is the file that says what is in the others: the records of the slots, with the names of files.
const IndexName = "index.json"

// Endings of the other files.
const (
	payloadEnding = ".bin"
	schemaEnding  = ".schema"
)

// A Dir is a raw directory in the making. It appears whole or not at all: it is written under another
// name in the same directory, and renamed by End.
type Dir struct {
	path, tmp string
	force     bool
	file      *File
	index     *os.File
	list      *jsonWriter
	names     fileNames
	schemas   map[[3]string]string // file by type name, codec and schema
}

// CreateDir begins a raw directory at path. What is there already is an error that wraps fs.ErrExist;
// with force it is replaced if it is a raw directory with nothing else in it.
func CreateDir(path string, force bool, f *File) (*Dir, error) {
	if err := mayReplaceDir(path, force); err != nil {
		return nil, err
	}
	path = filepath.Clean(path)
	tmp, err := os.MkdirTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return nil, err
	}
	d := &Dir{path: path, tmp: tmp, force: force, file: f, names: fileNames{}, schemas: map[[3]string]string{}}
	if d.index, err = os.OpenFile(filepath.Join(tmp, IndexName), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666); err != nil {
		d.Close()
		return nil, err
	}
	d.list = newJSON(d.index, f, false)
	return d, nil
}

// Put writes the payload of a slot.
func (d *Dir) Put(s *Slot) error {
	rec := slotRecord{Slot: record.NewSlot("slot", d.file.Path, s.SlotInfo), Error: s.fault()}
	if s.Payload != nil && s.Stamp.Version != 0 {
		rec.PayloadFile = d.names.of(s.Name) + payloadEnding
		if err := os.WriteFile(filepath.Join(d.tmp, rec.PayloadFile), s.Payload, 0o666); err != nil {
			return err
		}
		var err error
		if rec.SchemaFile, err = d.schema(s); err != nil {
			return err
		}
	}
	return d.list.write(rec)
}

// schema writes the schema of a slot's type, each once.
func (d *Dir) schema(s *Slot) (string, error) {
	if len(s.Type.Schema) == 0 {
		return "", nil
	}
	key := [3]string{s.Type.Name, s.Type.Codec, string(s.Type.Schema)}
	if name, ok := d.schemas[key]; ok {
		return name, nil
	}
	name := fmt.Sprintf("type%d%s", len(d.schemas), schemaEnding)
	d.schemas[key] = name
	return name, os.WriteFile(filepath.Join(d.tmp, name), s.Type.Schema, 0o666)
}

// End puts the directory in its place.
func (d *Dir) End() error {
	err := d.list.End()
	if closeErr := d.index.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = chmodAsMade(d.tmp)
	}
	if err != nil {
		return err
	}
	if err := mayReplaceDir(d.path, d.force); err != nil { // once more: it may have come meanwhile
		return err
	}
	old := ""
	if _, err := os.Lstat(d.path); err == nil {
		old = d.tmp + ".old"
		if err := os.Rename(d.path, old); err != nil {
			return err
		}
	}
	if err := os.Rename(d.tmp, d.path); err != nil {
		if old != "" {
			err = errors.Join(err, os.Rename(old, d.path))
		}
		return err
	}
	d.tmp = ""
	if old != "" {
		return os.RemoveAll(old)
	}
	return nil
}

// chmodAsMade gives the directory the permissions of one that os.Mkdir makes.
func chmodAsMade(dir string) error {
	probe := filepath.Join(dir, ".mode")
	if err := os.Mkdir(probe, 0o777); err != nil {
		return err
	}
	info, err := os.Stat(probe)
	if err == nil {
		err = os.Remove(probe)
	}
	if err == nil {
		err = os.Chmod(dir, info.Mode().Perm())
	}
	return err
}

// Close removes a directory that did not come to its End.
func (d *Dir) Close() error {
	if d.tmp == "" {
		return nil
	}
	d.index.Close()
	tmp := d.tmp
	d.tmp = ""
	return os.RemoveAll(tmp)
}

// mayReplaceDir is the error for a path that is taken.
func mayReplaceDir(path string, force bool) error {
	_, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !force:
		return &fs.PathError{Op: "create", Path: path, Err: fmt.Errorf("%w; --force replaces it", fs.ErrExist)}
	}
	return IsRawDir(path)
}

// IsRawDir is nil if the path is a raw directory with nothing in it but what an export wrote: then it can be
// removed without loss.
func IsRawDir(path string) error {
	other := func(why string) error {
		return &fs.PathError{Op: "replace", Path: path, Err: fmt.Errorf("%w and is no raw-dir export: %s; remove it yourself", fs.ErrExist, why)}
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return other("it cannot be listed")
	}
	if len(entries) == 0 {
		return nil
	}
	index, err := os.Open(filepath.Join(path, IndexName))
	if err != nil {
		return other("it has no " + IndexName)
	}
	defer index.Close()
	var list struct {
		Kind  string
		Items []struct {
			PayloadFile string `json:"payload_file"`
			SchemaFile  string `json:"schema_file"`
		}
	}
	if err := json.NewDecoder(bufio.NewReader(index)).Decode(&list); err != nil || list.Kind != "list" {
		return other("its " + IndexName + " is another")
	}
	ours := map[string]bool{IndexName: true}
	for _, item := range list.Items {
		ours[item.PayloadFile], ours[item.SchemaFile] = true, true
	}
	for _, entry := range entries {
		if !ours[entry.Name()] || !entry.Type().IsRegular() {
			return other("it has " + entry.Name())
		}
	}
	return nil
}

// fileNames makes names of files from names of slots. They lead nowhere else, are allowed on every usual file
// system, also where upper and lower case are the same, and can be read back: all but letters, digits and
// some marks is %XX; a name that is then taken, or would be too long, ends in ~N.
type fileNames map[string]bool

func (names fileNames) of(slot string) string {
	const most = 200 // of the 255 bytes that file systems allow
	var b strings.Builder
	for i := range len(slot) {
		c := slot[i]
		plain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || i > 0 && (c == '-' || c == '.')
		if i == 0 && isDevice(slot) {
			plain = false
		}
		if plain {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	escaped := cmp.Or(b.String(), "%") // no file has no name
	name := escaped[:min(len(escaped), most)]
	for n := 1; len(escaped) > most && n == 1 || names[strings.ToLower(name)]; n++ {
		name = fmt.Sprintf("%s~%d", escaped[:min(len(escaped), most)], n)
	}
	names[strings.ToLower(name)] = true
	return name
}

// isDevice says whether Windows takes a name for that of a device.
func isDevice(name string) bool {
	base, _, _ := strings.Cut(strings.ToUpper(name), ".")
	switch base {
	case "CON", "PRN", "AUX", "NUL":
		return true
	}
	return len(base) == 4 && (strings.HasPrefix(base, "COM") || strings.HasPrefix(base, "LPT")) && base[3] >= '0' && base[3] <= '9'
}
