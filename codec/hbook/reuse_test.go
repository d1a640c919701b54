package hbookcodec_test

import (
	"bytes"
	"math"
	"reflect"
	"runtime"
	"testing"

	"github.com/gomapfile/mapfile/codec"
	hbookcodec "github.com/gomapfile/mapfile/codec/hbook"
	"go-hep.org/x/hep/hbook"
)

var inf, nan = math.Inf(1), math.NaN()

// G01: whatever the object was before, it becomes what a fresh one would be.
func TestDirtyObjectBecomesAsFresh(t *testing.T) {
	for _, before := range samples() {
		for _, after := range samples() {
			if reflect.TypeOf(before.v) != reflect.TypeOf(after.v) {
				continue
			}
			for _, c := range []codec.Codec{hbookcodec.Codec, hbookcodec.Moments} {
				payload := encode(t, c, after.v)
				dirty, fresh := zero(before.v), zero(after.v)
				decode(t, encode(t, hbookcodec.Moments, before.v), dirty)
				spoil(dirty)
				decode(t, payload, dirty)
				decode(t, payload, fresh)
				if !reflect.DeepEqual(dirty, fresh) {
					t.Errorf("%s after %s:\n%s\nfresh:\n%s", after.name, before.name, short(dirty), short(fresh))
				}
			}
		}
	}
}

// spoil writes into every corner of an object.
func spoil(v any) {
	switch h := v.(type) {
	case *hbook.H1D:
		h.Ann["spoilt"], h.Ann["name"] = true, "spoilt"
		dist := hbook.Dist1D{Dist: hbook.Dist0D{N: 1, SumW: nan, SumW2: 3}}
		dist.Stats.SumWX, dist.Stats.SumWX2 = 4, 5
		b := &h.Binning
		b.Dist, b.Outflows, b.XRange = dist, [2]hbook.Dist1D{dist, dist}, hbook.Range{Min: 6, Max: 7}
		for i := range b.Bins {
			b.Bins[i] = hbook.Bin1D{Range: b.XRange, Dist: dist}
		}
	case *hbook.H2D:
		h.Ann = nil
		dist := hbook.Dist2D{X: hbook.Dist1D{Dist: hbook.Dist0D{N: 1, SumW: 2, SumW2: 3}}, Y: hbook.Dist1D{Dist: hbook.Dist0D{N: 4, SumW: nan, SumW2: 6}}}
		dist.X.Stats.SumWX, dist.X.Stats.SumWX2, dist.Y.Stats.SumWX, dist.Y.Stats.SumWX2, dist.Stats.SumWXY = 7, 8, 9, 10, 11
		b := &h.Binning
		b.Dist, b.XRange, b.YRange = dist, hbook.Range{Min: 6, Max: 7}, hbook.Range{}
		for i := range b.Outflows {
			b.Outflows[i] = dist
		}
		for i := range b.Bins {
			b.Bins[i] = hbook.Bin2D{XRange: b.XRange, YRange: b.XRange, Dist: dist}
		}
		for i := range b.XEdges {
			b.XEdges[i] = hbook.Bin1D{Dist: dist.X}
		}
		b.YEdges = b.XEdges
	case *hbook.P1D:
		h.Annotation()["spoilt"] = []any{}
		h.Fill(0, 1, nan)
		h.Fill(-1e9, 1, 2)
	}
}

// G02: what was handed out before stays what it was.
func TestEarlierResultsStay(t *testing.T) {
	for _, s := range samples() {
		payload := encode(t, hbookcodec.Moments, s.v)
		var kept []any
		for range 100 {
			v := zero(s.v)
			decode(t, payload, v)
			kept = append(kept, v)
		}
		reused := zero(s.v)
		for range 100 {
			decode(t, payload, reused)
			spoil(reused)
		}
		for i := range payload { // src is lent: nothing may point into it
			payload[i] = 0xff
		}
		for _, v := range kept {
			if !reflect.DeepEqual(v, s.v) {
				t.Fatalf("%s: an earlier result changed", s.name)
			}
		}
	}
}

func TestPayloadIsNotWritten(t *testing.T) {
	for _, s := range samples() {
		payload := inPieces(encode(t, hbookcodec.Moments, s.v), 16)
		was := bytes.Clone(payload)
		// Room behind src belongs to others too.
		decode(t, payload[:len(payload):cap(payload)], zero(s.v))
		if !bytes.Equal(payload, was) {
			t.Errorf("%s: src was changed", s.name)
		}
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	h1, h2, p := hbook.NewH1D(100, -4, 4), hbook.NewH2D(20, 0, 1, 20, 0, 1), hbook.NewP1D(100, -4, 4)
	for _, ann := range []hbook.Annotation{h1.Ann, h2.Ann, p.Annotation()} {
		ann["name"], ann["title"], ann["run"], ann["lumi"], ann["good"], ann["by"] = "h", "a title", 4711, 1.5, true, "me"
	}
	for _, test := range []struct {
		v      any
		decode float64 // hbook makes a profile's bins anew
	}{{h1, 0}, {h2, 0}, {p, 1}} {
		for _, c := range []codec.Codec{hbookcodec.Codec, hbookcodec.Moments} {
			payload := encode(t, c, test.v)
			buf, into := make([]byte, 0, len(payload)), zero(test.v)
			decode(t, payload, into)
			if n := testing.AllocsPerRun(100, func() { buf, _ = c.Append(buf[:0], test.v) }); n != 0 {
				t.Errorf("%T: Append allocates %g times", test.v, n)
			}
			if n := testing.AllocsPerRun(100, func() { decode(t, payload, into) }); n > test.decode && !(raceDetector && test.decode > 0) {
				t.Errorf("%T: DecodeReuse allocates %g times", test.v, n)
			}
		}
	}
}

// Every cut and every flipped bit: an error or another histogram, never a panic, never much memory.
func TestDamagedPayloads(t *testing.T) {
	for _, s := range samples() {
		payload := encode(t, hbookcodec.Moments, s.v)
		if len(payload) > 4000 {
			payload = payload[:4000] // heads are what is interesting
		}
		for i := range payload {
			try(t, payload[:i], zero(s.v))
			for bit := range 8 {
				payload[i] ^= 1 << bit
				try(t, payload, zero(s.v))
				payload[i] ^= 1 << bit
			}
		}
	}
}

func TestMemoryIsBoundedByThePayload(t *testing.T) {
	payloads := map[string][]byte{}
	for _, s := range samples() {
		payloads[s.name] = encode(t, hbookcodec.Codec, s.v)
	}
	good := encode(t, hbookcodec.Codec, hbook.NewH1D(1, 0, 1))
	payloads["list of nothing"] = append(bytes.Clone(good), annotationOf(0x42, bytes.Repeat([]byte{0x0a, 0}, 5000))...)
	payloads["empty texts"] = append(bytes.Clone(good), annotationOf(0x52, bytes.Repeat([]byte{0x0a, 0}, 5000))...)
	payloads["empty annotations"] = append(bytes.Clone(good), bytes.Repeat([]byte{0x5a, 0}, 5000)...)
	for name, payload := range payloads {
		into := any(&hbook.H1D{})
		switch name[:3] {
		case "H2D":
			into = &hbook.H2D{}
		case "P1D":
			into = &hbook.P1D{}
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := reuser.DecodeReuse(payload, into); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		runtime.ReadMemStats(&after)
		if got, limit := after.TotalAlloc-before.TotalAlloc, uint64(64*len(payload)+16<<10); got > limit {
			t.Errorf("%s: %d bytes took %d bytes of memory", name, len(payload), got)
		}
	}
}

// annotationOf makes an annotation whose value has one field, with that tag.
func annotationOf(tag byte, body []byte) []byte {
	for _, t := range []byte{tag, 0x12, 0x5a} {
		n := len(body)
		body = append([]byte{t, byte(n) | 0x80, byte(n>>7) | 0x80, byte(n >> 14)}, body...)
	}
	return body
}

// try decodes; what it takes must be something that can be encoded and comes back the same.
func try(t testing.TB, payload []byte, v any) {
	t.Helper()
	if reuser.DecodeReuse(payload, v) != nil {
		return
	}
	first, err := hbookcodec.Moments.Append(nil, v)
	if err != nil {
		t.Fatalf("decoded %x, but cannot encode: %v", payload, err)
	}
	again := zero(v)
	decode(t, first, again)
	if second := encode(t, hbookcodec.Moments, again); !bytes.Equal(first, second) {
		t.Fatalf("decoded %x, then changed from %x to %x", payload, first, second)
	}
}
