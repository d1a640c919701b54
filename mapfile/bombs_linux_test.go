package mapfile_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomapfile/mapfile/codec"
	gobcodec "github.com/gomapfile/mapfile/codec/gob"
	jsoncodec "github.com/gomapfile/mapfile/codec/json"
	msgpackcodec "github.com/gomapfile/mapfile/codec/msgpack"
	"github.com/gomapfile/mapfile/mapfile"
	mapfilepb "github.com/gomapfile/mapfile/proto"
	"github.com/gomapfile/mapfile/registry"
)

// Payloads that were made to take down who decodes them, as a consumer gets them from a file: in a child
// with little memory, which must get an error for each and live.

// linked is what inputs with nested pointers and maps decode into.
type linked struct {
	J *linked
	K map[string]int
	L []any
}

// bombCodecs are the codecs of bombs' slots; each has the type linked under a name of its own.
var bombCodecs = map[string]codec.Codec{"gob": gobcodec.Codec, "json": jsoncodec.Codec, "msgpack": msgpackcodec.Codec}

func init() { roles["decode bombs"] = decodeBombs }

// bombs returns payloads by "codec what".
func bombs(t *testing.T) map[string][]byte {
	t.Helper()
	const depth = 1_000_000
	unhex := func(digits string) []byte {
		b, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	deep := func(open, middle, end string) []byte {
		return []byte(strings.Repeat(open, depth) + middle + strings.Repeat(end, depth))
	}
	all := gobBombs(t, depth)
	maps.Copy(all, map[string][]byte{
		"gob message of 3.8 GB":          unhex("fce430303030"),
		"gob message of just under 8 GB": unhex("fb01ffffffff"), // encoding/gob's own bound is 8 GB: golang/go#53369
		"gob message of 8 EB":            unhex("f87fffffffffffffff"),
		"gob golang/go#10490": unhex("53ff8f03010106696e7075745401ff900001fc0701044d61786901040001044d696e6901040001044d61787501060001044d61786601080001044d696e660108" +
			"0001044d617863010e0001044d696e63010e00000007ff9001fe0000"),
		"gob golang/go#10490, second": unhex("53ff8f03010106696e7075745401ff900001fc0701044d61786901040001044d696e6901040001044d61787501060001044d61786601080001044d696e660108" +
			"0001044d617863010e0001044d696e63010e00000007ff9001fe010000"),
		"gob golang/go#24446": unhex("4dffb503010102303001ff3000010901013001080001013001080001013001ffb80001014a01ffb60001014b01ff860001013001ff860001013001ff" +
			"860001013001ff860001013001ffb80000001eff850401010e303030303030303030303030303001ff3000010c0104000016ffb702010108303030303030303001ff3000010c000030" +
			"ffb6040405fcff00" + strings.Repeat("30", 41)),
		"json nested lists":         []byte(`{"L":` + string(deep("[", "", "]")) + "}"),
		"json nested objects":       deep(`{"J":`, "null", "}"),
		"json nested without end":   []byte(`{"L":` + strings.Repeat("[", depth)),
		"msgpack nested lists":      append(unhex("81a14c"), deep("\x91", "\xc0", "")...),
		"msgpack nested maps":       deep("\x81\xa1J", "\xc0", ""),
		"msgpack list of 4 billion": unhex("81a14cddffffffff"),
		"msgpack map of 2 billion":  unhex("81a14bdf7fffffff"),
		"msgpack map of 4 billion":  unhex("dfffffffff"),
		"msgpack unhashable key":    unhex("81a14c91" + "81910101"),
		"msgpack lying ext":         unhex("81a14c91c9ffffffff05"),
		"protobuf unknown groups":   deep("\xa3\x06", "", "\xa4\x06"),
		"protobuf groups, no end":   []byte(strings.Repeat("\xa3\x06", depth)),
		"protobuf bad UTF-8":        unhex("0a01ff"),
		"protobuf length beyond":    unhex("0affffffff0f61"),
		"protobuf field 0":          unhex("0001"),
		"protobuf long varint":      unhex("08" + strings.Repeat("ff", 10) + "01"),
	})
	return all
}

// gobBombs are made from what encoding/gob writes: counts that lie, as in golang/go#20221 (a map's) and
// #55338 (a slice's), nesting as in #69139, and bytes that are changed as in #24308.
func gobBombs(t *testing.T, depth int) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	encode := func(v *linked) (types, value []byte) { // the value is the last message, and short
		b, err := gobcodec.Codec.Append(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		length := len(b) - 2
		for int(b[length]) != len(b)-length-1 {
			length--
		}
		return b[:length:length], b[length+1:]
	}
	message := func(types []byte, value ...[]byte) []byte {
		whole := slices.Concat(value...)
		return slices.Concat(types, []byte{0xfc}, binary.BigEndian.AppendUint32(nil, uint32(len(whole))), whole)
	}
	for what, v := range map[string]*linked{"map": {K: map[string]int{"k": 1}}, "slice": {L: []any{"text"}}} {
		types, value := encode(v)
		at := max(bytes.Index(value, []byte("\x01\x01k")), bytes.Index(value, []byte("\x01\x06string")))
		if at < 0 {
			t.Fatalf("no count in %x", value)
		}
		for _, count := range []string{"\xfd\xff\xff\xff", "\xfc\x7f\xff\xff\xff", "\xfb\x03\x6f\x6f\x6f\x02", "\xf8\x40\x00\x00\x00\x00\x00\x00\x00",
			"\xf8\x7f\xff\xff\xff\xff\xff\xff\xff", "\xf8\x80\x00\x00\x00\x00\x00\x00\x00", "\xf8\xff\xff\xff\xff\xff\xff\xff\xff"} {
			all[fmt.Sprintf("gob count of a %s %x", what, count)] = message(types, value[:at], []byte(count), value[at+1:])
		}
		whole := slices.Concat(types, []byte{byte(len(value))}, value)
		for i := range whole {
			for _, b := range []byte{0, 0x7f, 0x80, 0xf8, 0xff} {
				changed := slices.Clone(whole)
				changed[i] = b
				all[fmt.Sprintf("gob %s changed at %d to %x", what, i, b)] = changed
			}
		}
	}
	types, value := encode(&linked{J: &linked{}})
	id := value[:len(value)-4] // then 01 for the field J of both, 00 for the end of each
	all["gob nested pointers"] = message(types, id, bytes.Repeat([]byte{1}, depth), make([]byte, depth+1))
	all["gob nested without end"] = message(types, id, bytes.Repeat([]byte{1}, depth))
	return all
}

// decodeBombs gets every slot of the file, in all ways, and says what it got.
func decodeBombs(args []string) {
	reg := &registry.Registry{}
	must(registry.RegisterIn[linked](reg, "bomb.json", jsoncodec.Codec))
	for _, c := range bombCodecs {
		must(reg.AddCodec(c))
	}
	mf := must1(mapfile.Open(args[0]))                             // protobuf messages
	own := must1(mapfile.Open(args[0], mapfile.WithRegistry(reg))) // the rest
	for info, err := range mf.Slots() {
		must(err)
		from := own
		if info.Type.Codec == "protobuf" {
			from = mf
		}
		_, gets := from.Get(info.Name)
		_, inspects := func() (codec.Node, error) { n, _, err := mf.Reader(info.Name).Inspect(); return n, err }()
		fmt.Printf("%s: %v %v %v\n", info.Name, errors.Is(gets, mapfile.ErrDecode), inspects != nil, gets)
	}
	fmt.Println("good", must1(mapfile.Get[int64](mf, "good")))
}

// G05 G06 G09 G10 G12
func TestPayloadsThatTakeDownDecodersAreErrors(t *testing.T) {
	if raceEnabled {
		t.Skip("SKIPPED: the race detector itself needs more address space")
	}
	path := filepath.Join(testDir(t), "a.map")
	mf := createFile(t, path)
	x := int64(5)
	addSlot(t, mf, "good", &x)
	addSlot(t, mf, "protobuf good", &mapfilepb.H1D{Title: "t"})
	mustUpdate(t, mf)
	var message mapfile.Raw // for its schema
	if err := mf.GetInto("protobuf good", &message); err != nil {
		t.Fatal(err)
	}
	all := bombs(t)
	for name, payload := range all {
		codecName, _, _ := strings.Cut(name, " ")
		raw := &mapfile.Raw{Type: mapfile.TypeInfo{Name: "bomb.json", Codec: codecName}, Payload: payload}
		if codecName == "protobuf" {
			raw.Type = message.Type
		}
		addSlot(t, mf, name, raw)
	}
	mustUpdate(t, mf)
	// Go takes 1.3 GB of address space before it does anything.
	c := startCommand(t, limited("-v 2500000", "decode bombs", path))
	for range len(all) + 2 {
		name, answer, _ := strings.Cut(c.Line(), ": ")
		switch {
		case all[name] == nil:
		case strings.Contains(name, " changed at "): // it may be sound; living is all
		case !strings.HasPrefix(answer, "true "):
			t.Errorf("%s: %.300s", name, answer)
		case strings.HasPrefix(answer, "true false"):
			t.Errorf("%s: is shown by Inspect", name)
		}
	}
	c.Expect("good 5")
	c.MustEnd()
}
