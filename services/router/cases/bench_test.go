package cases

import (
	"fmt"
	"testing"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage/memory"
)

// BenchmarkRecover restores the state of open cases.
func BenchmarkRecover(b *testing.B) {
	const open = 100_000
	h := newHistory()
	h.policy(b)
	for i := range open {
		h.says(fmt.Sprint("case-", i), int64(i), "dispute")
	}
	def := Definition(codec)
	s, err := memory.Start(h.log, def, 0)
	if err == nil {
		err = s.Drain(1000)
	}
	if err != nil {
		b.Fatal(err)
	}
	log := h.log.For(pipelines.Router)
	for b.Loop() {
		r := New(0, codec)
		if _, err := r.Recover(log); err != nil {
			b.Fatal(err)
		}
		if _, held := r.OpenCases(); held != open {
			b.Fatal(held)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/open, "ns/case")
}
