package exposition

import (
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"
)

// What an exposition tells of the files and slots themselves.

// about is the metrics with names that begin with mapfile_slot or mapfile_producer.
type about struct {
	producerUp, producerStart                    metrics
	slotState, slotVersion, slotAge, slotSession metrics
	decodeErrors, skipped, conflicts             metrics
}

// metrics are those of one family.
type metrics struct {
	list   []*dto.Metric
	counts map[string]*float64 // by labels, for those that count
}

func (m *metrics) add(value float64, labels ...string) *float64 {
	g := &dto.Gauge{Value: &value}
	m.list = append(m.list, &dto.Metric{Label: pairs(labels...), Gauge: g})
	return g.Value
}

// count adds to a value, which is 0 at first.
func (m *metrics) count(n float64, labels ...string) {
	key := ""
	for _, l := range labels {
		key += l + "\xff"
	}
	value := m.counts[key]
	if value == nil {
		value = m.add(0, labels...)
		if m.counts == nil {
			m.counts = map[string]*float64{}
		}
		m.counts[key] = value
	}
	*value += n
}

func (a *about) families() []*dto.MetricFamily {
	var all []*dto.MetricFamily
	family := func(name, help string, kind dto.MetricType, m *metrics) {
		if len(m.list) == 0 {
			return
		}
		if kind == dto.MetricType_COUNTER {
			for _, metric := range m.list {
				metric.Counter, metric.Gauge = &dto.Counter{Value: metric.Gauge.Value}, nil
			}
		}
		all = append(all, &dto.MetricFamily{Name: &name, Help: proto.String(help), Type: &kind, Metric: m.list})
	}
	gauge, counter := dto.MetricType_GAUGE, dto.MetricType_COUNTER
	family("mapfile_producer_up", "Whether the producer of that session of the file is LIVE.", gauge, &a.producerUp)
	family("mapfile_producer_start_time_seconds", "When the session began, in seconds since 1970: a restart of the producer is a new session.", gauge, &a.producerStart)
	family("mapfile_slot_age_seconds", "Time since the value was published.", gauge, &a.slotAge)
	family("mapfile_slot_version_total", "Values published in the slot; 0: none yet.", counter, &a.slotVersion)
	family("mapfile_slot_session", "Number of the session that published the value.", gauge, &a.slotSession)
	family("mapfile_slot_state", "1 for the state of the slot's producer.", gauge, &a.slotState)
	family("mapfile_slot_decode_errors", "Slots of the file whose value could not be read.", gauge, &a.decodeErrors)
	family("mapfile_slot_skipped", "Slots of the file that have no metric, by the reason.", gauge, &a.skipped)
	family("mapfile_slot_conflicts", "Metrics left out because they contradict others of the same name, or repeat them.", gauge, &a.conflicts)
	return all
}

// isAbout says whether a name is one of those.
func isAbout(name string) bool {
	switch name {
	case "mapfile_producer_up", "mapfile_producer_start_time_seconds", "mapfile_slot_age_seconds", "mapfile_slot_version_total", "mapfile_slot_session",
		"mapfile_slot_state", "mapfile_slot_decode_errors", "mapfile_slot_skipped", "mapfile_slot_conflicts":
		return true
	}
	return false
}
