package assess

import "math"

// Budget is a threshold that keeps the leak within a budget on the rows at hand.
type Budget struct {
	Threshold float64 // of AIProbability, in steps of 1e-4
	Leak      Leak    // at the threshold
	Bound     float64 // the leak is below this with 95 % confidence
	Rows      int     // of human-only types
	Effective float64 // how many evenly weighted rows of human-only types know as much
}

// Choose gives the lowest threshold at which no more than maxLeak of the human-only cases, weighted, go to an AI. At a
// threshold above 1 nothing does, and ok is false.
func Choose(rows []Row, weights []float64, maxLeak float64) (b Budget, ok bool) {
	// The leak falls as the threshold rises, so halving finds the lowest.
	low, high := 0, 10001
	for low < high {
		middle := (low + high) / 2
		if By(rows, weights, float64(middle)/10000).HumanOnly <= maxLeak {
			high = middle
		} else {
			low = middle + 1
		}
	}
	b.Threshold = float64(low) / 10000
	b.Leak = By(rows, weights, b.Threshold)
	var sum, squares float64
	for i, r := range rows {
		if HumanOnly(r.Truth) {
			b.Rows++
			sum += weights[i]
			squares += weights[i] * weights[i]
		}
	}
	b.Effective = ratio(sum*sum, squares)
	b.Bound = upper(b.Leak.HumanOnly*b.Effective, b.Effective)
	return b, low <= 10000
}

// upper is the one-sided 95 % Clopper-Pearson bound of a rate of which hits in n were seen; both may be fractions.
func upper(hits, n float64) float64 {
	if n <= 0 {
		return 1
	}
	if hits >= n {
		return 1
	}
	low, high := hits/n, 1.0
	for range 60 {
		p := (low + high) / 2
		if 1-beta(p, hits+1, n-hits) > 0.05 {
			low = p
		} else {
			high = p
		}
	}
	return high
}

// beta is the regularised incomplete beta function, by its continued fraction.
func beta(x, a, b float64) float64 {
	if x <= 0 {
		return 0
	}
	if x >= 1 {
		return 1
	}
	if x > (a+1)/(a+b+2) {
		return 1 - beta(1-x, b, a)
	}
	lab, _ := math.Lgamma(a + b)
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	front := math.Exp(lab-la-lb+a*math.Log(x)+b*math.Log(1-x)) / a
	const tiny = 1e-300
	c, d := 1.0, 1-(a+b)*x/(a+1)
	if math.Abs(d) < tiny {
		d = tiny
	}
	d = 1 / d
	f := d
	for m := 1.0; m < 300; m++ {
		for _, step := range [2]float64{
			m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m)),
			-(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1)),
		} {
			if d = 1 + step*d; math.Abs(d) < tiny {
				d = tiny
			}
			if c = 1 + step/c; math.Abs(c) < tiny {
				c = tiny
			}
			d = 1 / d
			f *= c * d
		}
		if math.Abs(c*d-1) < 1e-12 {
			break
		}
	}
	return front * f
}
