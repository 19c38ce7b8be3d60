package world

import (
	"fmt"
	"math"
	"slices"
)

// Shape is how a drift comes.
type Shape string

// The shapes.
const (
	None   Shape = "none"
	Slide  Shape = "slide"  // evenly, over Days
	Sudden Shape = "sudden" // all at once
)

// Drift is what gets worse, and how. While the drifting segments lose CSAT and their complaints rise, up to twice as many,
// the other segments of easy case types get just so much better that the expected aggregate stands still.
type Drift struct {
	Shape    Shape // empty for None
	Drop     float64
	FromDay  float64   // since the world's start
	Days     float64   // how long a slide takes
	Segments []Segment // empty for the hard case types with the AI
}

// maxDrop keeps the mean of a drifting segment a mean of ratings.
const maxDrop = 1.5

func (d *Drift) validate() (faults []error) {
	fault := func(format string, a ...any) { faults = append(faults, fmt.Errorf(format, a...)) }
	switch d.Shape {
	case "", None:
		return nil
	case Slide:
		if !(d.Days > 0 && d.Days <= maxDays) {
			fault("drift days: %v is not above 0 and at most %d", d.Days, maxDays)
		}
	case Sudden:
	default:
		fault("drift: %q is none of %s, %s, %s", d.Shape, Slide, Sudden, None)
	}
	if !(d.Drop > 0 && d.Drop <= maxDrop) {
		fault("drop: %v CSAT points is not above 0 and at most %v", d.Drop, maxDrop)
	}
	if !(d.FromDay >= 0 && d.FromDay <= maxDays) {
		fault("from day: %v is not between 0 and %d", d.FromDay, maxDays)
	}
	for _, s := range d.Segments {
		if !slices.ContainsFunc(table[:], func(t segment) bool { return t.Segment == s }) {
			fault("segments: there is no %s:%s; a segment is a case type and one of %v, such as dispute:ai", s.CaseType, s.Handler, handlerNames)
		}
	}
	return faults
}

// course is a drift, ready to be asked.
type course struct {
	Drift
	drifts [Size]bool
	eases  [Size]bool
	gain   float64 // CSAT points that the easy ones win for each that the drifting lose
	relief float64 // complaints, as a share of theirs, that the easy ones lose when those of the drifting have doubled
}

func newCourse(d Drift) *course {
	c := &course{Drift: d}
	var lost, won, more, fewer float64
	for i := range table {
		s := &table[i]
		if len(d.Segments) == 0 {
			c.drifts[i] = s.hard && s.Handler == AI
		} else {
			c.drifts[i] = slices.Contains(d.Segments, s.Segment)
		}
		switch {
		case c.drifts[i]:
			lost += s.share * s.Response
			more += s.share * s.Complaint
		case !s.hard:
			c.eases[i] = true
			won += s.share * s.Response
			fewer += s.share * s.Complaint
		}
	}
	if won > 0 {
		c.gain, c.relief = lost/won, min(more/fewer, .9)
	}
	return c
}

// progress is how far the drift has come, 0 to 1, at a time in hours since the start.
func (c *course) progress(hours float64) float64 {
	since := hours - c.FromDay*24
	switch {
	case c.Shape == Slide:
		return math.Min(math.Max(since/(c.Days*24), 0), 1)
	case c.Shape == Sudden && since >= 0:
		return 1
	}
	return 0
}

// levels of a segment at a time in hours since the start.
func (c *course) levels(i int, hours float64) Levels {
	l := table[i].Levels
	p := c.progress(hours)
	switch {
	case c.drifts[i]:
		l.CSAT -= c.Drop * p
		l.Complaint *= 1 + p
	case c.eases[i]:
		l.CSAT += c.Drop * p * c.gain
		l.Complaint *= 1 - p*c.relief
	}
	return l
}
