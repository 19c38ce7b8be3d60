// Package driftreport measures how soon, and at what price in false alarms, drift is found that the aggregate hides: by
// Casetrail, by what people do today, and by an oracle that knows what is coming. All of them see the same hours of the
// same simulated company (package world). It writes docs/drift.md and docs/drift.svg.
package driftreport

import "github.com/casetrail/casetrail/cli/world"

// Alarm is what a method says at the end of an hour, once for as long as it holds.
type Alarm struct {
	Metric string
	// Segments are those that it is about, by number in world.Segments; empty for everything.
	Segments []int
}

// Method looks at a company hour by hour. It sees counts and nothing else.
type Method interface {
	// Hour takes the counts of an hour, since 1970, in the order of world.Segments, and returns what begins to alarm.
	Hour(hour int64, rows []world.Count) []Alarm
}

// referenceDays is how long every method may learn what is usual; alarms begin after it.
const referenceDays = 28

// The metrics that the methods of today look at.
const (
	csat      = "csat"
	complaint = "complaint"
)

// tally is a number of values between 0 and 1 (1 is good), their sum and the sum of their squares.
type tally struct{ n, sum, squares float64 }

func (t *tally) add(o tally) {
	t.n += o.n
	t.sum += o.sum
	t.squares += o.squares
}

func (t *tally) sub(o tally) {
	t.n -= o.n
	t.sum -= o.sum
	t.squares -= o.squares
}

func (t *tally) mean() float64 { return t.sum / t.n }

// variance of the values.
func (t *tally) variance() float64 { return max(t.squares/t.n-t.mean()*t.mean(), 0) }

// ratings are a segment's ratings, from 0 for one star to 1 for five.
func ratings(c *world.Count) (t tally) {
	for k, n := range c.CSAT {
		y := float64(k) / 4
		t.add(tally{float64(n), float64(n) * y, float64(n) * y * y})
	}
	return t
}

// peace is a segment's cases, 1 for each without a complaint. A late complaint may come in an hour without a case.
func peace(c *world.Count) tally {
	n := float64(c.Cases)
	good := n - float64(c.Complaints)
	return tally{n, good, good}
}

// by gives the tallies of the two metrics.
var by = [2]struct {
	metric string
	of     func(*world.Count) tally
}{{csat, ratings}, {complaint, peace}}

// daily adds up the hours of each day of UTC.
type daily struct {
	days int // that are over
	sums [world.Size][2]tally
}

// over adds an hour and tells whether a day is over with it, which sums then holds until the next call.
func (d *daily) over(hour int64, rows []world.Count) bool {
	if hour%24 == 0 {
		d.sums = [world.Size][2]tally{}
	}
	for i := range rows {
		for m := range by {
			d.sums[i][m].add(by[m].of(&rows[i]))
		}
	}
	if hour%24 != 23 {
		return false
	}
	d.days++
	return true
}
