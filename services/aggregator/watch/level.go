package watch

import (
	"math"

	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/services/aggregator/drift"
)

// level is what a series usually is, by hour of the day and by weekday: what is added to the mean for CSAT, a factor for
// rates.
type level struct {
	drift.Level
	highest float64 // of what is expected at any hour
	hours   [24]float32
	days    [7]float32
	against Reference
}

// expected is the mean at an hour since 1970.
func (l *level) expected(m metric, hour int64) float64 {
	if inject.SeasonsOff.Is() {
		return l.Mean
	}
	h, d := float64(l.hours[mod(hour, 24)]), float64(l.days[weekday(hour)])
	if m == csat {
		return l.Mean + h + d
	}
	return float64(l.Mean*h) * d
}

// tolerated is the highest mean of harm that is none, where a mean is expected: by a margin in harm of CSAT, or as a share
// of the rate.
func (m metric) tolerated(s side, expected, margin float64) float64 {
	switch {
	case m == csat:
		return drift.Tolerated(expected, margin, 0)
	case s == fewer:
		return drift.Tolerated(1-float64(expected*(1-margin)), 0, 0)
	}
	return drift.Tolerated(float64(expected*(1+margin)), 0, 0)
}

// margin is what a mean may move: as the policy says, but not less than two standard errors of the reference.
func (m metric) margin(c *Config, l *drift.Level) float64 {
	if m == csat {
		return max(c.CSATMargin/4, 2*l.SE)
	}
	return max(c.RateMargin, 2*l.SE/l.Mean)
}

// harm is how bad outcomes are, in the order of their counts.
func (m metric) harm(s side) []float64 {
	switch {
	case m == csat:
		return stars
	case s == fewer:
		return absent
	}
	return events
}

// factor adds to a factor what bets against the tolerated mean have won.
func (l *level) factor(f *drift.Grid, m metric, s side, c *counts, expected, margin float64) {
	effects := csatEffects
	if m != csat {
		effects = shares(l.Mean)
	}
	ceiling := m.tolerated(s, l.highest, margin)
	if s == fewer {
		ceiling = 1
	}
	stakes := drift.Stakes(effects, l.Variance, ceiling)
	f.Factor(&stakes, m.harm(s), c.slice(), m.tolerated(s, expected, margin))
}

// shares are the effects on a rate that are bet on.
func shares(rate float64) (effects drift.Grid) {
	for j, e := range rateEffects {
		effects[j] = float64(e * rate)
	}
	return effects
}

// peak sets highest, when mean and seasons are known.
func (l *level) peak(m metric) {
	l.highest = 0
	for h := range int64(7 * 24) {
		l.highest = max(l.highest, l.expected(m, h))
	}
}

// mod is the remainder that is never negative.
func mod(a, b int64) int64 { return ((a % b) + b) % b }

// day is the day since 1970 of an hour, and weekday a number for its day of the week.
func day(hour int64) int64     { return (hour - mod(hour, 24)) / 24 }
func weekday(hour int64) int64 { return mod(day(hour), 7) }

// shrink is by how much the deviations of k groups are to be multiplied so that chance is taken out of them: chi is the sum
// of their squares, each divided by the variance that chance gives it (James and Stein's positive part).
func shrink(chi float64, k int) float64 {
	if chi <= 0 {
		return 0
	}
	return math.Max(0, 1-float64(k-1)/chi)
}
