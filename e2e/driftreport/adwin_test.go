package driftreport

import (
	"math/rand/v2"
	"testing"
)

// stream feeds values that are 1 with the probability p(i), one by one, and returns at which of them the window was cut.
func stream(a *adwin, n int, seed uint64, p func(i int) float64) (cuts []int) {
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range n {
		x := 0.
		if r.Float64() < p(i) {
			x = 1
		}
		if cut, _ := a.add(tally{1, x, x * x}); cut {
			cuts = append(cuts, i)
		}
	}
	return cuts
}

// The paper's Theorem 3.1, first half: false cuts are rarer than delta; and the window grows with the stream.
func TestADWINKeepsWhatDoesNotChange(t *testing.T) {
	cuts := 0
	for seed := range uint64(40) {
		a := &adwin{delta: .05}
		cuts += len(stream(a, 4000, seed, func(int) float64 { return .3 }))
		if len(a.rows) > 13 || a.all.n < 100 {
			t.Errorf("seed %d: %d rows, window of %v", seed, len(a.rows), a.all.n)
		}
	}
	if cuts > 8 {
		t.Errorf("%d false cuts in 40 streams at delta .05", cuts)
	}
}

// Its second half: a change is cut once it shows, sooner the larger it is, and the window is then of the new mean alone.
func TestADWINForgetsWhatHasChanged(t *testing.T) {
	last := 0
	for _, to := range []float64{.9, .6, .45} {
		a := &adwin{delta: .01}
		cuts := stream(a, 4000, 3, func(i int) float64 {
			if i < 2000 {
				return .3
			}
			return to
		})
		if len(cuts) == 0 || cuts[0] < 2000 || cuts[0] < last {
			t.Fatalf("from .3 to %v at 2000: cuts at %v, after %d for the larger change", to, cuts, last)
		}
		if last = cuts[0]; last > 2400 {
			t.Errorf("from .3 to %v: the first cut is at %d", to, last)
		}
		if m := a.all.mean(); a.all.n > 2100 || m < to-.06 || m > to+.06 {
			t.Errorf("from .3 to %v: the window has %v values of mean %.3f", to, a.all.n, m)
		}
	}
}

// A pane is worth the values in it.
func TestADWINTakesPanes(t *testing.T) {
	one, panes := &adwin{delta: .01}, &adwin{delta: .01}
	r := rand.New(rand.NewPCG(5, 1))
	for i := range 200 {
		var pane tally
		for range 20 {
			x := 0.
			if p := .3; r.Float64() < p || i >= 100 && r.Float64() < .3 {
				x = 1
			}
			pane.add(tally{1, x, x * x})
			one.add(tally{1, x, x * x})
		}
		panes.add(pane)
	}
	if x, y := one.all, panes.all; x.n > 2200 || y.n > 2200 || x.n < 1500 || y.n < 1500 {
		t.Errorf("after a change in the middle of 4000 values the window has %v one by one and %v in panes", x.n, y.n)
	}
}
