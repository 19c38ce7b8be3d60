package recompute

import (
	"math"
	"sort"

	"github.com/casetrail/casetrail/schemas"
)

// figures fills in what follows from the sums, as segment.avsc says it.
func figures(segments []schemas.Segment, minimum int64) {
	var cases int64
	for i := range segments {
		if s := &segments[i]; s.CaseType == all && s.Handler == all {
			cases = s.Cases
		}
	}
	for i := range segments {
		s := &segments[i]
		s.Enough, s.EnoughRatings = s.Cases >= minimum, s.Ratings >= minimum
		s.Share = part(s.Cases, max(1, cases))
		s.ResponseRate = proportion(s.Ratings, s.Cases)
		s.ComplaintRate = proportion(s.Complaints, s.Cases)
		s.EscalationRate = proportion(s.Escalated, s.Cases)
		s.RepeatRate = proportion(s.Repeats, s.Identified)
		s.HumanInTimeRate = proportion(s.HumanInTime, s.HumanRequests)
		if s.Cases > 0 {
			for _, n := range s.Signals {
				s.SignalRates = append(s.SignalRates, part(n, s.Cases))
			}
		}
		if s.Ratings > 0 {
			mean := part(s.CSATSum, s.Ratings)
			low, high := spread(s.CSATCounts)
			s.CSAT = schemas.Some(schemas.Estimate{Value: mean, Low: max(low, 1), High: min(high, 5)})
			silent := max(s.Cases-s.Ratings, 0)
			s.CSATBounds = schemas.Some(schemas.Estimate{Value: mean, Low: part(s.CSATSum+silent, s.Ratings+silent), High: part(s.CSATSum+5*silent, s.Ratings+silent)})
		}
	}
}

func part(k, n int64) float64 { return float64(k) / float64(n) }

// The square of 1.96, and parts of it.
const square, half, quarter = 3.8416, 1.9208, 0.9604

// proportion is k of n between the bounds of Wilson (1927).
func proportion(k, n int64) schemas.Optional[schemas.Estimate] {
	if n == 0 || k > n {
		return schemas.Optional[schemas.Estimate]{}
	}
	e := schemas.Estimate{Value: part(k, n), Low: 0, High: 1}
	around := (float64(k) + half) / (float64(n) + square)
	width := 1.96 * math.Sqrt(part(k*(n-k), n)+quarter) / (float64(n) + square)
	if k > 0 {
		e.Low = around - width
	}
	if k < n {
		e.High = around + width
	}
	return schemas.Some(e)
}

// spread is the interval about the mean of ratings with a 1 and a 5 added.
func spread(counts []int64) (low, high float64) {
	var n, sum, squares int64
	for i, c := range counts {
		score := int64(i + 1)
		if score == 1 || score == 5 {
			c++
		}
		n, sum, squares = n+c, sum+score*c, squares+score*score*c
	}
	width := 1.96 * math.Sqrt(part(n*squares-sum*sum, n-1)) / float64(n)
	return part(sum, n) - width, part(sum, n) + width
}

// edges are the bins of durations: where each begins, in milliseconds. A millisecond, and each octave after it, has 64.
var edges = func() []int64 {
	out := []int64{0}
	for octave := range 40 {
		for i := range int64(64) {
			out = append(out, ((64+i)<<octave+63)/64)
		}
	}
	return out
}()

// middle is the middle of the bin of a duration.
func middle(bin int) int64 {
	if bin == 0 {
		return 0
	}
	octave, i := (bin-1)/64, int64((bin-1)%64)
	return ((64+i)<<octave + (65+i)<<octave) / 128
}

// bin is the last one that begins at or before a duration.
func bin(ms int64) int {
	return max(0, sort.Search(len(edges), func(i int) bool { return edges[i] > ms })-1)
}

// durations counts those of one segment, by bin.
type durations struct{ resolution, toHuman counts }

type counts struct {
	n         int64
	by        []int64
	low, high int16 // the bins between which all are, where there are any
}

func (c *counts) add(bin int16) {
	if c.by == nil {
		c.by = make([]int64, len(edges))
	}
	if c.n == 0 {
		c.low, c.high = bin, bin
	}
	c.low, c.high = min(c.low, bin), max(c.high, bin)
	c.by[bin]++
	c.n++
}

func (c *counts) clear() {
	if c.n > 0 {
		clear(c.by[c.low : c.high+1])
		c.n = 0
	}
}

func (d *durations) count(e *entry) {
	if e.cases > 0 {
		d.resolution.add(e.resolutionBin)
	}
	if e.toHuman >= 0 && e.cases > 0 {
		d.toHuman.add(e.toHumanBin)
	}
}

func (d *durations) clear() {
	d.resolution.clear()
	d.toHuman.clear()
}

func (d *durations) percentiles() (resolution, toHuman schemas.Optional[schemas.Percentiles]) {
	return d.resolution.percentiles(), d.toHuman.percentiles()
}

// percentiles are the middles of the bins of the cases at those ranks.
func (c *counts) percentiles() (out schemas.Optional[schemas.Percentiles]) {
	if c.n == 0 {
		return out
	}
	out.Set = true
	var sum int64
	for b := int(c.low); b <= int(c.high); b++ {
		n := c.by[b]
		if n == 0 {
			continue
		}
		for _, x := range []struct {
			of *int64
			q  int64
		}{{&out.Value.P50, 50}, {&out.Value.P90, 90}, {&out.Value.P99, 99}} {
			if rank := (x.q*c.n + 99) / 100; sum < rank && sum+n >= rank {
				*x.of = middle(b)
			}
		}
		sum += n
	}
	return out
}
