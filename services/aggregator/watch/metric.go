package watch

import "github.com/casetrail/casetrail/services/aggregator/drift"

// metric is what a series counts.
type metric uint8

const (
	csat metric = iota
	complaint
	repeat
	response
	escalation
	metrics
)

var metricNames = [metrics]string{"csat", "complaint", "repeat_contact", "csat_response", "escalation"}

// side is which of a metric's changes is harm. The response rate may neither fall nor rise: either changes who is asked.
type side uint8

const (
	worse side = iota // CSAT falls, a rate rises
	fewer             // the response rate falls
	sides
)

// The harm of outcomes, in the order of their counts.
var (
	stars  = []float64{1, .75, .5, .25, 0}
	events = []float64{0, 1}
	absent = []float64{1, 0}
)

// Effects that are bet on: harm of CSAT, and shares of a rate.
var (
	csatEffects = drift.Grid{.0125, .025, .05, .1, .2}
	rateEffects = drift.Grid{.1, .2, .4, .8, 1.6}
)

// counts are the outcomes of one metric, n of them in all.
type counts struct {
	c [5]int64
	k int // how many of c are in use
}

func (c *counts) slice() []int64 { return c.c[:c.k] }

func (c *counts) n() (n int64) {
	for _, v := range c.slice() {
		n += v
	}
	return n
}

// sum is the harm in them, in fourths for CSAT; the events for a rate.
func (c *counts) sum() int64 {
	if c.k == 2 {
		return c.c[1]
	}
	return 4*c.c[0] + 3*c.c[1] + 2*c.c[2] + c.c[3]
}

func (c *counts) add(o *counts) {
	c.k = o.k
	for i := range c.c {
		c.c[i] += o.c[i]
	}
}

// of gives the outcomes of a metric. There may be less than no case without an event, since an event may come later than
// its case.
func (m metric) of(c *Counts) counts {
	rate := func(k int64) counts { return counts{[5]int64{c.Cases - k, k}, 2} }
	switch m {
	case csat:
		return counts{c.CSAT, 5}
	case complaint:
		return rate(c.Complaints)
	case repeat:
		return rate(c.Repeats)
	case response:
		return rate(c.ratings())
	}
	return rate(c.Escalated)
}

// unit is how much harm one of counts.sum is.
func (m metric) unit() float64 {
	if m == csat {
		return .25
	}
	return 1
}

// figure gives a mean of harm as the metric is read: CSAT, or a share.
func (m metric) figure(mean float64) float64 {
	if m == csat {
		return 5 - float64(4*mean)
	}
	return mean
}

func (c *Counts) ratings() (n int64) {
	for _, v := range c.CSAT {
		n += v
	}
	return n
}

func (c *Counts) add(o *Counts) {
	c.Cases += o.Cases
	c.Complaints += o.Complaints
	c.Escalated += o.Escalated
	c.Repeats += o.Repeats
	for i := range c.CSAT {
		c.CSAT[i] += o.CSAT[i]
	}
}
