package serve

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/decode"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/rootfile"
)

// What ROOT's THttpServer answers and JSROOT asks for: the tree of folders and items as h.json, an object as
// root.json, what is known of it as item.json, several at once as multi.json. With .gz behind the name
// the answer is always compressed.

const (
	multiAddress = "/multi.json"
	maxMulti     = 1000 // objects in one answer
)

// node is a folder or item of h.json.
type node struct {
	Name   string  `json:"_name"`
	Kind   string  `json:"_kind,omitempty"`
	Title  string  `json:"_title,omitempty"`
	Type   string  `json:"_typename,omitempty"`
	Childs []*node `json:"_childs,omitempty"`
}

const (
	kindPrefix   = "ROOT."
	folderKind   = "Folder"
	folderClass  = "TFolder"
	classOfValue = "TObjString"
)

// root answers below "/": LABEL/folder/…/slot/WHAT.
func (s *Server) root(w http.ResponseWriter, r *http.Request, address string) {
	path, what := "", strings.TrimPrefix(address, "/")
	if i := strings.LastIndexByte(what, '/'); i >= 0 {
		path, what = what[:i], what[i+1:]
	}
	what, zipped := strings.CutSuffix(what, ".gz")
	if address == multiAddress {
		s.multi(w, r)
		return
	}
	var body []byte
	var etag string
	var err error
	switch what {
	case "h.json":
		body, err = s.hierarchy(path)
	case "item.json":
		body, err = s.itemJSON(path)
	case "root.json":
		it, ok := parseItem(path)
		if !ok {
			err = errNoItem
			break
		}
		if s.unchanged(w, r, it) {
			return
		}
		body, etag, err = s.rootJSON(it)
	case "root.bin":
		err = notFound("objects come as JSON here; ask for root.json, or for /api/download/…?to=root for a ROOT file")
	case "exe.json", "exe.bin", "exe.txt", "cmd.json":
		err = &statusError{http.StatusForbidden, "nothing is executed here: this server is for reading only"}
	default:
		err = errNoItem
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	a := answer{contentType: typeJSON, etag: etag, body: body}
	if zipped {
		w.Header().Set("Content-Encoding", "gzip")
		a.body, a.etag = zip(body, gzip.BestSpeed), ""
		a.zipped = a.body
	}
	s.send(w, r, a)
}

var errNoItem = notFound("not found")

// hierarchy is the tree below a path: "" for all files.
func (s *Server) hierarchy(path string) ([]byte, error) {
	top := s.tree()
	for segment := range strings.SplitSeq(path, "/") {
		if path == "" {
			break
		}
		name, err := url.PathUnescape(segment)
		if err != nil {
			return nil, errNoItem
		}
		top = top.child(name)
		if top == nil {
			return nil, errNoItem
		}
	}
	return json.Marshal(top)
}

// tree is everything. A slot whose name is also the beginning of others' is a folder that is an item, too.
func (s *Server) tree() *node {
	v := s.hub.look(lookFresh)
	top := &node{Name: "mapfile", Title: "mapfile-dump", Type: folderClass, Childs: []*node{}}
	for i := range v.Files {
		f := &v.Files[i]
		file := &node{Name: addressName(f.Label), Title: f.Info.Title, Kind: folderKind, Type: folderClass}
		top.Childs = append(top.Childs, file)
		folders := map[string]*node{"": file}
		for j := range f.Slots {
			slot := &f.Slots[j]
			parent, _ := split(slot.Name)
			n := folderOf(folders, parent).add(folders, slot.Name)
			n.Kind, n.Title, n.Type = kindPrefix+classOf(slot.Type.Name), slot.Title, ""
		}
	}
	return top
}

func split(name string) (parent, last string) {
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		return name[:i], name[i+1:]
	}
	return "", name
}

// folderOf is the node of a folder, made where it is missing, with those above it.
func folderOf(folders map[string]*node, name string) *node {
	if n := folders[name]; n != nil {
		return n
	}
	parent, _ := split(name)
	return folderOf(folders, parent).add(folders, name)
}

// add adds a folder or item below n.
func (n *node) add(folders map[string]*node, name string) *node {
	if old := folders[name]; old != nil {
		return old
	}
	_, last := split(name)
	child := &node{Name: addressName(last), Kind: folderKind, Type: folderClass}
	folders[name] = child
	n.Childs = append(n.Childs, child)
	return child
}

// child finds a child by its name.
func (n *node) child(name string) *node {
	for _, c := range n.Childs {
		if c.Name == addressName(name) {
			return c
		}
	}
	return nil
}

// addressName is a segment as h.json names it. JSROOT makes addresses of these names as they are, so
// what has another meaning in an address is escaped.
func addressName(segment string) string {
	var b strings.Builder
	for i := range len(segment) {
		switch c := segment[i]; {
		case c < ' ', c == 0x7f, strings.IndexByte(`/\%?#"<>;`, c) >= 0:
			b.WriteString("%" + strings.ToUpper(strconv.FormatUint(uint64(c)+0x100, 16)[1:]))
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// classOf is the ROOT class that a type of slots becomes.
func classOf(typeName string) string {
	switch {
	case !hist.IsNamed(typeName):
		return classOfValue
	case strings.HasSuffix(typeName, "H1D"):
		return "TH1D"
	case strings.HasSuffix(typeName, "H2D"):
		return "TH2D"
	}
	return "TProfile"
}

// itemJSON is what h.json has of one item, without what is below it.
func (s *Server) itemJSON(path string) ([]byte, error) {
	it, ok := parseItem(path)
	if !ok {
		return nil, errNoItem
	}
	_, info, err := s.hub.stat(it)
	if err != nil {
		return nil, err
	}
	_, last := split(it.name)
	return json.Marshal(&node{Name: addressName(last), Kind: kindPrefix + classOf(info.Type.Name), Title: info.Title})
}

// rootJSON is an object for JSROOT, encoded once for each version.
func (s *Server) rootJSON(it item) (body []byte, etag string, err error) {
	_, info, err := s.hub.stat(it)
	if err != nil {
		return nil, "", err
	}
	if info.Stamp.Version == 0 {
		return nil, "", notFound("no value yet")
	}
	body, err = s.rootObjects.get(it, identityOf(info.Stamp), func() (object []byte, err error) {
		err = s.hub.limited(func() (err error) {
			object, err = s.newRootJSON(it)
			return err
		})
		return object, err
	})
	return body, etagOf(info), err
}

func (s *Server) newRootJSON(it item) ([]byte, error) {
	mf, info, payload, err := s.hub.read(it)
	if err != nil {
		return nil, err
	}
	n, err := decode.Payload(mf.Path(), it.name, info.Type, payload)
	var v any
	var undecoded *decode.NotDecoded
	switch {
	case errors.As(err, &undecoded):
		v = map[string][]byte{"payload": payload}
	case err != nil:
		return nil, err
	default:
		v = rootfile.FromNode(info.Type.Name, n)
	}
	_, last := split(it.name)
	object, err := rootfile.JSON(last, info.Title, v)
	var unfit *rootfile.UnfitError
	if errors.As(err, &unfit) {
		return nil, &statusError{http.StatusUnprocessableEntity, unfit.Error()}
	}
	return object, err
}

// multi is /multi.json: objects in the order in which they are asked for, null for what is not there. It is asked
// by POST with a line for each, or by GET with ?items=ITEM,ITEM; ?number=N gives the number of answers.
func (s *Server) multi(w http.ResponseWriter, r *http.Request) {
	query, ok := s.query(w, r)
	if !ok {
		return
	}
	var asked []string
	if r.Method == http.MethodPost {
		text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.limits.Body))
		if err != nil {
			s.fail(w, r, err)
			return
		}
		asked = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
		if len(text) == 0 {
			asked = nil
		}
	} else if items := query.Get("items"); items != "" {
		asked = strings.Split(items, ",")
	}
	number := len(asked)
	if text := query.Get("number"); text != "" {
		var err error
		if number, err = strconv.Atoi(text); err != nil || number < 0 {
			s.fail(w, r, badRequest("number is not a number"))
			return
		}
	}
	if number > maxMulti {
		s.fail(w, r, badRequest("too many items at once; at most "+strconv.Itoa(maxMulti)))
		return
	}
	var body bytes.Buffer
	body.WriteByte('[')
	for i := range number {
		if i > 0 {
			body.WriteByte(',')
		}
		var object []byte
		if i < len(asked) && body.Len() < maxPayload && r.Context().Err() == nil {
			object = s.oneOfMulti(strings.TrimSuffix(asked[i], "\r"))
		}
		if object == nil {
			object = []byte("null")
		}
		body.Write(object)
	}
	body.WriteByte(']')
	s.send(w, r, answer{contentType: typeJSON, body: body.Bytes()})
}

// oneOfMulti is an object or nil. It is asked for as ITEM, or as JSROOT does: ITEM/root.json or another of
// the names that give JSON.
func (s *Server) oneOfMulti(line string) []byte {
	path, _, _ := strings.Cut(strings.TrimPrefix(line, "/"), "?")
	parent, what := split(strings.TrimSuffix(path, ".gz"))
	var body []byte
	var err error
	switch what {
	case "h.json":
		body, err = s.hierarchy(parent)
	case "item.json":
		body, err = s.itemJSON(parent)
	default:
		if what == "root.json" {
			path = parent
		}
		it, ok := parseItem(path)
		if !ok {
			return nil
		}
		body, _, err = s.rootJSON(it)
	}
	if err != nil {
		return nil
	}
	return body
}
