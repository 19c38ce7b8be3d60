package driftreport

import (
	"math"
	"slices"

	"github.com/casetrail/casetrail/cli/world"
)

// Scenario is one kind of worlds that all methods see.
type Scenario struct {
	Name  string
	Drift world.Drift // FromDay is drawn with the seed
	Days  int         // how long a run goes on after the drift began; for no drift, after the reference period
	Runs  int
	Seed  uint64 // of the first run; each run has the next
}

// quietDays is how long after the reference period a drift begins, at the earliest; it begins within the week after.
const quietDays = 7

// Config is the world of one run.
func (s *Scenario) Config(run int) world.Config {
	seed := s.Seed + uint64(run)
	c := world.Config{Seed: seed, Start: 20_454 * 24, Drift: s.Drift} // 1 January 2026
	c.Drift.FromDay = referenceDays + quietDays + float64(seed*37%(7*24))/24
	return c
}

// drifts tells whether anything gets worse.
func (s *Scenario) drifts() bool { return s.Drift.Shape != "" && s.Drift.Shape != world.None }

// Finding is what a method came to in one run.
type Finding struct {
	Delay float64 // days from the beginning of the drift to the first alarm about a segment that drifts; NaN for never
	False int     // alarms while nothing drifts
}

// Result is one run.
type Result struct {
	Seed      uint64
	Years     float64 // without a drift, after the reference period
	Findings  map[string]Finding
	Casetrail *Detail
	Lost      float64 // CSAT points that the drifting segments had lost when Casetrail found it
	Moved     float64 // CSAT points by which the aggregate of the week then differed from the reference period's
}

// The methods' names, in the order of the report.
const (
	Spent       = "Casetrail, budget of 60"
	ThreeSigma  = "3 sigma on the aggregate"
	TTest       = "weekly t-tests, 5 %"
	TTestStrict = "weekly t-tests, strict"
	ADWIN       = "ADWIN, hourly"
	ADWINDaily  = "ADWIN, daily"
	ADWINStrict = "ADWIN, daily, strict"
	Oracle      = "oracle"
)

// Methods are all methods.
var Methods = []string{Casetrail, Spent, ThreeSigma, TTest, TTestStrict, ADWIN, ADWINDaily, ADWINStrict, Oracle}

const (
	// spent is the budget with which Casetrail's false alarms come to about falseAlarms in this company: its bound holds in
	// the worst case.
	spent       = 60
	falseAlarms = 4 // a year: Casetrail's budget over all tests, and the oracle's for its one
	// oraclePhi is how much more the ratings of a day vary than independent draws, about.
	oraclePhi = 1.3
	// What others use, and what brings each of them to about the budget in this company.
	alpha, alphaStrict = .05, 1e-4
	delta, deltaStrict = .002, 1e-6
)

// methods makes all of them new, in the order of Methods.
func methods(c world.Config) ([]Method, *casetrail, error) {
	o, err := newOracle(c, falseAlarms, oraclePhi)
	ours := newCasetrail(falseAlarms)
	return []Method{ours, newCasetrail(spent), new(threeSigma), &weekly{alpha: alpha}, &weekly{alpha: alphaStrict}, &adwins{delta: delta, panes: 1},
		&adwins{delta: delta, panes: 24}, &adwins{delta: deltaStrict, panes: 24}, o}, ours, err
}

// Run plays one world in front of all methods.
func Run(s *Scenario, run int) (*Result, error) {
	c := s.Config(run)
	asked := c
	if !s.drifts() {
		asked.Drift = world.Drift{Shape: world.Slide, Drop: .6, Days: 60} // what the oracle looks for in vain
	}
	w, err := world.NewCounts(c)
	if err != nil {
		return nil, err
	}
	r := &Result{Seed: c.Seed, Findings: map[string]Finding{}}
	all, ours, err := methods(asked)
	if err != nil {
		return nil, err
	}
	onset := math.Inf(1)
	until := referenceDays + float64(s.Days)
	if s.drifts() {
		onset = c.Drift.FromDay
		until = onset + float64(s.Days)
	}
	r.Years = (min(onset, until) - referenceDays) / 365
	for _, name := range Methods {
		r.Findings[name] = Finding{Delay: math.NaN()}
	}
	a := newAggregate(w)
	for h := int64(0); float64(h) < until*24; h++ {
		hour, rows := w.Next()
		a.add(h, rows)
		for i, name := range Methods {
			for _, alarm := range all[i].Hour(hour, rows) {
				f := r.Findings[name]
				about := len(alarm.Segments) == 0 || slices.ContainsFunc(alarm.Segments, w.Drifts)
				delay := float64(h+1)/24 - onset
				switch {
				case delay < 0 || !s.drifts():
					f.False++
				case about && math.IsNaN(f.Delay):
					f.Delay = delay
					if name == Casetrail {
						r.Lost, r.Moved = a.lost(h), a.moved()
					}
				}
				r.Findings[name] = f
			}
		}
	}
	r.Casetrail = ours.detail(&c, a)
	return r, nil
}

// aggregate follows the truth of a run: what an operator would see of the whole, and what the drift alone took.
type aggregate struct {
	world *world.Counts
	hours [][world.Size]float64 // ratings that came, by hour since the start
	days  []tally               // ratings of everything, by day
}

func newAggregate(w *world.Counts) *aggregate { return &aggregate{world: w} }

func (a *aggregate) add(h int64, rows []world.Count) {
	var n [world.Size]float64
	if h%24 == 0 {
		a.days = append(a.days, tally{})
	}
	for i := range rows {
		t := ratings(&rows[i])
		n[i] = t.n
		a.days[len(a.days)-1].add(t)
	}
	a.hours = append(a.hours, n)
}

// lost is the CSAT that the drift had taken from a drifting segment by an hour.
func (a *aggregate) lost(h int64) float64 {
	for i := range world.Size {
		if a.world.Drifts(i) {
			return a.world.Levels(i, 0).CSAT - a.world.Levels(i, float64(h)).CSAT
		}
	}
	return 0
}

// moved is how far the CSAT of the last seven days is from that of the reference period.
func (a *aggregate) moved() float64 {
	var was, is tally
	for _, d := range a.days[:referenceDays] {
		was.add(d)
	}
	for _, d := range a.days[max(0, len(a.days)-7):] {
		is.add(d)
	}
	return 4 * (is.mean() - was.mean())
}

// truth is the mean change of CSAT that the drift alone made in some segments, over the ratings that came from one hour
// since the start to another.
func (a *aggregate) truth(segments []int, from, to int64) float64 {
	n, sum := 0., 0.
	for h := max(from, 0); h < min(to, int64(len(a.hours))); h++ {
		for _, i := range segments {
			n += a.hours[h][i]
			sum += a.hours[h][i] * (a.world.Levels(i, float64(h)+.5).CSAT - a.world.Levels(i, 0).CSAT)
		}
	}
	if n == 0 {
		return 0
	}
	return sum / n
}
