package driftreport

import (
	"math"

	"github.com/casetrail/casetrail/cli/world"
)

// adwin keeps a window of a stream of values between 0 and 1 that is as long as its mean has not changed: whenever some
// older part's mean differs from the younger part's by more than chance allows at confidence delta, the oldest is dropped.
// It is ADWIN2 of Bifet and Gavaldà, "Learning from time-changing data with adaptive windowing" (SDM 2007): an exponential
// histogram with at most buckets of each size, and the cut of their section 4.1 with the variance of the window. A value
// may be a whole pane: the window is then cut between panes only.
type adwin struct {
	delta float64
	rows  [][]tally // by size, smallest first; within a row oldest first
	all   tally
}

const (
	buckets    = 5 // of each size
	minSubsize = 5 // values on either side of a cut
)

// add takes a pane, and tells whether the window was cut, and which way its mean went: up is positive.
func (a *adwin) add(pane tally) (cut bool, change float64) {
	if pane.n <= 0 {
		return false, 0
	}
	if len(a.rows) == 0 {
		a.rows = [][]tally{nil}
	}
	a.rows[0] = append(a.rows[0], pane)
	a.all.add(pane)
	a.compress()
	for {
		c, up := a.shrinks()
		if !c {
			return cut, change
		}
		if !cut {
			change = up
		}
		cut = true
		a.drop()
	}
}

// compress merges the two oldest of a size into one of the next.
func (a *adwin) compress() {
	for i := 0; i < len(a.rows) && len(a.rows[i]) > buckets; i++ {
		if i+1 == len(a.rows) {
			a.rows = append(a.rows, nil)
		}
		two := a.rows[i][0]
		two.add(a.rows[i][1])
		a.rows[i+1] = append(a.rows[i+1], two)
		a.rows[i] = append(a.rows[i][:0], a.rows[i][2:]...)
	}
}

// shrinks tells whether some cut shows a change.
func (a *adwin) shrinks() (bool, float64) {
	var old tally
	young := a.all
	v := a.all.variance()
	inDelta := math.Log(2 * math.Log(a.all.n) / a.delta)
	for i := len(a.rows) - 1; i >= 0; i-- {
		for _, b := range a.rows[i] {
			old.add(b)
			young.sub(b)
			if old.n < minSubsize || young.n < minSubsize {
				continue
			}
			m := 1/old.n + 1/young.n
			epsilon := math.Sqrt(2*m*v*inDelta) + 2./3*m*inDelta
			if up := young.mean() - old.mean(); math.Abs(up) > epsilon {
				return true, up
			}
		}
	}
	return false, 0
}

// drop forgets the oldest bucket.
func (a *adwin) drop() {
	last := len(a.rows) - 1
	a.all.sub(a.rows[last][0])
	a.rows[last] = a.rows[last][1:]
	for last > 0 && len(a.rows[last]) == 0 {
		a.rows = a.rows[:last]
		last--
	}
}

// adwins is one for each segment and metric. It alarms at each cut by which a mean fell, at most once a week for each.
type adwins struct {
	delta   float64
	panes   int64 // hours that make a pane: 1 or 24
	daily   daily
	windows [world.Size][2]adwin
	silent  [world.Size][2]int64 // until
	hours   int64
}

func (a *adwins) Hour(hour int64, rows []world.Count) (alarms []Alarm) {
	over := a.daily.over(hour, rows)
	a.hours++
	if a.panes == 24 && !over {
		return nil
	}
	for i := range rows {
		for m := range by {
			pane := a.daily.sums[i][m]
			if a.panes == 1 {
				pane = by[m].of(&rows[i])
			}
			w := &a.windows[i][m]
			w.delta = a.delta
			cut, up := w.add(pane)
			if cut && up < 0 && a.hours > referenceDays*24 && hour >= a.silent[i][m] {
				a.silent[i][m] = hour + 7*24
				alarms = append(alarms, Alarm{Metric: by[m].metric, Segments: []int{i}})
			}
		}
	}
	return alarms
}
