package alert

import (
	"math"
	"slices"

	"github.com/casetrail/casetrail/pipelines/policies"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/aggregator/masking"
	"github.com/casetrail/casetrail/services/aggregator/watch"
)

const hourMS = 3_600_000

// Desk makes alerts of hours: it watches, knows which episodes are open, and writes what is to be said about each. Its alerts
// are a function of the policies, the hours and the heads that it was given. Not for concurrent use.
type Desk struct {
	monitor *watch.Monitor
	types   map[string][]string     // of each group
	open    map[string]watch.Update // by episode
}

// NewDesk makes a desk under a policy that has seen nothing.
func NewDesk(p *policies.Measures) *Desk {
	d := &Desk{open: map[string]watch.Update{}, monitor: watch.New(watching(p))}
	d.group(p)
	return d
}

// Configure takes another policy, from the next hour on.
func (d *Desk) Configure(p *policies.Measures) {
	d.monitor.Configure(watching(p))
	d.group(p)
}

func (d *Desk) group(p *policies.Measures) {
	d.types = map[string][]string{policies.HumanOnly: p.Routes.HumanOnly, policies.AIHandles: p.Routes.AIHandles}
}

// watching is what a policy says about drift.
func watching(p *policies.Measures) watch.Config {
	c := watch.Config{FalseAlarms: p.Drift.FalseAlarmsAYear, Reference: int64(p.Drift.Reference.Hours()), CSATMargin: p.Drift.CSATMargin,
		RateMargin: p.Drift.RateMargin, Epsilon: p.Drift.MaskedEpsilon, Minimum: p.Metrics.MinimumCases, Handlers: p.Metrics.Handlers,
		Weights: p.Drift.Weights}
	for _, g := range []watch.Group{{Name: policies.HumanOnly, Types: p.Routes.HumanOnly}, {Name: policies.AIHandles, Types: p.Routes.AIHandles}} {
		if len(g.Types) > 0 {
			c.Groups = append(c.Groups, g)
		}
	}
	for _, b := range p.Drift.Baselines {
		from := b.From.UnixMilli()
		c.Baselines = append(c.Baselines, watch.Accepted{CaseType: b.CaseType, Handler: b.Handler, Metric: b.Metric, From: (from - (from%hourMS+hourMS)%hourMS) / hourMS})
	}
	return c
}

// Hour takes the segments of an hour since 1970, and the ledgers' heads at its end, and gives the alerts that it raises. Hours
// rise; those in which nothing was are left out.
func (d *Desk) Hour(hour int64, rows []watch.Row, heads []schemas.LedgerHead) []*schemas.SegmentAlert {
	updates := d.monitor.Hour(hour, rows)
	for i := range updates {
		if u := &updates[i]; u.State == watch.Closed {
			delete(d.open, u.Episode)
		} else {
			d.open[u.Episode] = *u
		}
	}
	var out []*schemas.SegmentAlert
	for i := range updates {
		out = append(out, d.alert(&updates[i], heads))
	}
	return out
}

// alert is an update as consumers get it.
func (d *Desk) alert(u *watch.Update, heads []schemas.LedgerHead) *schemas.SegmentAlert {
	a := &schemas.SegmentAlert{Alert: schemas.AlertKindDrift, CaseType: u.CaseType, Handler: u.Handler, RaisedAt: u.RaisedAt * hourMS}
	if u.Kind == watch.MaskedDrift {
		a.Alert = schemas.AlertKindMaskedDrift
	}
	e := schemas.Episode{ID: u.Episode, Test: u.Test, At: u.At * hourMS, Metric: u.Metric,
		Evidence: finite(u.Evidence), FalseAlarmYears: finite(u.FalseAlarmYears),
		Change: finite(u.Effect), ChangeLow: finite(u.Low), ChangeHigh: finite(u.High), Level0: finite(u.Level0), Level1: finite(u.Level1),
		Aggregate0: finite(u.Aggregate0), Aggregate1: finite(u.Aggregate1), Masked: u.Masked,
		Since: u.Since * hourMS, SinceLow: u.SinceLow * hourMS, SinceHigh: u.SinceHigh * hourMS,
		N: u.N, Cases: u.Cases, NReference: u.Reference, Heads: slices.Clone(heads)}
	if u.Group {
		a.CaseType, e.Group = all, schemas.Some(u.CaseType)
	}
	e.State, _ = schemas.ParseEpisodeState(string(u.State))
	e.Reference, _ = schemas.ParseReferenceKind(string(u.Against))
	if u.WorstHigh > 0 {
		e.WorstLow, e.WorstHigh = schemas.Some(finite(u.WorstLow)), schemas.Some(finite(u.WorstHigh))
	}
	if u.Masking != nil {
		e.Masking = schemas.Some(d.masking(u.Masking, u.Masked))
	}
	a.Episode = schemas.Some(e)
	a.Episode.Value.Query = Query(a, d.types[u.CaseType])
	a.Summary = Summary(a)
	return a
}

func (d *Desk) masking(m *masking.Report, masked bool) schemas.MaskingReport {
	out := schemas.MaskingReport{Aggregate0: finite(m.Aggregate0), Aggregate1: finite(m.Aggregate1), Within: finite(m.Within), Mix: finite(m.Mix),
		Residual: finite(m.Residual), GrossUp: finite(m.GrossUp), GrossDown: finite(m.GrossDown), Standardised1: finite(m.Standardised),
		Index: finite(m.Index), Masked: masked}
	for _, r := range m.Rows {
		out.Segments = append(out.Segments, schemas.MaskingSegment{CaseType: r.CaseType, Handler: r.Handler, Ratings0: r.N0, Ratings1: r.N1,
			Csat0: finite(r.Mean0), Csat1: finite(r.Mean1), Share0: finite(r.Share0), Share1: finite(r.Share1), Within: finite(r.Within), Mix: finite(r.Mix),
			Alerted: d.alerted(r.CaseType, r.Handler)})
	}
	return out
}

// alerted tells whether an episode about a segment itself is open.
func (d *Desk) alerted(caseType, handler string) bool {
	for _, u := range d.open {
		if u.Kind == watch.Drift && !u.Group && u.CaseType == caseType && u.Handler == handler {
			return true
		}
	}
	return false
}

// finite is a number that every reader can read.
func finite(x float64) float64 {
	if math.IsNaN(x) {
		return 0
	}
	return max(-math.MaxFloat64, min(x, math.MaxFloat64))
}
