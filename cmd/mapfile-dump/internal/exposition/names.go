package exposition

import (
	"strings"

	dto "github.com/prometheus/client_model/go"
)

// Names of metrics. Different slots may come to the same name ("a/b" and "a_b"): with the label slot they
// stand side by side in one family. Where the types differ, the later family gets the type as a suffix.

// nameTable has the names that are taken, with the families' types and HELP.
type nameTable map[string]taken

type taken struct {
	kind dto.MetricType
	help string
}

// take notes a family and returns the HELP for it: that of the first one of the name.
func (t nameTable) take(name string, kind dto.MetricType, help string) string {
	if old, ok := t[name]; ok {
		return old.help
	}
	t[name] = taken{kind, help}
	return help
}

// free is the name, or one made from it, under which a family of that type can stand.
func (t nameTable) free(name string, kind dto.MetricType) string {
	suffix := "_" + strings.ToLower(kind.String())
	for !t.fits(name, kind) {
		name += suffix
	}
	return name
}

// samples are the suffixes of the samples of a histogram; a summary has all but the first.
var samples = []string{"_bucket", "_count", "_sum"}

func (t nameTable) fits(name string, kind dto.MetricType) bool {
	if old, ok := t[name]; ok || isAbout(name) {
		return ok && old.kind == kind
	}
	for _, suffix := range samples {
		if base, has := strings.CutSuffix(name, suffix); has {
			switch t[base].kind {
			case dto.MetricType_HISTOGRAM, dto.MetricType_GAUGE_HISTOGRAM, dto.MetricType_SUMMARY:
				return false
			}
		}
		if _, ok := t[name+suffix]; ok && kind == dto.MetricType_HISTOGRAM {
			return false
		}
	}
	return true
}
