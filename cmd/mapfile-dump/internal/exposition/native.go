package exposition

import (
	"errors"
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"google.golang.org/protobuf/proto"

	"github.com/gomapfile/mapfile/registry"
)

// Metrics that a producer published as such.

const familyType = "io.prometheus.client.MetricFamily"

// addNative passes a family through. Names that the classic text format does not have are escaped with
// underscores, as a Prometheus client does.
func (e *Exposition) addNative(label string, s Slot) error {
	c, ok := registry.Default.Codec(s.Type.Codec)
	if !ok {
		return fmt.Errorf("this program has no codec %q", s.Type.Codec)
	}
	var published dto.MetricFamily
	if err := c.Decode(append([]byte(nil), s.Payload...), &published); err != nil {
		return err
	}
	f := model.EscapeMetricFamily(&published, model.UnderscoreEscaping)
	if len(f.Metric) == 0 {
		return nil // a family without metrics is nothing that the format can show
	}
	if e.LabelNative {
		for _, m := range f.Metric {
			m.Label = withFile(m.Label, label)
		}
	}
	if err := check(f); err != nil {
		return err
	}
	e.native = append(e.native, f)
	return nil
}

// withFile adds the label file, and gets out of its way.
func withFile(labels []*dto.LabelPair, file string) []*dto.LabelPair {
	taken := func(name string) bool {
		for _, l := range labels {
			if l.GetName() == name {
				return true
			}
		}
		return false
	}
	if taken("file") {
		free := "exported_file"
		for taken(free) {
			free = "exported_" + free
		}
		for _, l := range labels {
			if l.GetName() == "file" {
				l.Name = &free
			}
		}
	}
	return append(labels, pairs("file", file)...)
}

// check refuses a family that would make the whole exposition invalid. Prometheus's library finds most.
func check(f *dto.MetricFamily) error {
	switch name := f.GetName(); {
	case !model.LegacyValidation.IsValidMetricName(name):
		return fmt.Errorf("bad metric name %q", name)
	case isAbout(name):
		return fmt.Errorf("the metric name %q is taken", name)
	}
	f.Help = proto.String(strings.ToValidUTF8(f.GetHelp(), "\uFFFD"))
	if f.Type == nil {
		f.Type = dto.MetricType_COUNTER.Enum()
	}
	for _, m := range f.Metric {
		if f.GetType() == dto.MetricType_GAUGE_HISTOGRAM && m.Histogram == nil {
			return errors.New("a histogram without one")
		}
		for _, l := range m.Label {
			if name := l.GetName(); !model.LegacyValidation.IsValidLabelName(name) || m.Histogram != nil && name == model.BucketLabel {
				return fmt.Errorf("bad label name %q", name)
			}
		}
	}
	_, err := prometheus.Gatherers{gathered([]*dto.MetricFamily{f})}.Gather()
	return err
}
