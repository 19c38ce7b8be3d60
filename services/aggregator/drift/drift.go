// Package drift finds, in a stream of counts that is looked at without end, the moment from which its mean has risen
// above what is tolerated, with a bound on false alarms that holds however often one looks. It is mathematics only: it
// knows outcomes with a harm between 0 and 1, and how often each came in a pane (an hour), and nothing of what they mean.
//
// A pane's factor is what a bet against "the mean is at most m" has won in it: the product of 1 + lambda (y - m) over its
// outcomes (Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS B 2024). Its
// expectation is at most 1 while the mean is at most m. An e-detector sums such products over all panes at which a change
// may have begun (Shin, Ramdas and Rinaldo, "E-detectors: a nonparametric framework for sequential change detection",
// NEJSDS 2023); the sum is that of Shiryaev ("On optimum methods in quickest detection problems", 1963) and Roberts ("A
// comparison of some control chart procedures", 1966), with a bet in place of the likelihood ratio. Here a change begins
// at a rate of one a year, so that evidence M is reached by chance at most once in M years on average, by Ville's
// inequality. Real streams are not independent draws: all factors are tempered by a design effect phi.
//
// Everything is a sum over panes. Sums are in the order of the panes, and every product is rounded before it is added,
// so that the results are the same bits on every machine.
package drift

import "github.com/casetrail/casetrail/pipelines/inject"

// Bets is how many sizes of effect are bet on at once.
const Bets = 5

// Grid has a number for each bet: an effect, a stake, or the logarithm of what was won.
type Grid [Bets]float64

// hoursAYear is the time in which one change is expected to begin.
const hoursAYear = 8760

// Stakes gives what to bet on each effect (in harm, above 0): delta / (variance + delta^2), at most 0.9 / ceiling, where
// ceiling is the highest mean tolerated in any pane. The latter keeps a bet from ever losing all.
func Stakes(effects Grid, variance, ceiling float64) (stakes Grid) {
	for j, d := range effects {
		stakes[j] = min(d/(variance+float64(d*d)), 0.9/ceiling)
	}
	return stakes
}

// Factor adds to a pane's factor, in logarithms and not tempered, what the stakes won on counts of outcomes of harm y
// (0 to 1) against a tolerated mean m. Factors of panes with one m add up to the factor of their sum.
func (f *Grid) Factor(stakes *Grid, y []float64, counts []int64, m float64) {
	for i, c := range counts {
		if c == 0 {
			continue
		}
		n, above := float64(c), y[i]-m
		for j := range f {
			f[j] += float64(n * log1p(float64(stakes[j]*above)))
		}
	}
}

// Add adds the factor of another segment, or pane.
func (f *Grid) Add(o *Grid) {
	for j := range f {
		f[j] += o[j]
	}
}

// Temper gives a factor as that of a stream whose means vary phi times (1 or more) as much as those of independent draws.
func (f Grid) Temper(phi float64) Grid {
	if inject.TemperingOff.Is() {
		return f
	}
	for j := range f {
		f[j] /= phi
	}
	return f
}

// mean is the logarithm of the mean of the exponentials.
func (f *Grid) mean() float64 {
	top := f[0]
	for _, v := range f[1:] {
		top = max(top, v)
	}
	sum := 0.0
	for _, v := range f {
		sum += exp(v - top)
	}
	return top + log(sum/Bets)
}

// Detector is the Shiryaev-Roberts sum of each bet, in logarithms. The zero value has seen nothing.
type Detector struct {
	sums    Grid
	started bool
}

// Step takes a pane of some hours (above 0): its tempered factor. Panes come in the order of their time.
func (d *Detector) Step(factor *Grid, hours float64) {
	begin := log(hours / hoursAYear)
	for j := range d.sums {
		if d.started {
			d.sums[j] = logAdd(d.sums[j], begin) + factor[j]
		} else {
			d.sums[j] = begin + factor[j]
		}
	}
	d.started = true
}

// Started tells whether the detector has seen a pane since it was made.
func (d *Detector) Started() bool { return d.started }

// Log gives the logarithm of the evidence M, once Started: M is reached by chance at most once in M years on average.
func (d *Detector) Log() float64 { return d.sums.mean() }

// MaxEvidence is what Evidence does not go beyond: no model is that certain.
const MaxEvidence = 1e12

// Evidence gives M, at most MaxEvidence; 0 where nothing has been seen.
func (d *Detector) Evidence() float64 {
	if !d.started {
		return 0
	}
	return min(exp(d.Log()), MaxEvidence)
}
