package policies

import (
	"maps"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// The groups of case types that a policy's routes make.
const (
	HumanOnly = "human_only"
	AIHandles = "ai_handles"
)

// DriftMetrics are what drift is looked for in.
var DriftMetrics = []string{"csat", "complaint", "escalation", "repeat_contact", "csat_response"}

// Drift says how drift is looked for. The zero value is no policy; see Shipped.
type Drift struct {
	// FalseAlarmsAYear is how many false alarms a year are allowed, over all tests together.
	FalseAlarmsAYear float64 `yaml:"false_alarms_a_year"`
	// Reference is how long the reference period is, from the first case on.
	Reference time.Duration `yaml:"reference"`
	// CSATMargin is what a segment's CSAT may lose, in points; RateMargin what a rate may gain, as a share of itself.
	CSATMargin float64 `yaml:"csat_margin"`
	RateMargin float64 `yaml:"rate_margin"`
	// MaskedEpsilon is how little the aggregate CSAT may lose, in points, for a segment's drift to be masked.
	MaskedEpsilon float64 `yaml:"masked_epsilon"`
	// Weights are shares of the budget, by group (human_only, ai_handles) or case type: what a test of these types gets
	// for each that another one gets. A case type's own weight goes before its group's; 1 is what is not named.
	Weights Weights `yaml:"weights"`
	// Baselines are new levels that an operator has accepted.
	Baselines []Baseline `yaml:"baselines"`
}

// Weights are by name. A policy that names any leaves nothing of the shipped ones.
type Weights map[string]float64

// UnmarshalYAML implements yaml.Unmarshaler.
func (w *Weights) UnmarshalYAML(n *yaml.Node) error {
	var m map[string]float64
	if err := n.Decode(&m); err != nil {
		return err
	}
	*w = m
	return nil
}

// Baseline opens another reference period for one metric of one segment.
type Baseline struct {
	CaseType string    `yaml:"case_type"`
	Handler  string    `yaml:"handler"`
	Metric   string    `yaml:"metric"`
	From     time.Time `yaml:"from"`
}

const maxBaselines = 1000

// Validate reports every fault. fault is called with the words of each, which name the field and how to mend it.
func (d *Drift) Validate(fault func(format string, a ...any)) {
	for _, x := range []struct {
		name      string
		value, to float64
	}{{"false_alarms_a_year", d.FalseAlarmsAYear, 1000}, {"csat_margin", d.CSATMargin, 4}, {"rate_margin", d.RateMargin, 10}, {"masked_epsilon", d.MaskedEpsilon, 4}} {
		if !(x.value > 0 && x.value <= x.to) {
			fault("drift.%s: %v is not above 0 and at most %v", x.name, x.value, x.to)
		}
	}
	if d.Reference < 7*24*time.Hour || d.Reference > 366*24*time.Hour || d.Reference%time.Hour != 0 {
		fault("drift.reference: %v is out of range; use whole hours, at least 168h (a week, so that every weekday is in it) and at most 8784h", d.Reference)
	}
	for _, name := range slices.Sorted(maps.Keys(d.Weights)) {
		if w := d.Weights[name]; name == "" || !(w > 0 && w <= 1000) {
			fault("drift.weights.%s: %v is not above 0 and at most 1000", name, w)
		}
	}
	if len(d.Baselines) > maxBaselines {
		fault("drift.baselines: lists %d, more than %d; take out those that later ones replace", len(d.Baselines), maxBaselines)
	}
	for i, b := range d.Baselines {
		switch {
		case b.CaseType == "":
			fault("drift.baselines[%d].case_type is missing", i)
		case !slices.Contains(Handlers, b.Handler):
			fault("drift.baselines[%d].handler: unknown handler %q; known are %s", i, b.Handler, strings.Join(Handlers, ", "))
		case !slices.Contains(DriftMetrics, b.Metric):
			fault("drift.baselines[%d].metric: unknown metric %q; known are %s", i, b.Metric, strings.Join(DriftMetrics, ", "))
		case b.From.IsZero():
			fault("drift.baselines[%d].from is missing; give the time from which the new level holds, such as 2026-03-01T00:00:00Z", i)
		}
	}
}
