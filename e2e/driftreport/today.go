package driftreport

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/casetrail/casetrail/cli/world"
)

// threeSigma is a control chart of the aggregate: the day's CSAT and complaint rate over everything, against mean and
// standard deviation of the days of the reference period.
type threeSigma struct {
	daily
	usual [2]tally // of the reference's days
	out   [2]bool
}

func (t *threeSigma) Hour(hour int64, rows []world.Count) (alarms []Alarm) {
	if !t.over(hour, rows) {
		return nil
	}
	for m := range by {
		var all tally
		for i := range t.sums {
			all.add(t.sums[i][m])
		}
		x := all.mean()
		if t.days <= referenceDays {
			t.usual[m].add(tally{1, x, x * x})
			continue
		}
		u := &t.usual[m]
		was := t.out[m]
		t.out[m] = x < u.mean()-3*math.Sqrt(u.variance()*u.n/(u.n-1))
		if t.out[m] && !was {
			alarms = append(alarms, Alarm{Metric: by[m].metric})
		}
	}
	return alarms
}

// weekly compares each segment's last week with its reference period, by a t-test for each metric, at the level alpha a week
// over all tests (Bonferroni). One-sided: only what gets worse alarms.
type weekly struct {
	alpha float64
	daily
	reference, week [world.Size][2]tally
	out             [world.Size][2]bool
}

func (t *weekly) Hour(hour int64, rows []world.Count) (alarms []Alarm) {
	if !t.over(hour, rows) {
		return nil
	}
	to := &t.week
	if t.days <= referenceDays {
		to = &t.reference
	}
	for i := range t.sums {
		for m := range by {
			to[i][m].add(t.sums[i][m])
		}
	}
	if t.days <= referenceDays || t.days%7 != 0 {
		return nil
	}
	for i := range t.week {
		for m := range by {
			was := t.out[i][m]
			t.out[i][m] = worse(&t.reference[i][m], &t.week[i][m], t.alpha/float64(world.Size*len(by)))
			if t.out[i][m] && !was {
				alarms = append(alarms, Alarm{Metric: by[m].metric, Segments: []int{i}})
			}
		}
	}
	t.week = [world.Size][2]tally{}
	return alarms
}

// worse is Welch's t-test that b's mean is below a's, at a level alpha.
func worse(a, b *tally, alpha float64) bool {
	if a.n < 2 || b.n < 2 {
		return false
	}
	va, vb := a.variance()/(a.n-1), b.variance()/(b.n-1)
	if va+vb == 0 {
		return false
	}
	degrees := (va + vb) * (va + vb) / (va*va/(a.n-1) + vb*vb/(b.n-1))
	t := (b.mean() - a.mean()) / math.Sqrt(va+vb)
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: degrees}.CDF(t) < alpha
}
