package watch

import (
	"math"

	"github.com/casetrail/casetrail/services/aggregator/drift"
)

// tally is outcomes and the sum of what they count, in a metric's unit; where seasons are known, also what was expected.
type tally struct {
	n, sum   int32
	expected float32
}

// reference collects what a series usually is.
type reference struct {
	since int64 // hour
	begun bool
	hours [24]tally
	days  [7]tally
	daily []tally // from day(since) on
	total counts
	old   *level // where an operator has accepted a new level: the one before, whose seasons hold on
}

func (r *reference) add(m metric, hour int64, c *counts) {
	n, sum := int32(c.n()), int32(c.sum())
	expected := float32(0)
	if r.old != nil {
		expected = float32(float64(n) * r.old.expected(m, hour))
	}
	for _, t := range []*tally{&r.hours[mod(hour, 24)], &r.days[weekday(hour)], r.day(hour)} {
		t.n, t.sum, t.expected = t.n+n, t.sum+sum, t.expected+expected
	}
	r.total.add(c)
}

// pane adds a pane from before the reference was opened.
func (r *reference) pane(hour int64, c *counts, expected float32) {
	t := r.day(hour)
	t.n, t.sum, t.expected = t.n+int32(c.n()), t.sum+int32(c.sum()), t.expected+expected
	r.total.add(c)
}

func (r *reference) day(hour int64) *tally {
	i := int(day(hour) - day(r.since))
	for len(r.daily) <= i {
		r.daily = append(r.daily, tally{})
	}
	return &r.daily[i]
}

// weeks is how many days it takes to tell weekdays apart.
const twoWeeks = 14

// ready tells whether the reference has come to its end at an hour, and has enough in it.
func (r *reference) ready(at int64, c *Config) bool {
	length := c.Reference
	if r.old != nil {
		length = min(length, 7*24) // the seasons are known
	}
	return r.begun && at >= r.since+length && r.total.n() >= c.Minimum
}

// residuals are how far each day was from what was expected of it, in harm or events.
type residuals struct {
	day  int64 // the first
	n, r []float64
}

// fit makes a level of the reference; nil where it says too little: all outcomes alike, or less than three days.
func (r *reference) fit(m metric) (*level, *residuals) {
	l := &level{against: Period}
	if l.N, l.Mean, l.Variance = drift.Moments(m.harm(worse), r.total.slice()); l.Variance <= 0 {
		return nil, nil
	}
	res := &residuals{day: day(r.since)}
	if r.old != nil {
		r.shift(m, l, res)
	} else {
		r.seasons(m, l, res)
	}
	l.SE, l.Phi = drift.Cluster(res.n, res.r, l.Variance)
	if math.IsInf(l.SE, 0) {
		return nil, nil
	}
	l.peak(m)
	return l, res
}

// seasons fills in hours, weekdays and the days' residuals.
func (r *reference) seasons(m metric, l *level, res *residuals) {
	effects := func(of []tally, phi float64) (out []float64, keep float64) {
		chi, k := 0.0, 0
		out = make([]float64, len(of))
		for i, t := range of {
			if t.n <= 0 {
				continue
			}
			above := float64(float64(t.sum)*m.unit()) - float64(float64(t.n)*l.Mean)
			chi += above * above / float64(float64(t.n)*l.Variance) / phi
			out[i] = above / float64(t.n)
			k++
		}
		return out, shrink(chi, k)
	}
	set := func(to []float32, e []float64, keep float64) {
		for i := range to {
			if to[i] = float32(e[i] * keep); m != csat {
				to[i] = float32(1 + float64(max(-.9, e[i]/l.Mean)*keep))
			}
		}
	}
	e, keep := effects(r.hours[:], 1)
	set(l.hours[:], e, keep)
	weekly, few := len(r.daily) >= twoWeeks, 1.0
	e, _ = effects(r.days[:], 1)
	if days := float64(len(r.daily)); weekly {
		few = math.Sqrt((days - 1) / (days - 7)) // six figures more are fitted than the mean
	} else {
		clear(e)
	}
	for i, t := range r.daily {
		if t.n <= 0 && t.sum == 0 {
			continue
		}
		at := (res.day + int64(i)) * 24
		res.put(i, float64(t.n), few*(float64(float64(t.sum)*m.unit())-float64(float64(t.n)*(l.Mean+e[weekday(at)]))))
	}
	if weekly {
		_, phi := drift.Cluster(res.n, res.r, l.Variance)
		e, keep = effects(r.days[:], phi)
		set(l.days[:], e, keep)
	} else {
		set(l.days[:], e, 0)
	}
}

// shift fills in the residuals where the seasons are the old ones, moved by as much as the mean has.
func (r *reference) shift(m metric, l *level, res *residuals) {
	l.against, l.hours, l.days = AcceptedLevel, r.old.hours, r.old.days
	var n, sum, expected float64
	for _, t := range r.daily {
		n, sum, expected = n+float64(t.n), sum+float64(float64(t.sum)*m.unit()), expected+float64(t.expected)
	}
	if m == csat {
		l.Mean = r.old.Mean + (sum-expected)/n
	} else {
		l.Mean = r.old.Mean * (sum / expected)
	}
	for i, t := range r.daily {
		e := float64(t.expected)
		if m == csat {
			e += float64(float64(t.n) * (l.Mean - r.old.Mean))
		} else {
			e *= sum / expected
		}
		res.put(i, float64(t.n), float64(float64(t.sum)*m.unit())-e)
	}
}

func (res *residuals) put(i int, n, r float64) {
	for len(res.n) <= i {
		res.n, res.r = append(res.n, 0), append(res.r, 0)
	}
	res.n[i], res.r[i] = n, r
}
