package driftreport

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	"gonum.org/v1/gonum/stat"
)

// Play plays all runs of a scenario, on all processors, and tells after each that it is over.
func Play(s *Scenario, done func()) ([]*Result, error) {
	results, errs := make([]*Result, s.Runs), make([]error, s.Runs)
	next := make(chan int)
	var wait sync.WaitGroup
	var one sync.Mutex
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for run := range next {
				results[run], errs[run] = Run(s, run)
				one.Lock()
				done()
				one.Unlock()
			}
		})
	}
	for run := range s.Runs {
		next <- run
	}
	close(next)
	wait.Wait()
	for run, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("%s, run %d: %w", s.Name, run, err)
		}
	}
	return results, nil
}

// quantile of values of which NaN is the largest: never. It is NaN where that is so.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Clone(values)
	for i, v := range sorted {
		if math.IsNaN(v) {
			sorted[i] = math.Inf(1)
		}
	}
	slices.Sort(sorted)
	if x := stat.Quantile(q, stat.Empirical, sorted, nil); !math.IsInf(x, 1) {
		return x
	}
	return math.NaN()
}

// Delays are a method's delays in days, one a run.
func Delays(results []*Result, method string) []float64 {
	out := make([]float64, len(results))
	for i, r := range results {
		out[i] = r.Findings[method].Delay
	}
	return out
}

// Rate is a method's false alarms a year.
func Rate(results []*Result, method string) float64 {
	n, years := 0., 0.
	for _, r := range results {
		n += float64(r.Findings[method].False)
		years += r.Years
	}
	return n / years
}

// share of results that something holds of.
func share(results []*Result, holds func(*Result) bool) float64 {
	n := 0
	for _, r := range results {
		if holds(r) {
			n++
		}
	}
	return float64(n) / float64(len(results))
}

// pick gives one figure of each result.
func pick(results []*Result, of func(*Result) float64) []float64 {
	out := make([]float64, len(results))
	for i, r := range results {
		out[i] = of(r)
	}
	return out
}
