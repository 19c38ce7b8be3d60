package watch

import (
	"fmt"
	"math"
	"time"

	"github.com/casetrail/casetrail/services/aggregator/drift"
	"github.com/casetrail/casetrail/services/aggregator/masking"
)

// episode is a drift that an alert has been raised about.
type episode struct {
	last Update // the last one published
	now  Update // as it was described last
	// ending is the evidence that the mean is no more halfway or further from the reference to where it was: a wrong end
	// comes at most once a year.
	ending drift.Detector
	shift  float64 // how far it was: harm of CSAT, or a share of the rate
}

// review opens, updates and closes episodes at the end of an hour.
func (m *Monitor) review(at int64) {
	for _, t := range m.ended {
		m.close(t, at)
	}
	m.ended = nil
	for _, t := range m.tests {
		switch {
		case t.open == nil:
			if t.detector.Evidence() >= t.limit {
				m.raise(t, at)
			}
		case !t.detector.Started() || t.open.ending.Evidence() >= 1: // an accepted level, or the end
			m.close(t, at)
		case (at-t.open.last.RaisedAt)%24 == 0:
			m.update(t, at)
		}
	}
	m.reviewMasked(at)
}

// raise opens an episode, unless there is too little to say anything.
func (m *Monitor) raise(t *test, at int64) {
	u, shift := m.describe(t, at, false)
	if u.N < m.config.Minimum {
		return
	}
	u.State, u.RaisedAt = Opened, at
	u.Episode = u.Test + "/" + time.Unix(at*3600, 0).UTC().Format("2006-01-02T15")
	t.open = &episode{last: u, now: u, shift: shift}
	m.out = append(m.out, u)
}

// update publishes what has changed enough: the effect by a tenth, the evidence tenfold, or whether it is masked; and what
// has not, once a week, so that who has come late hears of it.
func (m *Monitor) update(t *test, at int64) {
	e := t.open
	u, shift := m.describe(t, at, e.now.Masked)
	u.Episode, u.RaisedAt, u.State = e.last.Episode, e.last.RaisedAt, Updated
	e.now, e.shift = u, shift
	if m.matters(&e.last, &u) {
		e.last = u
		m.out = append(m.out, u)
	}
}

func (m *Monitor) matters(old, now *Update) bool {
	return now.At-old.At >= 7*24 || math.Abs(now.Effect-old.Effect) >= math.Abs(old.Effect)/10 || now.Evidence >= 10*old.Evidence || now.Masked != old.Masked
}

// close ends an episode; the test begins anew.
func (m *Monitor) close(t *test, at int64) {
	u := t.open.now
	u.State, u.At = Closed, at
	m.out = append(m.out, u)
	t.open = nil
	t.reset()
}

// step takes an hour into the evidence that the drift is over.
func (e *episode) step(m *Monitor, t *test, hours float64) {
	var c counts
	var expected float64
	for _, s := range t.members {
		if s.live != nil {
			now := m.now(s)
			c.add(&now)
			expected += s.expected
		}
	}
	n := c.n()
	if n <= 0 {
		return
	}
	mean := expected / float64(n)
	half := e.shift / 2
	if t.metric != csat {
		half *= mean
	}
	var effects drift.Grid
	for j := range effects {
		effects[j] = half * float64(int(1)<<j) / 4
	}
	better, limit := absent, 1-(mean+half) // what is good, and its mean at half the shift
	switch {
	case t.metric == csat:
		better = []float64{0, .25, .5, .75, 1}
	case t.side == fewer:
		better, limit = events, mean-half
	}
	l := t.level()
	stakes := drift.Stakes(effects, l.Variance, 1)
	var f drift.Grid
	f.Factor(&stakes, better, c.slice(), min(max(limit, 1e-4), .9999))
	f = f.Temper(l.Phi)
	e.ending.Step(&f, hours)
}

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

// String names an update for logs and tests.
func (u *Update) String() string {
	return fmt.Sprintf("%s %s: %+.3f (%+.3f to %+.3f), evidence %.3g", u.State, u.Episode, u.Effect, u.Low, u.High, u.Evidence)
}
