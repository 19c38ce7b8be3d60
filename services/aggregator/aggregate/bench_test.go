package aggregate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
)

// busy is some hours of Klarna's 2.3 million cases in 30 days, 53 a minute, over four partitions, with a checkpoint in
// every second in which records came, read second by second.
func busy(b testing.TB, minutes int64) (in []stage.Record, records int) {
	r := rand.New(rand.NewPCG(1, 2))
	books := make([]*book, 4)
	for p := range books {
		books[p] = newBook(b, int32(p))
		in = append(in, books[p].bodies...)
	}
	for ms := range minutes * 60 {
		now := start + ms*1000
		for _, k := range books {
			nb, nc := len(k.bodies), len(k.checkpoints)
			if r.Float64() < 53.0/60/4 {
				rec := anyRecord(r, now+r.Int64N(1000))
				for rec.Kind == record.KindPolicy { // one in twelve is too many
					rec = anyRecord(r, now+r.Int64N(1000))
				}
				rec.Case.CaseType = fmt.Sprint("case_type_", r.IntN(8))
				rec.Amendment.CaseType = rec.Case.CaseType
				rec.Case.GuardBreach = false
				rec.Case.ClassifierVersion, rec.Case.PolicyVersion, rec.Case.AIModelVersion = "type@1/tone@1", "2026-01", record.Some("model-1")
				k.add(rec)
				records++
			}
			if nb != len(k.bodies) || ms%10 == 9 {
				k.checkpoint(now + 1000)
			}
			in = append(append(in, k.bodies[nb:]...), k.checkpoints[nc:]...)
		}
	}
	return in, records
}

// BenchmarkRecord is what a record costs with all that comes with it, its share of checkpoints and windows included:
// "first" verifies checkpoints and encodes windows, "again" is a restart over what is published.
func BenchmarkRecord(b *testing.B) {
	in, records := busy(b, 240)
	for name, published := range map[string]int64{"first": math.MinInt64, "again": math.MaxInt64} {
		b.Run(name, func(b *testing.B) {
			var out int
			b.ReportAllocs()
			for range b.N {
				h := newHandler(b, 4)
				h.published = published
				for i := range in {
					res, err := h.Handle(in[i])
					if err != nil {
						b.Fatal(err)
					}
					out += len(res)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(records*b.N), "ns/record")
			b.ReportMetric(float64(out)/float64(b.N), "outputs")
			b.ReportMetric(float64(len(in))/float64(records), "inputs/record")
		})
	}
}

// BenchmarkCloseEnd is what a closed minute costs: its 1h window made, encoded and addressed, checkpoints aside.
func BenchmarkCloseEnd(b *testing.B) {
	in, _ := busy(b, 120)
	h := newHandler(b, 4)
	for i := range in {
		if _, err := h.Handle(in[i]); err != nil {
			b.Fatal(err)
		}
	}
	end, _ := h.windows.Next(math.MaxInt64)
	for _, l := range h.ledgers {
		l.heads = []checkpoint{{time: math.MaxInt64}}
	}
	b.ReportAllocs()
	for b.Loop() {
		h.publish.out = h.publish.out[:0]
		if err := h.closeEnd(end); err != nil {
			b.Fatal(err)
		}
	}
}
