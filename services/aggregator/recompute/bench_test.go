package recompute

import (
	"fmt"
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
		windows, err := r.Windows(1001 * day)
		if err != nil {
			b.Fatal(err)
		}
		for range windows {
			n++
		}
		b.ReportMetric(float64(n), "windows")
	}
}
