package exposition

import (
	"cmp"
	"math"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"google.golang.org/protobuf/proto"

	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/hist"
	"github.com/gomapfile/mapfile/cmd/mapfile-dump/internal/show"
	"github.com/gomapfile/mapfile/codec"
)

// Metrics made of numbers and histograms.

// A number is the metric of a slot.
type number struct {
	name, help string
	kind       dto.MetricType
	labels     []*dto.LabelPair
	value      float64
	histogram  *dto.Histogram
}

const valueType = "mapfile.v1.Value"

// numberOf makes a metric of a value, or says why there is none.
func numberOf(s Slot) (n number, reason string) {
	n = number{name: model.EscapeName(valid(s.Name), model.UnderscoreEscaping), kind: dto.MetricType_UNTYPED}
	title, _, _ := strings.Cut(s.Title, ";")
	n.help = title
	switch {
	case s.Type.Name == valueType:
		if reason := n.ofValue(s.Value); reason != "" {
			return n, reason
		}
	case hist.IsNamed(s.Type.Name):
		h, ok := hist.Of(s.Type.Name, s.Value)
		if !ok || h.Kind != hist.H1D {
			return n, reasonType
		}
		if reason := n.ofHistogram(h); reason != "" {
			return n, reason
		}
		n.help = cmp.Or(title, h.Title)
	default:
		var ok bool
		if n.value, ok = realOf(s.Value.Value); !ok {
			return n, reasonType
		}
	}
	n.help = strings.ToValidUTF8(cmp.Or(n.help, "Slot "+valid(s.Name)+"."), "\uFFFD")
	return n, ""
}

// ofValue reads a mapfile.v1.Value.
func (n *number) ofValue(v codec.Node) (reason string) {
	switch show.TextOf(v, "kind") {
	case "KIND_COUNTER":
		n.kind = dto.MetricType_COUNTER
	case "KIND_GAUGE":
		n.kind = dto.MetricType_GAUGE
	}
	n.help = cmp.Or(n.help, show.TextOf(v, "title"))
	if unit := show.TextOf(v, "unit"); unit != "" {
		n.help = strings.TrimSpace(n.help + " [" + unit + "]")
	}
	for _, field := range []string{"real", "integer", "unsigned"} {
		var ok bool
		if n.value, ok = realOf(show.Field(v, field).Value); ok {
			return ""
		}
	}
	return reasonNoValue
}

func realOf(v any) (x float64, ok bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case int64:
		return float64(v), true
	case uint64:
		return float64(v), true
	case bool:
		return truth(v), true
	}
	return 0, false
}

// ofHistogram makes a classic histogram: cumulative, with the bins' edges as upper bounds. Its first
// bucket, up to the lower edge of the axis, is the underflow; the overflow is in +Inf only.
func (n *number) ofHistogram(h *hist.Histogram) (reason string) {
	n.kind = dto.MetricType_HISTOGRAM
	if h.X.Gaps {
		return reasonEdges
	}
	if !counts(h.Under.W, h.Under.W2, float64(h.Under.Entries)) || !counts(h.Over.W, h.Over.W2, float64(h.Over.Entries)) {
		return reasonWeighted
	}
	out := &dto.Histogram{SampleSum: proto.Float64(h.Total.WX)}
	edge, count := math.Inf(-1), uint64(h.Under.W)
	for i := range h.X.Bins + 1 {
		below := edge
		if edge = h.X.Edge(i); math.IsInf(edge, 0) || !(edge > below) {
			return reasonEdges
		}
		if i > 0 {
			if !counts(h.Content[i-1], h.SumW2[i-1], h.Entries[i-1]) {
				return reasonWeighted
			}
			count += uint64(h.Content[i-1])
		}
		out.Bucket = append(out.Bucket, &dto.Bucket{UpperBound: proto.Float64(edge), CumulativeCount: proto.Uint64(count)})
	}
	count += uint64(h.Over.W)
	out.SampleCount = proto.Uint64(count)
	n.histogram = out
	return ""
}

// counts says whether a content is a number of fills, each of weight 1.
func counts(w, w2, entries float64) bool {
	const most = 1 << 53
	return w == w2 && w == entries && w >= 0 && w <= most && w == math.Trunc(w)
}

// families makes families of numbers that have the same name and type.
func families(numbers []number, names nameTable) []*dto.MetricFamily {
	byName := map[string]*dto.MetricFamily{}
	var all []*dto.MetricFamily
	for _, n := range numbers {
		name := names.free(n.name, n.kind)
		f := byName[name]
		if f == nil {
			help := names.take(name, n.kind, n.help)
			f = &dto.MetricFamily{Name: &name, Help: &help, Type: n.kind.Enum()}
			byName[name] = f
			all = append(all, f)
		}
		m := &dto.Metric{Label: n.labels}
		switch n.kind {
		case dto.MetricType_COUNTER:
			m.Counter = &dto.Counter{Value: proto.Float64(n.value)}
		case dto.MetricType_GAUGE:
			m.Gauge = &dto.Gauge{Value: proto.Float64(n.value)}
		case dto.MetricType_HISTOGRAM:
			m.Histogram = n.histogram
		default:
			m.Untyped = &dto.Untyped{Value: proto.Float64(n.value)}
		}
		f.Metric = append(f.Metric, m)
	}
	return all
}
