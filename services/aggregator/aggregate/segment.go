package aggregate

import (
	"math"

	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/aggregator/masking"
	"github.com/casetrail/casetrail/services/aggregator/window"
)

// z is how many standard errors to either side have 95 in 100.
const z = 1.96

// segment gives a row as the schema has it, with what follows from its sums. Its arrays are parts of the row. all is how
// many cases the window has. All of it is + - * / and square roots, with nothing added to a product of fractions, so that it is
// the same to the last bit on every machine.
func segment(r *window.Row, all, minimum int64) schemas.Segment {
	s := &r.Sums
	out := schemas.Segment{
		CaseType: r.Type, Handler: r.Handler,
		Cases: s[window.Cases], Ratings: s[window.Ratings], CSATSum: s[window.CSATSum],
		CSATCounts: s[window.CSAT : window.CSAT+window.CSATLevels],
		Complaints: s[window.Complaints], Escalated: s[window.Escalated],
		Signals:       s[window.Signals : window.Signals+window.SignalKinds],
		GuardBreaches: s[window.GuardBreaches],
		Outcomes:      s[window.Outcomes : window.Outcomes+window.OutcomeKinds],

		ResolutionMSSum: s[window.ResolutionMS],
		HumanRequests:   s[window.HumanRequests], HumanRequestsMet: s[window.HumanRequestsMet], HumanInTime: s[window.HumanInTime],
		TimeToHumanMSSum: s[window.TimeToHumanMS], TimeToHumanCases: s[window.TimeToHumanCases],
		Synthetic: s[window.Synthetic], Identified: s[window.Identified], Repeats: s[window.Repeats],
	}
	out.Enough, out.EnoughRatings = out.Cases >= minimum, out.Ratings >= minimum
	if all > 0 {
		out.Share = float64(out.Cases) / float64(all)
	}
	out.CSAT = csat(out.CSATCounts, out.Ratings, out.CSATSum)
	if out.CSAT.Set {
		low, high := masking.Bounds(out.Cases, out.Ratings, out.CSATSum)
		out.CSATBounds = schemas.Some(schemas.Estimate{Value: out.CSAT.Value.Value, Low: low, High: high})
	}
	out.ResponseRate = rate(out.Ratings, out.Cases)
	out.ComplaintRate = rate(out.Complaints, out.Cases)
	out.EscalationRate = rate(out.Escalated, out.Cases)
	out.RepeatRate = rate(out.Repeats, out.Identified)
	out.HumanInTimeRate = rate(out.HumanInTime, out.HumanRequests)
	if out.Cases > 0 {
		out.SignalRates = make([]float64, window.SignalKinds)
		for i, n := range out.Signals {
			out.SignalRates[i] = float64(n) / float64(out.Cases)
		}
		out.Resolution = schemas.Some(schemas.Percentiles(r.Resolution))
	}
	if out.TimeToHumanCases > 0 {
		out.TimeToHuman = schemas.Some(schemas.Percentiles(r.ToHuman))
	}
	return out
}

// rate is k of n with Wilson's score interval; nothing where that is no share.
func rate(k, n int64) (e schemas.Optional[schemas.Estimate]) {
	if n <= 0 || k < 0 || k > n {
		return e
	}
	of, wide := float64(n), float64(n)+z*z
	middle := (float64(k) + z*z/2) / wide
	half := z * math.Sqrt(float64(k*(n-k))/of+z*z/4) / wide
	e = schemas.Some(schemas.Estimate{Value: float64(k) / of, Low: middle - half, High: middle + half})
	if k == 0 {
		e.Value.Low = 0 // and not what rounding leaves of it
	}
	if k == n {
		e.Value.High = 1
	}
	return e
}

// csat is the mean of ratings. The interval is that of these and two more, a 1 and a 5: so few ratings, or ratings that
// happen to agree, don't seem to be certain (after Agresti and Coull, "Approximate is better than exact", 1998).
func csat(counts []int64, n, sum int64) (e schemas.Optional[schemas.Estimate]) {
	if n <= 0 {
		return e
	}
	squares := int64(1 + 25)
	for i, c := range counts {
		squares += int64((i+1)*(i+1)) * c
	}
	more, sums := n+2, sum+1+5
	middle := float64(sums) / float64(more)
	half := z * math.Sqrt(float64(more*squares-sums*sums)/float64(more-1)) / float64(more)
	return schemas.Some(schemas.Estimate{Value: float64(sum) / float64(n), Low: max(1, middle-half), High: min(5, middle+half)})
}
