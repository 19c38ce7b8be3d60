package drift

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

func TestFunctionsAreThoseOfMath(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		close := func(what string, got, want float64) {
			if math.Abs(got-want) > 1e-14*max(1, math.Abs(want)) {
				t.Errorf("%s is %.17g, want %.17g", what, got, want)
			}
		}
		x := rapid.Float64Range(-.9, 1.6).Draw(t, "x")
		close("log1p", log1p(x), math.Log1p(x))
		close("small log1p", log1p(x*1e-9)*1e9, math.Log1p(x*1e-9)*1e9)
		e := rapid.Float64Range(-700, 700).Draw(t, "e")
		close("exp", exp(e)/math.Exp(e), 1)
		close("log", log(math.Exp(e)), math.Log(math.Exp(e)))
		close("sum", logAdd(e, e+x), e+math.Log(1+math.Exp(x)))
	})
	if exp(-1e9) != 0 || !math.IsInf(exp(1e9), 1) || exp(math.Inf(-1)) != 0 {
		t.Error("exp of what is out of range")
	}
}

func counts(t *rapid.T, name string, n int) []int64 {
	return rapid.SliceOfN(rapid.Int64Range(0, 400), n, n).Draw(t, name)
}

// TestFactorsAddUp: a pane that is split has the factor of the whole, and no order of outcomes or segments matters.
func TestFactorsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := counts(t, "a", 5), counts(t, "b", 5)
		m := rapid.Float64Range(1e-4, .99).Draw(t, "m")
		stakes := Stakes(effects, rapid.Float64Range(.001, .25).Draw(t, "variance"), m)
		whole, parts, swapped := Grid{}, Grid{}, Grid{}
		sum := make([]int64, 5)
		for i := range sum {
			sum[i] = a[i] + b[i]
		}
		whole.Factor(&stakes, csat, sum, m)
		parts.Factor(&stakes, csat, a, m)
		parts.Factor(&stakes, csat, b, m)
		swapped.Factor(&stakes, csat, b, m)
		swapped.Factor(&stakes, csat, a, m)
		for j := range whole {
			if scale := max(1, math.Abs(whole[j])); math.IsNaN(whole[j]) || math.Abs(whole[j]-parts[j]) > 1e-9*scale || math.Abs(parts[j]-swapped[j]) > 1e-9*scale {
				t.Fatalf("whole %v, parts %v, swapped %v", whole, parts, swapped)
			}
		}
	})
}

// TestMoreHarmMoreEvidence: evidence is the same bits each time, and worse outcomes never lower it.
func TestMoreHarmMoreEvidence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const m = .2
		stakes := Stakes(effects, .09, m)
		var a, again, worse Detector
		for range rapid.IntRange(1, 30).Draw(t, "panes") {
			c := counts(t, "c", 5)
			hours := rapid.Float64Range(1, 24).Draw(t, "hours")
			step := func(d *Detector) {
				var f Grid
				f.Factor(&stakes, csat, c, m)
				f = f.Temper(1.3)
				d.Step(&f, hours)
			}
			step(&a)
			step(&again)
			c[4], c[3] = c[4]-min(c[4], 3), c[3]+min(c[4], 3)
			step(&worse)
		}
		if a != again || worse.Log() < a.Log() {
			t.Fatalf("evidence %v, again %v, with more harm %v", a.Log(), again.Log(), worse.Log())
		}
	})
}

// stream has panes of a mean that is m over all, and whose days may differ by chance.
func stream(r *rand.Rand, m, spread float64, panes, n int) [][]int64 {
	out := make([][]int64, panes)
	day := 0.0
	for i := range out {
		if i%24 == 0 {
			day = spread * r.NormFloat64()
		}
		k := int64(0)
		for range n {
			if r.Float64() < m+day {
				k++
			}
		}
		out[i] = []int64{int64(n) - k, k}
	}
	return out
}

// TestFalseAlarms: however often one looks, evidence A is reached within T hours in at most T / 8760 / A of all streams,
// where the mean is as high as is tolerated, and days differ by chance by as much as the design effect says.
func TestFalseAlarms(t *testing.T) {
	const (
		m, n, runs, panes = .2, 40, 400, 24 * 40
		evidence          = 1.0
	)
	for _, spread := range []float64{0, .03} {
		r := rand.New(rand.NewPCG(7, uint64(spread*1000)))
		var ns, rs []float64
		sum := 0.0
		for i, c := range stream(r, m, spread, 24*200, n) { // the reference
			if sum += float64(c[1]) - m*n; i%24 == 23 {
				ns, rs, sum = append(ns, 24*n), append(rs, sum), 0
			}
		}
		_, phi := Cluster(ns, rs, m*(1-m))
		stakes := Stakes(Grid{.02, .04, .08, .16, .32}, m*(1-m), m)
		alarms := 0
		for range runs {
			var d Detector
			for _, c := range stream(r, m, spread, panes, n) {
				var f Grid
				f.Factor(&stakes, event, c, m)
				f = f.Temper(phi)
				if d.Step(&f, 1); exp(d.Log()) >= evidence {
					alarms++
					break
				}
			}
		}
		bound := float64(panes) / hoursAYear * runs / evidence
		t.Logf("spread %g: design effect %.2f, %d of %d streams reach the evidence, the bound is %.0f", spread, phi, alarms, runs, bound)
		if float64(alarms) > bound+3*math.Sqrt(bound) {
			t.Errorf("spread %g: %d of %d streams raise an alarm, at most %.0f may", spread, alarms, runs, bound)
		}
	}
}

// TestIntervalsCover: an interval at alpha misses the mean in at most alpha of all streams, looked at after every pane.
func TestIntervalsCover(t *testing.T) {
	const runs, alpha = 300, .05
	r := rand.New(rand.NewPCG(8, 8))
	missed := 0
	for range runs {
		sum := []int64{0, 0}
		for _, c := range stream(r, .3, 0, 60, 20) {
			sum[0], sum[1] = sum[0]+c[0], sum[1]+c[1]
			if low, high := Interval(event, sum, &effects, .3*.7, 1, alpha); low > .3 || high < .3 {
				missed++
				break
			}
		}
	}
	t.Logf("%d of %d miss", missed, runs)
	if missed > runs*alpha {
		t.Errorf("%d of %d intervals miss the mean", missed, runs)
	}
}

// TestIntervalHasTheMean: and it is a range of harm, whatever the counts.
func TestIntervalHasTheMean(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := counts(t, "c", 5)
		c[rapid.IntRange(0, 4).Draw(t, "one")]++
		_, mean, _ := Moments(csat, c)
		low, high := Interval(csat, c, &effects, rapid.Float64Range(.001, .25).Draw(t, "variance"), 1.2, .05/365)
		if !(0 <= low && low <= mean+1e-9 && mean-1e-9 <= high && high <= 1) {
			t.Fatalf("mean %g, interval %g to %g", mean, low, high)
		}
	})
}

// TestChangePoint: it is found to within hours where the change is large, and its interval has it.
func TestChangePoint(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	stakes := Stakes(Grid{.02, .04, .08, .16, .32}, .16, .2)
	inside, far := 0, 0
	for range 100 {
		var tail []Tail
		for _, c := range append(stream(r, .17, 0, 72, 40), stream(r, .35, 0, 12, 40)...) {
			var f Grid
			f.Factor(&stakes, event, c, .2)
			tail = append(tail, Tail{1, f})
		}
		likely, low, high := ChangePoint(tail)
		if low <= 72 && 72 <= high {
			inside++
		}
		if likely < 70 || likely > 74 {
			far++
		}
	}
	if inside < 85 || far > 10 {
		t.Errorf("of 100 changes %d are in the interval, %d are found more than two hours away", inside, far)
	}
}

func TestChangePointOfOnePane(t *testing.T) {
	if likely, low, high := ChangePoint([]Tail{{1, Grid{}}}); likely != 0 || low != 0 || high != 0 {
		t.Error(likely, low, high)
	}
}
