package main

import (
	"math"
	"strings"

	"go-hep.org/x/hep/hbook"

	gobcodec "github.com/gomapfile/mapfile/codec/gob"
	jsoncodec "github.com/gomapfile/mapfile/codec/json"
	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/registry"
)

// The scenario evil is what an attacker would publish to harm those who look: in terminals, HTML, SVG,
// spreadsheets, scripts and exposition. What decodes stands beside what does not.

func init() { scenarios["evil"] = evil }

// evilText is in names, titles, labels and values alike. It begins as a formula of a spreadsheet.
const evilText = "=cmd|'/C calc'!A0\x1b]0;owned\x07\u009b31m\u202eevil\u200b\xff</title><script>alert(1)</script>\"'&\r\n# TYPE evil counter\nevil 1\t{}"

func evil(mf *mapfile.MapFile) (step func() error, err error) {
	registry.Register[map[string]string]("lab.<script>\x1b[31m", jsoncodec.Codec)
	registry.Register[gobValue]("my.Gob", gobcodec.Codec)
	h1, h2, p1 := hbook.NewH1D(10, -4, 4), hbook.NewH2D(4, -4, 4, 4, -4, 4), hbook.NewP1D(4, 0, 4)
	for i := range 100 {
		h1.Fill(float64(i%8)-3.5, 1)
		h2.Fill(float64(i%8)-3.5, 1, 1)
		p1.Fill(float64(i%4), float64(i), 1)
	}
	valid := strings.ToValidUTF8(evilText, "")
	title := mapfile.WithTitle(evilText + ";" + evilText + ";" + evilText)
	err = put(mf, err, "good/h1", h1)
	err = put(mf, err, "evil/h1/"+valid, h1, title)
	h1.Ann["title"], h2.Ann["title"] = valid, valid
	p1.Annotation()["title"] = valid
	err = put(mf, err, "evil/h2", h2, title)
	err = put(mf, err, "evil/p1", p1, title)
	h1.Fill(0.5, math.NaN())
	h1.Fill(1.5, math.Inf(1))
	h1.Fill(2.5, 1e308)
	err = put(mf, err, "evil/nan", h1, title)
	text, sum := evilText, "@SUM(1+1)"
	err = put(mf, err, "evil/text", &text)
	err = put(mf, err, "@SUM", &sum)
	values := map[string]string{valid: valid, "-1+1": "+1", "\t=1": "\r=1"}
	err = put(mf, err, "evil/map", &values, title)
	for name, ty := range map[string]string{"evil/broken-h1": "evil/h2", "evil/broken-json": "evil/map"} {
		if err == nil {
			var raw mapfile.Raw
			err = mf.GetInto(ty, &raw)
			raw.Payload = []byte("\xff\xff\xff\xff\x0f\x1b[31m{")
			err = put(mf, err, name, &raw, title)
		}
	}
	err = put(mf, err, "evil/gob", &gobValue{"n", 3}, title)
	unknown := mapfile.Raw{Type: mapfile.TypeInfo{Name: "of\x1b[31mnobody", Codec: "cbor\x1b[31m"}, Payload: []byte("\x1b[31m<script>")}
	err = put(mf, err, "evil/unknown", &unknown, title)
	n := int64(42)
	return nil, put(mf, err, "good/n", &n)
}
