package aggregate

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// TestIntervalsCover: over many samples, 95 % intervals hold the truth in about 95 of 100, few ratings or many, and
// always hold the figure that they are about.
func TestIntervalsCover(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for _, weights := range [][5]float64{{1, 1, 1, 1, 1}, {1, 1, 2, 6, 10}, {30, 10, 5, 5, 50}, {0, 0, 0, 1, 20}} {
		var whole, mean float64
		for i, w := range weights {
			whole, mean = whole+w, mean+float64(i+1)*w
		}
		mean /= whole
		for _, n := range []int{5, 30, 400} {
			const trials = 1500
			var held, rated int
			for range trials {
				var counts [5]int64
				var sum, fives int64
				for range n {
					x, i := r.Float64()*whole, 0
					for x -= weights[0]; x > 0 && i < 4; x -= weights[i] {
						i++
					}
					counts[i]++
					sum += int64(i + 1)
				}
				fives = counts[4]
				e, p := csat(counts[:], int64(n), sum).Value, rate(fives, int64(n)).Value
				if e.Value < e.Low || e.Value > e.High || p.Value < p.Low || p.Value > p.High {
					t.Fatalf("%v, %v: outside of its own interval", e, p)
				}
				if e.Low <= mean && mean <= e.High {
					held++
				}
				if truth := weights[4] / whole; p.Low <= truth && truth <= p.High {
					rated++
				}
			}
			if share := float64(held) / trials; share < 0.93 {
				t.Errorf("CSAT %v, %d ratings: %.3f of the intervals hold the mean", weights, n, share)
			}
			if share := float64(rated) / trials; share < 0.90 {
				t.Errorf("rate %v of %d: %.3f of the intervals hold it", weights, n, share)
			}
		}
	}
}

func TestWhatIsNoRate(t *testing.T) {
	for _, c := range [][2]int64{{0, 0}, {3, 2}, {-1, 2}} {
		if e := rate(c[0], c[1]); e.Set {
			t.Errorf("%v: %v", c, e)
		}
	}
	if e := rate(0, 9).Value; e.Low != 0 || e.High <= 0 || e.High >= 1 {
		t.Errorf("none of 9: %v", e)
	}
	if e := rate(9, 9).Value; e.High != 1 || e.Low >= 1 {
		t.Errorf("9 of 9: %v", e)
	}
	if e := csat(make([]int64, 5), 0, 0); e.Set {
		t.Errorf("no rating: %v", e)
	}
}

// TestAnotherCompany: case types that no code knows, under a policy of their own, are measured as any.
func TestAnotherCompany(t *testing.T) {
	const policy = `version: "7"
workflow: telecom
routes: {ai_handles: [roaming, sim_card], human_only: [number_porting]}
metrics: {windows: {15m: 5m, 12h: 1h}, minimum_cases: 2, human_within: 90s, repeat_contact: 2h}
`
	b := newBook(t, 0)
	b.add(record.Record{Kind: record.KindPolicy, Policy: record.Policy{Version: "7", AppliedAt: start - minute, Document: policy}})
	b.checkpoint(start)
	someone := record.Hash{1, 2, 3}
	for i, at := range []int64{start + minute, start + 2*minute, start + 200*minute} {
		b.add(record.Record{Kind: record.KindCase, Case: record.Case{CaseType: "number_porting", Route: record.RouteHumanHandled, Handler: record.HandlerHuman,
			OpenedAt: at - int64(i+1)*minute, HumanRequestedAt: record.Some(at - minute), HumanJoinedAt: record.Some(at - int64(i)*30_000),
			CustomerSatisfactionScore: record.Some(int32(i + 1)), ConcludedAt: at, CustomerCommitment: someone}})
		b.checkpoint(at + 1)
	}
	b.checkpoint(start + 1000*minute)
	out, err := run(t, 1, slices.Concat(b.bodies, b.checkpoints))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, o := range out {
		var m schemas.MetricRecord
		if o.Topic != pipelines.ConductMetrics {
			continue
		}
		if err := codec.DecodeInto(o.Value, &m); err != nil {
			t.Fatal(err)
		}
		seen[m.Window]++
		if m.PolicyVersion != "7" || m.MinimumCases != 2 || m.HumanWithinMS != 90_000 {
			t.Fatalf("%+v", m)
		}
		if m.Window != "15m" || m.End != start+5*minute {
			continue
		}
		s := m.Segments[len(m.Segments)-1]
		if s.CaseType != "number_porting" || s.Handler != "human" || s.Cases != 2 || s.Identified != 2 || s.Repeats != 1 || s.HumanInTime != 2 ||
			!s.Enough || !s.EnoughRatings || s.CSAT.Value.Value != 1.5 || s.RepeatRate.Value.Value != 0.5 || s.Share != 1 ||
			math.Abs(float64(s.Resolution.Value.P99)/(2*minute)-1) > 1./128 {
			t.Errorf("%+v", s)
		}
	}
	if len(seen) != 2 || seen["15m"] != 6 || seen["12h"] == 0 {
		t.Errorf("windows: %v", seen)
	}
}
