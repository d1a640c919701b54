package mapfile_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
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
	bytes := func(digits string) []byte {
		b, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	deep := func(open, middle, end string) []byte {
		return []byte(strings.Repeat(open, depth) + middle + strings.Repeat(end, depth))
	}
	good, err := gobcodec.Codec.Append(nil, &linked{K: map[string]int{"k": 1}})
	if err != nil {
		t.Fatal(err)
	}
	at := strings.LastIndex(string(good), "\x01\x01k\x02")
	counts := append(append(good[:at:at], 0xfc, 0x7f, 0xff, 0xff, 0xff), good[at+1:]...) // of the map's keys
	length := at - 1                                                                     // of the message that the map is in
	for length > 0 && int(good[length]) != len(good)-length-1 {
		length--
	}
	counts[length] += 4
	return map[string][]byte{
		"gob message of 3.8 GB": bytes("fce430303030"),
		"gob golang/go#24446": bytes("4dffb503010102303001ff3000010901013001080001013001080001013001ffb80001014a01ffb60001014b01ff860001013001ff860001013001ff" +
			"860001013001ff860001013001ffb80000001eff850401010e303030303030303030303030303001ff3000010c0104000016ffb702010108303030303030303001ff3000010c000030" +
			"ffb6040405fcff00" + strings.Repeat("30", 41)),
		"gob count of map keys":     counts,
		"json nested lists":         []byte(`{"L":` + string(deep("[", "", "]")) + "}"),
		"json nested objects":       deep(`{"J":`, "null", "}"),
		"json nested without end":   []byte(`{"L":` + strings.Repeat("[", depth)),
		"msgpack nested lists":      append(bytes("81a14c"), deep("\x91", "\xc0", "")...),
		"msgpack nested maps":       deep("\x81\xa1J", "\xc0", ""),
		"msgpack list of 4 billion": bytes("81a14cddffffffff"),
		"msgpack map of 2 billion":  bytes("81a14bdf7fffffff"),
		"msgpack map of 4 billion":  bytes("dfffffffff"),
		"msgpack unhashable key":    bytes("81a14c91" + "81910101"),
		"msgpack lying ext":         bytes("81a14c91c9ffffffff05"),
		"protobuf unknown groups":   deep("\xa3\x06", "", "\xa4\x06"),
		"protobuf groups, no end":   []byte(strings.Repeat("\xa3\x06", depth)),
		"protobuf bad UTF-8":        bytes("0a01ff"),
		"protobuf length beyond":    bytes("0affffffff0f61"),
		"protobuf field 0":          bytes("0001"),
		"protobuf long varint":      bytes("08" + strings.Repeat("ff", 10) + "01"),
	}
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
		case !strings.HasPrefix(answer, "true "):
			t.Errorf("%s: %.300s", name, answer)
		case strings.HasPrefix(answer, "true false"):
			t.Errorf("%s: is shown by Inspect", name)
		}
	}
	c.Expect("good 5")
	c.MustEnd()
}
