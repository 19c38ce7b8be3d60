package driftreport

import (
	"math"
	"testing"
)

// By hand: means 0.8 and 0.7 of 100 values each of 0 or 1 are t = -1.637 at 196.6 degrees, one-sided p = .0516.
func TestWelch(t *testing.T) {
	a, b := tally{100, 80, 80}, tally{100, 70, 70}
	if worse(&a, &b, .051) || !worse(&a, &b, .0525) || worse(&b, &a, .5) {
		t.Error("p is not about .052")
	}
	if worse(&tally{}, &b, .5) || worse(&tally{5, 5, 5}, &tally{5, 5, 5}, .5) {
		t.Error("nothing to compare, and yet it is worse")
	}
	if v := a.variance(); math.Abs(v-.16) > 1e-12 {
		t.Error(v)
	}
}
