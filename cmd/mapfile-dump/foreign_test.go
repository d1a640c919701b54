package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	gobcodec "github.com/gomapfile/mapfile/codec/gob"
	jsoncodec "github.com/gomapfile/mapfile/codec/json"
	msgpackcodec "github.com/gomapfile/mapfile/codec/msgpack"
	"github.com/gomapfile/mapfile/codec/pod"
	"github.com/gomapfile/mapfile/mapfile"
	"github.com/gomapfile/mapfile/registry"
)

// Types that only this test has.
type (
	foreignPod     struct{ Run, Events uint32 }
	foreignJSON    struct{ Limit int }
	foreignMsgpack struct{ Names []string }
	foreignGob     struct{ Secret string }
)

// A mapfile-dump that was built without the producer's types shows them decoded, by the schemas in the
// file; a gob as its type's name and bytes, decoded only on request.
func TestTypesThatTheProgramHasNeverSeen(t *testing.T) {
	goCommand, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command: cannot build a mapfile-dump without this test's types")
	}
	dir := t.TempDir()
	tool := filepath.Join(dir, "mapfile-dump")
	if out, err := exec.Command(goCommand, "build", "-o", tool, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	path := filepath.Join(dir, "foreign.map")
	publishForeign(t, path)
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(tool, args...)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return string(out)
	}
	for slot, want := range map[string]string{
		"pod":     `{"Run":7,"Events":1000}`,
		"json":    `{"Limit":5}`,
		"msgpack": `{"Names":["a","b"]}`,
	} {
		var got struct{ Value json.RawMessage }
		if err := json.Unmarshal([]byte(run("get", path, slot, "-o", "json")), &got); err != nil || string(got.Value) != want {
			t.Errorf("%s: %s, %v; want %s", slot, got.Value, err, want)
		}
	}
	var family struct {
		Value struct {
			Name   string
			Metric []struct {
				Label   []struct{ Name, Value string }
				Counter struct{ Value float64 }
			}
		}
	}
	if err := json.Unmarshal([]byte(run("get", path, "metrics/orders_total", "-o", "json")), &family); err != nil {
		t.Fatal(err)
	}
	if v := family.Value; v.Name != "orders_total" || len(v.Metric) != 1 || v.Metric[0].Counter.Value != 42 || v.Metric[0].Label[0].Value != "eu" {
		t.Errorf("MetricFamily: %+v", v)
	}
	if text := run("get", path, "gob"); !strings.Contains(text, "test.Gob") || !strings.Contains(text, "73 65 63 72 65 74") && !strings.Contains(text, "secret") {
		t.Errorf("gob without --trust-gob: %q", text)
	}
	if text := run("get", path, "gob", "--trust-gob", "-o", "json"); !strings.Contains(text, `"Secret":"secret"`) {
		t.Errorf("gob with --trust-gob: %q", text)
	}
	for _, want := range []string{"io.prometheus.client.MetricFamily", "test.Pod", "test.JSON", "test.Msgpack", "test.Gob"} {
		if text := run("ls", path); !strings.Contains(text, want) {
			t.Errorf("ls does not show %s:\n%s", want, text)
		}
	}
}

func publishForeign(t *testing.T, path string) {
	t.Helper()
	mf, err := mapfile.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer mf.Close()
	registry.Register[foreignPod]("test.Pod", pod.Codec)
	registry.Register[foreignJSON]("test.JSON", jsoncodec.Codec)
	registry.Register[foreignMsgpack]("test.Msgpack", msgpackcodec.Codec)
	registry.Register[foreignGob]("test.Gob", gobcodec.Codec)
	orders := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "orders_total", Help: "Orders accepted."}, []string{"region"})
	orders.WithLabelValues("eu").Add(42)
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(orders)
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]any{
		"pod": &foreignPod{7, 1000}, "json": &foreignJSON{5}, "msgpack": &foreignMsgpack{[]string{"a", "b"}}, "gob": &foreignGob{"secret"},
	}
	for _, f := range families {
		values["metrics/"+f.GetName()] = f
	}
	for name, v := range values {
		if _, err := mf.Add(name, v); err != nil {
			t.Fatal(err)
		}
	}
	if err := mf.Update(); err != nil {
		t.Fatal(err)
	}
}
