package policies

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestWhatIsLeftOutIsShipped(t *testing.T) {
	want := Shipped()
	want.Version = "v"
	for _, doc := range []string{"version: v", "version: v\nmetrics:\ndrift:\n", "version: v\nof_another_version: {a: 1}", string(Default)} {
		got, err := Read(doc)
		if err != nil {
			t.Fatal(err)
		}
		want.Version, want.Routes = got.Version, got.Routes
		if strings.HasPrefix(doc, "#") {
			want.Drift.Baselines, got.Drift.Baselines = nil, nil // [] and nothing are the same
		}
		if got.Metrics.Handlers[0] != "ai" || len(got.Metrics.Handlers) != 3 || !reflect.DeepEqual(got.Metrics, want.Metrics) || !reflect.DeepEqual(got.Drift, want.Drift) {
			t.Errorf("%.30q\n got %+v\nwant %+v", doc, got, want)
		}
	}
}

func TestAPartChangesThatPart(t *testing.T) {
	m, err := Read("metrics: {windows: {7d: 1h, 90m: 30m}, minimum_cases: 50}\ndrift: {weights: {roaming: 2}, baselines: [{case_type: roaming, handler: ai, metric: csat, from: 2026-03-01T00:00:00Z}]}")
	if err != nil {
		t.Fatal(err)
	}
	want := Shipped()
	want.Metrics.Windows = Windows{{"90m", 90, 30}, {"7d", 7 * day, 60}}
	want.Metrics.MinimumCases = 50
	want.Drift.Weights = Weights{"roaming": 2}
	want.Drift.Baselines = []Baseline{{"roaming", "ai", "csat", time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}}
	if !reflect.DeepEqual(*m, want) {
		t.Errorf("got %+v", m)
	}
}

func TestWhatCannotBeIsNamed(t *testing.T) {
	for doc, want := range map[string]string{
		"metrics: {windows: [1h]}":                                        "line 1: metrics.windows must map",
		"metrics: {windows: {1.5h: 1m}}":                                  `"1.5h" is no whole number of minutes`,
		"metrics: {windows: {0h: 1m}}":                                    `"0h" is no whole number`,
		"metrics: {windows: {}}":                                          "metrics.windows: names 0 windows; give 1 to 8",
		"metrics: {windows: {24h: 1h, 1d: 1h}}":                           "is as long as window",
		"metrics: {windows: {400d: 1d}}":                                  "metrics.windows.400d: is longer than a year",
		"metrics: {windows: {1h: 7m}}":                                    "metrics.windows.1h: is not a whole number of its steps of 7m",
		"metrics: {windows: {1h: 2h}}":                                    "is not a whole number of its steps of 120m",
		"metrics: {windows: {30d: 1m}}":                                   "metrics.windows.30d: has more than 1440 steps of 1m",
		"metrics: {windows: {70m: 7m}}":                                   "neither divides a day nor is whole days",
		"metrics: {handlers: [bot]}":                                      `metrics.handlers: unknown handler "bot"; known are ai, ai_then_escalated, human`,
		"metrics: {handlers: [ai, ai]}":                                   `metrics.handlers: "ai" is listed twice`,
		"metrics: {handlers: []}":                                         "metrics.handlers: names none",
		"metrics: {minimum_cases: 0}":                                     "metrics.minimum_cases: 0 is not between",
		"metrics: {human_within: -1m}":                                    "metrics.human_within: -1m0s is out of range",
		"metrics: {repeat_contact: 30s}":                                  "metrics.repeat_contact: 30s is out of range",
		"metrics: {repeat_contact: soon}":                                 "line 1: cannot unmarshal",
		"drift: {false_alarms_a_year: .inf}":                              "drift.false_alarms_a_year: +Inf is not above 0",
		"drift: {csat_margin: .nan}":                                      "drift.csat_margin: NaN is not",
		"drift: {reference: 24h}":                                         "drift.reference: 24h0m0s is out of range",
		"drift: {weights: {x: 0}}":                                        "drift.weights.x: 0 is not above 0",
		"drift: {baselines: [{case_type: x}]}":                            "drift.baselines[0].handler: unknown handler",
		"drift: {baselines: [{case_type: x, handler: ai}]}":               "drift.baselines[0].metric: unknown metric",
		"drift: {baselines: [{case_type: x, handler: ai, metric: csat}]}": "drift.baselines[0].from is missing",
		"[": "did not find expected node content",
	} {
		m, err := Read(doc)
		if !errors.Is(err, ErrMeasures) || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%s: %v, %v", doc, m, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(string(Default))
	f.Add("metrics: {windows: {1h: 1m}}")
	f.Add("metrics: &a {windows: *a}")
	f.Fuzz(func(t *testing.T, doc string) {
		m, err := Read(doc)
		if (m == nil) == (err == nil) {
			t.Fatal(m, err)
		}
		if err == nil {
			for _, w := range m.Metrics.Windows {
				if w.Step < 1 || w.Length%w.Step != 0 {
					t.Fatal(w)
				}
			}
		}
	})
}
