package layout

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// Identity is what the first 512 bytes of a header say: written once.
type Identity struct {
	Version uint32
	FileID  [16]byte
	BootID  [16]byte
	Created int64
	Title   string
}

// What can be wrong with a header.
var (
	ErrMagic   = errors.New("it does not begin with the magic of a map file")
	ErrEndian  = errors.New("its words are in the other byte order")
	ErrVersion = errors.New("format version")
	ErrHeader  = errors.New("the header's checksum is wrong")
)

// PutIdentity writes the identity into b, the first 512 bytes of a file.
func PutIdentity(b []byte, id *Identity) {
	_ = b[HeaderTitleEnd-1]
	le := binary.LittleEndian
	copy(b, Magic)
	le.PutUint32(b[HeaderVersionOff:], id.Version)
	le.PutUint32(b[HeaderLenOff:], HeaderLen)
	copy(b[HeaderFileIDOff:], id.FileID[:])
	copy(b[HeaderBootIDOff:], id.BootID[:])
	le.PutUint64(b[HeaderCreatedOff:], uint64(id.Created))
	le.PutUint32(b[HeaderTitleLenOff:], uint32(len(id.Title)))
	copy(b[HeaderTitleOff:HeaderTitleEnd], id.Title)
	le.PutUint32(b[HeaderCheckOff:], identityCheck(b, len(id.Title)))
}

func identityCheck(b []byte, titleLen int) uint32 {
	c := crc32.Update(0, castagnoli, b[:HeaderCheckOff])
	return crc32.Update(c, castagnoli, b[HeaderTitleOff:HeaderTitleOff+titleLen])
}

// GetIdentity reads and checks what PutIdentity wrote. The version is filled in with ErrVersion, too.
func GetIdentity(b []byte, id *Identity) error {
	_ = b[HeaderTitleEnd-1]
	le := binary.LittleEndian
	if string(b[:len(Magic)]) != Magic {
		return ErrMagic
	}
	id.Version = le.Uint32(b[HeaderVersionOff:])
	switch {
	case id.Version == FormatVersion<<24:
		return ErrEndian
	case id.Version != FormatVersion:
		return ErrVersion
	}
	n := le.Uint32(b[HeaderTitleLenOff:])
	if le.Uint32(b[HeaderLenOff:]) != HeaderLen || n > MaxFileTitle || le.Uint32(b[HeaderCheckOff:]) != identityCheck(b, int(n)) {
		return ErrHeader
	}
	copy(id.FileID[:], b[HeaderFileIDOff:])
	copy(id.BootID[:], b[HeaderBootIDOff:])
	id.Created = int64(le.Uint64(b[HeaderCreatedOff:]))
	id.Title = string(b[HeaderTitleOff : HeaderTitleOff+n])
	return nil
}

// LabelLen returns the bytes that a label takes.
func LabelLen(name, title string) int { return LabelHeadLen + len(name) + len(title) }

// PutLabel writes name and title into b.
func PutLabel(b []byte, name, title string, salt uint64) {
	le := binary.LittleEndian
	le.PutUint16(b[4:], uint16(len(name)))
	le.PutUint16(b[6:], uint16(len(title)))
	copy(b[8:], name)
	copy(b[8+len(name):], title)
	le.PutUint32(b, crc32.Update(uint32(salt), castagnoli, b[4:LabelLen(name, title)]))
}

// GetLabel reads what PutLabel wrote; b may be longer, and hold anything. Name and title share
// memory with b.
func GetLabel(b []byte, salt uint64) (name, title []byte, ok bool) {
	if len(b) < LabelHeadLen {
		return nil, nil, false
	}
	le := binary.LittleEndian
	n, t := int(le.Uint16(b[4:])), int(le.Uint16(b[6:]))
	end := LabelHeadLen + n + t
	if n == 0 || n > MaxNameLen || t > MaxTitleLen || end > len(b) ||
		le.Uint32(b) != crc32.Update(uint32(salt), castagnoli, b[4:end]) {
		return nil, nil, false
	}
	return b[8 : 8+n], b[8+n : end], true
}

// TypeRecord is what a file knows of a type.
type TypeRecord struct {
	ID          uint64
	Name, Codec string
	Schema      []byte
}

// Len returns the bytes that the record takes.
func (t *TypeRecord) Len() int {
	return TypeRecordHeadLen + len(t.Name) + len(t.Codec) + len(t.Schema)
}

// PutTypeRecord writes the record into b.
func PutTypeRecord(b []byte, t *TypeRecord) {
	le := binary.LittleEndian
	le.PutUint32(b[4:], uint32(len(t.Schema)))
	le.PutUint16(b[8:], uint16(len(t.Name)))
	le.PutUint16(b[10:], uint16(len(t.Codec)))
	le.PutUint32(b[12:], 0)
	le.PutUint64(b[16:], t.ID)
	n := TypeRecordHeadLen
	n += copy(b[n:], t.Name)
	n += copy(b[n:], t.Codec)
	n += copy(b[n:], t.Schema)
	le.PutUint32(b, crc32.Update(0, castagnoli, b[4:n]))
}

// TypeRecordLen returns the length that the head of a record claims; false if it is absurd.
func TypeRecordLen(head []byte) (uint64, bool) {
	le := binary.LittleEndian
	schema, name, codec := le.Uint32(head[4:]), le.Uint16(head[8:]), le.Uint16(head[10:])
	if schema > MaxSchemaLen || name == 0 || name > MaxTypeNameLen || codec == 0 || codec > MaxCodecLen {
		return 0, false
	}
	return TypeRecordHeadLen + uint64(schema) + uint64(name) + uint64(codec), true
}

// GetTypeRecord reads and checks what PutTypeRecord wrote; b has just the record's length. The
// schema shares memory with b.
func GetTypeRecord(b []byte, t *TypeRecord) bool {
	n, ok := TypeRecordLen(b)
	le := binary.LittleEndian
	if !ok || n != uint64(len(b)) || le.Uint32(b) != crc32.Update(0, castagnoli, b[4:]) {
		return false
	}
	name, codec := int(le.Uint16(b[8:])), int(le.Uint16(b[10:]))
	t.ID = le.Uint64(b[16:])
	b = b[TypeRecordHeadLen:]
	t.Name, t.Codec, t.Schema = string(b[:name]), string(b[name:name+codec]), b[name+codec:]
	return true
}
