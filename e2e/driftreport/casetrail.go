package driftreport

import (
	"math"
	"slices"

	"github.com/casetrail/casetrail/cli/world"
	"github.com/casetrail/casetrail/services/aggregator/watch"
)

// Casetrail is the name of the method that this repository ships, with the shipped policy's values.
const Casetrail = "Casetrail"

// Shipped is what the policy says that ships with Casetrail, for the types of the simulated company.
func Shipped() watch.Config {
	groups := map[bool][]string{}
	for _, s := range world.Segments() {
		if hard := world.Hard(s.CaseType); !slices.Contains(groups[hard], s.CaseType) {
			groups[hard] = append(groups[hard], s.CaseType)
		}
	}
	return watch.Config{
		FalseAlarms: falseAlarms, Reference: referenceDays * 24, CSATMargin: .04, RateMargin: .15, Epsilon: .02, Minimum: 30,
		Handlers: []string{world.AI, world.Human, world.Escalated},
		Groups:   []watch.Group{{Name: aiHandles, Types: groups[false]}, {Name: humanOnly, Types: groups[true]}},
		Weights:  map[string]float64{humanOnly: 3},
	}
}

const (
	aiHandles = "ai_handles"
	humanOnly = "human_only"
)

type casetrail struct {
	monitor *watch.Monitor
	config  watch.Config
	rows    []watch.Row
	updates []watch.Update
}

func newCasetrail(budget float64) *casetrail {
	c := Shipped()
	c.FalseAlarms = budget
	return &casetrail{monitor: watch.New(c), config: c}
}

func (c *casetrail) Hour(hour int64, rows []world.Count) (alarms []Alarm) {
	c.rows = c.rows[:0]
	for i := range rows {
		r := &rows[i]
		c.rows = append(c.rows, watch.Row{CaseType: r.CaseType, Handler: r.Handler,
			Counts: watch.Counts{Cases: r.Cases, Complaints: r.Complaints, Escalated: r.Escalated, Repeats: r.Repeats, CSAT: r.CSAT}})
	}
	for _, u := range c.monitor.Hour(hour, c.rows) {
		c.updates = append(c.updates, u)
		if u.State == watch.Opened && u.Kind == watch.Drift {
			alarms = append(alarms, Alarm{Metric: u.Metric, Segments: c.scope(&u)})
		}
	}
	return alarms
}

// scope is which segments an update is about.
func (c *casetrail) scope(u *watch.Update) (out []int) {
	types := []string{u.CaseType}
	if u.Group {
		for _, g := range c.config.Groups {
			if g.Name == u.CaseType {
				types = g.Types
			}
		}
	}
	for i, s := range world.Segments() {
		if (u.CaseType == watch.All || slices.Contains(types, s.CaseType)) && (u.Handler == watch.All || u.Handler == s.Handler) {
			out = append(out, i)
		}
	}
	return out
}

// Detail is what Casetrail said about a drift beyond that there is one.
type Detail struct {
	Masked    float64 // days from the beginning of the drift until it was called masked; NaN for never
	Intervals int     // of CSAT, in all messages about segments that drift
	Covered   int     // of these, how many cover what the drift alone had taken
	Since     float64 // days between the beginning of the drift and what the first message about CSAT took for it: late is positive
	Within    bool    // the beginning is in that message's 90 % interval
	// FalseMasked is how often drift was called masked while nothing drifted.
	FalseMasked int
}

func (c *casetrail) detail(w *world.Config, a *aggregate) *Detail {
	d := &Detail{Masked: math.NaN(), Since: math.NaN()}
	onset := float64(w.Start) + w.Drift.FromDay*24
	for i := range c.updates {
		u := &c.updates[i]
		delay := (float64(u.At) - onset) / 24
		scope := c.scope(u)
		if w.Drift.Shape == "" || w.Drift.Shape == world.None || delay < 0 || !slices.ContainsFunc(scope, a.world.Drifts) {
			if u.State == watch.Opened && u.Kind == watch.MaskedDrift {
				d.FalseMasked++
			}
			continue
		}
		if u.Kind == watch.MaskedDrift {
			if u.State == watch.Opened && math.IsNaN(d.Masked) {
				d.Masked = delay
			}
			continue
		}
		if u.Metric != csat || u.State == watch.Closed {
			continue
		}
		d.Intervals++
		if truth := a.truth(scope, u.Since-w.Start, u.At-w.Start); u.Low <= truth && truth <= u.High {
			d.Covered++
		}
		if math.IsNaN(d.Since) {
			d.Since = (float64(u.Since) - onset) / 24
			d.Within = float64(u.SinceLow) <= onset && onset <= float64(u.SinceHigh)+1
		}
	}
	return d
}
