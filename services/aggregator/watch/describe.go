package watch

import (
	"math"

	"github.com/casetrail/casetrail/services/aggregator/drift"
	"github.com/casetrail/casetrail/services/aggregator/masking"
)

// alpha is how often an interval may miss, over all times and a year's days of beginning.
const alpha = .05 / 365

// describe says all that is known of a test's drift, and how far the mean has moved. What was masked is so until the
// aggregate has lost twice what it may, so that it does not come and go.
func (m *Monitor) describe(t *test, at int64, masked bool) (Update, float64) {
	l, panes := t.level(), t.tail(m)
	u := Update{Test: t.key(), Kind: Drift, CaseType: t.caseType, Group: t.group, Handler: t.handler, Metric: metricNames[t.metric], At: at,
		Evidence: t.detector.Evidence(), Reference: l.N, Against: Period}
	u.FalseAlarmYears = u.Evidence
	for _, s := range t.members {
		if s.live != nil && s.live.against != Period {
			u.Against = s.live.against
		}
	}
	first, low, high := drift.ChangePoint(m.factors(t, panes, l))
	u.Since, u.SinceLow, u.SinceHigh = panes[first].start, panes[low].start, panes[high].end-1
	panes = panes[first:]
	var c counts
	var all Counts
	var expected float64
	c.k = 2
	for i := range panes {
		for _, s := range t.members {
			if one, e, ok := s.in(&panes[i]); ok {
				c.add(&one)
				expected += e
				for _, leaf := range s.leaves {
					of := panes[i].cells[leaf].counts()
					all.add(&of)
				}
			}
		}
	}
	u.N, u.Cases = c.n(), all.Cases
	if u.N <= 0 {
		return u, 0
	}
	shift := m.effect(&u, t, l, &c, expected/float64(u.N))
	if t.metric == csat {
		u.WorstLow, u.WorstHigh = masking.Bounds(all.Cases, u.N, 5*u.N-c.sum())
	}
	epsilon := m.config.Epsilon
	if masked {
		epsilon *= 2
	}
	m.aggregate(&u, t.metric, panes, epsilon)
	return u, shift
}

// factors are the panes as the change point needs them.
func (m *Monitor) factors(t *test, panes []pane, l *drift.Level) []drift.Tail {
	margin := t.metric.margin(&m.config, l)
	tail := make([]drift.Tail, len(panes))
	for i := range panes {
		p := &panes[i]
		tail[i].Hours = float64(p.end - p.start)
		for _, s := range t.members {
			c, expected, ok := s.in(p)
			if !ok || s.live == nil {
				continue
			}
			mean := s.live.Mean
			if n := c.n(); n > 0 {
				mean = expected / float64(n)
			}
			s.live.factor(&tail[i].Factor, t.metric, t.side, &c, mean, margin)
		}
		tail[i].Factor = tail[i].Factor.Temper(l.Phi)
	}
	return tail
}

// effect fills in levels and interval, and gives how far the mean has moved: at least by the margin.
func (m *Monitor) effect(u *Update, t *test, l *drift.Level, c *counts, expected float64) float64 {
	harm, effects := events, shares(expected)
	if t.metric == csat {
		harm, effects = stars, csatEffects
	}
	c.c[0] = max(c.c[0], 0) // an event may come later than its case
	_, mean, _ := drift.Moments(harm, c.slice())
	low, high := drift.Interval(harm, c.slice(), &effects, l.Variance, l.Phi, alpha)
	low, high = low-2*l.SE, high+2*l.SE
	u.Level0, u.Level1 = t.metric.figure(expected), t.metric.figure(mean)
	scale := 1.0
	if t.metric == csat {
		scale, low, high = -4, high, low
	}
	u.Effect, u.Low, u.High = float64(scale*(mean-expected)), float64(scale*(low-expected)), float64(scale*(high-expected))
	if t.metric == csat {
		return max(mean-expected, m.config.CSATMargin/4)
	}
	return max(math.Abs(mean-expected)/expected, m.config.RateMargin)
}

// aggregate fills in what the metric did over everything, and whether the CSAT over everything shows the drift.
func (m *Monitor) aggregate(u *Update, x metric, panes []pane, epsilon float64) {
	if r, ok := masking.Compare(m.segments(x, panes)); ok {
		u.Aggregate0, u.Aggregate1 = r.Aggregate0, r.Aggregate1
	}
	if r, ok := masking.Compare(m.segments(csat, panes)); ok {
		u.Masking = &r
		u.Masked = x != response && masking.Masked(1, r.Change, epsilon)
	}
}

// segments are a metric's means in the reference and in panes, seasons apart.
func (m *Monitor) segments(x metric, panes []pane) (out []masking.Segment) {
	for _, s := range m.series {
		if s.metric != x {
			continue
		}
		g := masking.Segment{CaseType: s.caseType, Handler: s.handler}
		var sum, expected float64
		for i := range panes {
			c, e, ok := s.in(&panes[i])
			g.N1 += max(0, c.n())
			sum += float64(float64(c.sum()) * x.unit())
			if ok {
				expected += e
			} else if c.n() > 0 {
				expected = math.NaN()
			}
		}
		if g.N1 > 0 {
			g.Mean1 = x.figure(sum / float64(g.N1))
		}
		if l := s.level; l != nil {
			g.N0, g.Mean0 = l.N, x.figure(l.Mean)
			if g.N1 > 0 && !math.IsNaN(expected) {
				g.Mean1 = x.figure(l.Mean + (sum-expected)/float64(g.N1))
			}
		}
		out = append(out, g)
	}
	return out
}
