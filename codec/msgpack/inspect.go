package msgpackcodec

import (
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/gomapfile/mapfile/codec"
)

// Inspect shows any payload; the schema is not needed. A map key that is a list or a map is an
// error, as it is when decoding.
func (msgpackCodec) Inspect(_, payload []byte) (codec.Node, error) {
	if err := walk(payload); err != nil {
		return codec.Node{}, fmt.Errorf("msgpack: %w", err)
	}
	node, _, err := inspect("", payload) // recursion is bounded: the payload was walked
	return node, err
}

func inspect(name string, b []byte) (node codec.Node, rest []byte, err error) {
	it, _ := next(b)
	rest = b[it.size:]
	node = codec.Node{Name: name, Type: it.form.String(), Value: it.value()}
	switch it.form {
	case formExt:
		node.Type = "ext " + strconv.FormatInt(int64(it.num), 10)
	case formArray:
		node.Children = make([]codec.Node, it.count)
		for i := range node.Children {
			if node.Children[i], rest, err = inspect("", rest); err != nil {
				return node, nil, err
			}
		}
	case formMap:
		node.Children = make([]codec.Node, it.count/2)
		for i := range node.Children {
			key, _ := next(rest)
			if key.form == formArray || key.form == formMap {
				return node, nil, fmt.Errorf("msgpack: a map key of form %v", key.form)
			}
			if node.Children[i], rest, err = inspect(keyText(key), rest[key.size:]); err != nil {
				return node, nil, err
			}
		}
	}
	return node, rest, nil
}

// value is the item as a leaf, nil for lists and maps.
func (it item) value() any {
	switch it.form {
	case formBool:
		return it.num == 1
	case formInt:
		return int64(it.num)
	case formUint:
		return it.num
	case formFloat32:
		return float64(math.Float32frombits(uint32(it.num)))
	case formFloat64:
		return math.Float64frombits(it.num)
	case formStr:
		return string(it.body)
	case formBin, formExt:
		return slices.Clone(it.body)
	case formTime:
		t, _ := timestamp(it.body)
		return t
	default:
		return nil
	}
}

// keyText is a map key as a name: text as it is, bytes in hex.
func keyText(key item) string {
	switch v := key.value().(type) {
	case string:
		return v
	case []byte:
		return hex.EncodeToString(v)
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case nil:
		return key.form.String()
	default:
		return fmt.Sprint(v)
	}
}
