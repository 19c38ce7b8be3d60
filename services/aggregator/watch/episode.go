package watch

import (
	"fmt"
	"math"
	"time"

	"github.com/casetrail/casetrail/services/aggregator/drift"
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

// String names an update for logs and tests.
func (u *Update) String() string {
	return fmt.Sprintf("%s %s: %+.3f (%+.3f to %+.3f), evidence %.3g", u.State, u.Episode, u.Effect, u.Low, u.High, u.Evidence)
}
