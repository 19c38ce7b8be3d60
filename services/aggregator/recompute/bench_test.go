package recompute

import (
	"fmt"
	"math"
	"testing"

	"github.com/casetrail/casetrail/record"
)

// BenchmarkDay is a batch computation of a day at Klarna's rate, 53 cases a minute over 24 segments: what
// `casetrail verify` spends on it.
func BenchmarkDay(b *testing.B) {
	var r Records
	for m := range int64(24 * 60) {
		for i := range int64(53) {
			rec := concluded(1000*day+m*minute+i, func(c *record.Case) {
				c.CaseType, c.Route = fmt.Sprint("case_type_", i%8), record.Route(i%3)
			})
			r.Add(&rec)
		}
	}
	for b.Loop() {
		n := 0
		for range r.Windows(math.MinInt64, 1001*day) {
			n++
		}
		b.ReportMetric(float64(n), "windows")
	}
}
