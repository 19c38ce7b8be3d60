package driftreport

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/casetrail/casetrail/cli/world"
	"github.com/casetrail/casetrail/services/aggregator/watch"
)

// BenchmarkPrice tells what finding the slow drift sooner costs in false alarms: Casetrail with other margins and budgets,
// over 30 runs and 6 years without a drift. Run it with -bench Price -benchtime 1x.
func BenchmarkPrice(b *testing.B) {
	for _, c := range []struct{ margin, budget float64 }{{.04, 4}, {.04, 40}, {.02, 4}, {.02, 16}, {.01, 4}} {
		b.Run(fmt.Sprintf("margin=%g/budget=%g", c.margin, c.budget), func(b *testing.B) {
			for b.Loop() {
				days, _ := price(b, Scenario{Drift: world.Drift{Shape: world.Slide, Drop: .6, Days: 60}, Days: 25, Runs: 30, Seed: 1}, c.margin, c.budget)
				_, alarms := price(b, Scenario{Days: 365, Runs: 6, Seed: 100_001}, c.margin, c.budget)
				b.ReportMetric(days, "days-median")
				b.ReportMetric(alarms, "alarms/year")
			}
		})
	}
}

// price gives the median delay, and the false alarms of a run.
func price(b *testing.B, s Scenario, margin, budget float64) (days, alarms float64) {
	b.Helper()
	var delays []float64
	for run := range s.Runs {
		c := s.Config(run)
		w, err := world.NewCounts(c)
		if err != nil {
			b.Fatal(err)
		}
		policy := Shipped()
		policy.CSATMargin, policy.FalseAlarms = margin, budget
		ours := &casetrail{monitor: watch.New(policy), config: policy}
		onset, delay := c.Drift.FromDay, math.Inf(1)
		until := onset + float64(s.Days)
		if !s.drifts() {
			onset, until = math.Inf(1), referenceDays+float64(s.Days)
		}
		for day := 0.; day < until && math.IsInf(delay, 1); day += 1. / 24 {
			hour, rows := w.Next()
			for _, a := range ours.Hour(hour, rows) {
				if day < onset {
					alarms += 1 / float64(s.Runs)
				} else if slices.ContainsFunc(a.Segments, w.Drifts) {
					delay = day + 1./24 - onset
				}
			}
		}
		delays = append(delays, delay)
	}
	slices.Sort(delays)
	return delays[len(delays)/2], alarms
}
