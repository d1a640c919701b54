package decode_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/decode"
	"github.com/gomapfile/mapfile/codec"
	binarycodec "github.com/gomapfile/mapfile/codec/binary"
	gobcodec "github.com/gomapfile/mapfile/codec/gob"
	jsoncodec "github.com/gomapfile/mapfile/codec/json"
	zstdcodec "github.com/gomapfile/mapfile/codec/zstd"
	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/registry"
)

type shopConfig struct {
	Limit int
	Names []string
}

func init() {
	for _, c := range []codec.Codec{codec.Basic, jsoncodec.Codec, zstdcodec.Wrap(jsoncodec.Codec), binarycodec.Codec} {
		if err := registry.Default.AddCodec(c); err != nil {
			panic(err)
		}
	}
}

// publish makes a file with a slot "s" and returns what a reader has of it.
func publish(t *testing.T, v any, opts ...mapfile.SlotOption) mapfile.Raw {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.map")
	types := &registry.Registry{} // the reader shall not know the types
	if err := registry.RegisterIn[shopConfig](types, "shop.Config", jsoncodec.Codec); err != nil {
		t.Fatal(err)
	}
	mf, err := mapfile.Create(path, mapfile.WithRegistry(types))
	if err != nil {
		t.Fatal(err)
	}
	defer mf.Close()
	s, err := mf.Add("s", v, opts...)
	if err == nil {
		err = s.Update()
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := mapfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var raw mapfile.Raw
	if err := r.GetInto("s", &raw); err != nil {
		t.Fatal(err)
	}
	return raw
}

// text is a node in one line.
func text(n codec.Node) string {
	if len(n.Children) == 0 {
		return fmt.Sprint(n.Value)
	}
	var parts []string
	for _, c := range n.Children {
		parts = append(parts, strings.TrimPrefix(c.Name+":", ":")+text(c))
	}
	return "(" + strings.Join(parts, " ") + ")"
}

func TestPayloadIsDecodedWithoutTheGoType(t *testing.T) {
	config := &shopConfig{5, []string{"a", "b"}}
	n, list := int64(-42), []float64{1, 2.5}
	for _, c := range []struct {
		v    any
		opts []mapfile.SlotOption
		want string
	}{
		{config, nil, "(Limit:5 Names:(a b))"},
		{config, []mapfile.SlotOption{mapfile.WithCodec(zstdcodec.Wrap(jsoncodec.Codec))}, "(Limit:5 Names:(a b))"},
		{&n, nil, "-42"},
		{&list, nil, "(1 2.5)"},
	} {
		raw := publish(t, c.v, c.opts...)
		node, err := decode.Payload("a.map", "s", raw.Type, raw.Payload)
		if got := text(node); err != nil || got != c.want {
			t.Errorf("%T with codec %s: %s, %v; want %s", c.v, raw.Type.Codec, got, err, c.want)
		}
	}
}

// A payload that only another program can read is shown as bytes, and the error says why.
func TestWhatIsNotDecoded(t *testing.T) {
	for _, c := range []struct{ codec, want string }{
		{"gob", `a.map: slot s: lab.T with codec "gob" is decoded only with --trust-gob; shown as bytes`},
		{"zstd+gob", `a.map: slot s: lab.T with codec "zstd+gob" is decoded only with --trust-gob; shown as bytes`},
		{"cbor", `a.map: slot s: lab.T with codec "cbor", which this program has not; shown as bytes`},
		{"", `a.map: slot s: lab.T with codec "", which this program has not; shown as bytes`},
		{"binary", `a.map: slot s: lab.T with codec "binary", whose payload nobody but its Go type can read; shown as bytes`},
	} {
		_, err := decode.Payload("a.map", "s", mapfile.TypeInfo{Name: "lab.T", Codec: c.codec}, []byte("payload"))
		var not *decode.NotDecoded
		if !errors.As(err, &not) || err.Error() != c.want || errors.Is(err, mapfile.ErrDecode) {
			t.Errorf("%q: %v, want %s", c.codec, err, c.want)
		}
	}
}

// An intact payload that its codec refuses is a fault of who wrote it.
func TestRefusedPayload(t *testing.T) {
	raw := publish(t, &shopConfig{})
	for _, payload := range []string{"", "{", `{"Limit":5}}`, "\x00\xff\xfe", strings.Repeat("[", 100_000)} {
		_, err := decode.Payload("a.map", "s", raw.Type, []byte(payload))
		var e *mapfile.Error
		if !errors.Is(err, mapfile.ErrDecode) || !errors.As(err, &e) || e.Path != "a.map" || e.Slot != "s" {
			t.Errorf("%.20q: %v", payload, err)
		}
	}
	if err := decode.Refused("a.map", "s", nil); err != nil {
		t.Error(err)
	}
}

// gob is known by its names, those that the codecs give themselves.
func TestGobIsKnown(t *testing.T) {
	for _, c := range []codec.Codec{gobcodec.Codec, zstdcodec.Wrap(gobcodec.Codec)} {
		if !decode.IsGob(c.Name()) {
			t.Errorf("%q is not taken for gob", c.Name())
		}
	}
	if decode.IsGob("json") || decode.IsGob("") || decode.IsGob("GOB") {
		t.Error("something else is taken for gob")
	}
}
