package serve

import (
	"io/fs"
	"net/url"
	"strings"
)

// An item is a slot of a file, as addresses name it: the file's label and the slot's name, each segment
// escaped, joined by "/". Nothing of it is ever a path of the file system: labels are looked up among
// the files of the Set, names among the slots of the file.
type item struct{ label, name string }

// String is the item as it stands in addresses. It is the same for every client.
func (it item) String() string {
	segments := strings.Split(it.name, "/")
	for i, segment := range segments {
		segments[i] = url.PathEscape(segment)
	}
	return url.PathEscape(it.label) + "/" + strings.Join(segments, "/")
}

// parseItem reads an item. A "/" in a label is %2F.
func parseItem(escaped string) (item, bool) {
	first, rest, _ := strings.Cut(escaped, "/")
	label, err := url.PathUnescape(first)
	if err != nil {
		return item{}, false
	}
	name, err := url.PathUnescape(rest)
	if err != nil || name == "." || !fs.ValidPath(name) {
		return item{}, false
	}
	return item{label, name}, true
}
