package mapfile

import (
	"encoding/binary"
)

// Open opens the file at path for reading. It never writes, and needs read permission only.
func Open(path string, opts ...Option) (*MapFile, error) {
	c, err := newConfig(modeRead, opts)
	if err != nil {
		return nil, fail("open", path, "", err)
	}
	if err := checkHost(); err != nil {
		return nil, fail("open", path, "", err)
	}
	f, err := openFile(path, false, c)
	if err != nil {
		return nil, fail("open", path, "", err)
	}
	return newMapFile(path, c, f, nil), nil
}

// littleEndian is the byte order of words in the file; on other machines atomic words would be
// misread.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1
