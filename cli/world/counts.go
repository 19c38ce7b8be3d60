package world

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/stat/distuv"
)

// What comes late: ratings and complaints after the case's hour, and how many hours they take in the mean (a geometric
// number of whole hours, at least one).
const (
	lateRatings     = .40
	lateComplaints  = .50
	ratingHours     = 12.
	complaintsHours = 24.
)

// Counts is a world as hourly counts. Not for concurrent use.
type Counts struct {
	path *path
	src  rand.Source
	rows [Size]Count
	wait [Size]waiting
}

// waiting is what has been drawn and not come yet.
type waiting struct {
	csat       [5]int64
	complaints int64
}

// NewCounts begins a world before its first hour.
func NewCounts(c Config) (*Counts, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &Counts{path: newPath(&c), src: source(c.Seed, streamCounts)}, nil
}

// Next gives the next hour, since 1970, and the counts of all segments in it, in the order of Segments. The slice is good
// until the next call.
func (w *Counts) Next() (hour int64, rows []Count) {
	hour = w.path.next()
	for i := range w.rows {
		w.draw(i)
	}
	return hour, w.rows[:]
}

// Levels are what the drift alone makes of a segment, by its number, at the hours since the start.
func (w *Counts) Levels(i int, hours float64) Levels { return w.path.course.levels(i, hours) }

// Drifts tells whether a segment, by its number, is one that gets worse.
func (w *Counts) Drifts(i int) bool { return w.path.course.drifts[i] }

func (w *Counts) draw(i int) {
	r, row, late := &w.path.rates[i], &w.rows[i], &w.wait[i]
	n := int64(distuv.Poisson{Lambda: r.cases, Src: w.src}.Rand())
	*row = Count{Segment: table[i].Segment, Cases: n, Repeats: w.of(n, r.repeat)}
	if table[i].Handler == Escalated {
		row.Escalated = n
	}
	rated, left := w.of(n, r.response), 1.
	for k, p := range r.csat {
		of := rated
		if k < len(r.csat)-1 {
			of = w.of(rated, min(p/left, 1))
		}
		rated, left = rated-of, left-p
		came := w.of(late.csat[k], 1/ratingHours)
		held := w.of(of, lateRatings)
		row.CSAT[k] = of - held + came
		late.csat[k] += held - came
	}
	upset := w.of(n, r.complaint)
	came := w.of(late.complaints, 1/complaintsHours)
	held := w.of(upset, lateComplaints)
	row.Complaints = upset - held + came
	late.complaints += held - came
}

// of draws how many of n it is that something of a probability befalls.
func (w *Counts) of(n int64, p float64) int64 {
	if n == 0 || p <= 0 {
		return 0
	}
	if float64(n)*math.Min(p, 1-p) < 4 {
		return w.few(n, min(p, 1))
	}
	return int64(distuv.Binomial{N: float64(n), P: p, Src: w.src}.Rand())
}

// few is of where it is few: it goes from one that it befalls to the next.
func (w *Counts) few(n int64, p float64) int64 {
	if p > .5 {
		return n - w.few(n, 1-p)
	}
	if p <= 0 {
		return 0
	}
	k, log := int64(-1), math.Log1p(-p)
	for at := int64(0); ; k++ {
		u := float64(w.src.Uint64()>>11+1) / (1 << 53)
		skip := math.Log(u) / log
		if skip >= float64(n-at) {
			return k + 1
		}
		at += int64(skip) + 1
	}
}
