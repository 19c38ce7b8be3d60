package driftreport

import (
	"math"

	"github.com/casetrail/casetrail/cli/world"
)

// oracle knows everything but whether and when it begins: which segments would drift, how, what their ratings are usually
// like, and how their noise inflates the evidence. It is what nobody can have; it says how near one can come. Each day it
// adds up the likelihood ratios of a drift that began on any day before (Shiryaev and Roberts, with the true likelihoods),
// and it spends the whole budget of false alarms on this one test.
type oracle struct {
	segments []int
	logs     [][world.Size][5]float64 // by days since the drift began: log likelihood ratio of each rating
	phi      float64
	budget   float64 // false alarms a year
	ratings  [world.Size][5]int64
	starts   []float64 // log likelihood ratio of a drift that began so many days before; the last began first
	days     int
	out      bool
}

// horizon is how many days a drift may last before it is forgotten.
const horizon = 75

// newOracle makes the oracle of a company.
func newOracle(c world.Config, budget, phi float64) (*oracle, error) {
	o := &oracle{phi: phi, budget: budget}
	c.Drift.FromDay = 0
	w, err := world.NewCounts(c)
	if err != nil {
		return nil, err
	}
	for i := range world.Size {
		if w.Drifts(i) {
			o.segments = append(o.segments, i)
		}
	}
	c.Drift.Shape = world.None
	usual, err := world.NewCounts(c)
	if err != nil {
		return nil, err
	}
	for d := range horizon {
		var logs [world.Size][5]float64
		for _, i := range o.segments {
			p, q := world.Spread(usual.Levels(i, 0).CSAT), world.Spread(w.Levels(i, float64(d)*24+12).CSAT)
			for k := range p {
				logs[i][k] = math.Log(q[k] / p[k])
			}
		}
		o.logs = append(o.logs, logs)
	}
	return o, nil
}

func (o *oracle) Hour(hour int64, rows []world.Count) []Alarm {
	for _, i := range o.segments {
		for k, n := range rows[i].CSAT {
			o.ratings[i][k] += n
		}
	}
	if hour%24 != 23 {
		return nil
	}
	o.starts = append([]float64{0}, o.starts[:min(len(o.starts), horizon-1)]...)
	sum := 0.
	for d := range o.starts {
		for _, i := range o.segments {
			for k, n := range o.ratings[i] {
				o.starts[d] += float64(n) * o.logs[d][i][k] / o.phi
			}
		}
		sum += math.Exp(o.starts[d]) / 365
	}
	o.ratings = [world.Size][5]int64{}
	o.days++
	was := o.out
	o.out = sum >= 1/o.budget
	if !o.out || was || o.days <= referenceDays {
		return nil
	}
	return []Alarm{{Metric: csat, Segments: o.segments}}
}
