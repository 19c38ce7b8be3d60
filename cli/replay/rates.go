package replay

import (
	"math/rand/v2"

	"github.com/casetrail/casetrail/schemas"
)

// Rates is what the customers of a segment do once their case has ended: made-up figures, chosen so that a segment slides
// while the aggregate stands still. Every event drawn from them is flagged as synthetic.
type Rates struct {
	CSAT      float64 // mean rating, 1 to 5
	Complaint float64 // share of cases
}

// response is the share of cases whose customer rates them.
const response = 0.6

// handled is how a case went, as the platform saw it.
type handled int

const (
	byAI handled = iota
	byHuman
	byBoth
)

// hard are the case types where trust is made or broken.
var hard = map[string]bool{"dispute": true, "fraud_claim": true, "hardship_request": true, "complex_multi_product": true}

// rates gives a segment's rates at a point of the replay, from 0 to 1: easy cases get a little better all the time, hard
// cases that began with the AI get much worse.
func rates(caseType string, h handled, progress float64) Rates {
	switch {
	case hard[caseType] && h == byHuman:
		return Rates{4.0, .04}
	case hard[caseType]:
		return Rates{4.7 - 3.2*progress, .02 + .25*progress}
	case h == byBoth:
		return Rates{3.6, .03}
	case h == byHuman:
		return Rates{4.1 + .2*progress, .01}
	}
	return Rates{4.2 + .4*progress, .01}
}

// rating draws a rating with a given mean: a binomial over the five steps, so that all of them occur.
func rating(r *rand.Rand, mean float64) int32 {
	p, n := (mean-1)/4, int32(1)
	for range 4 {
		if r.Float64() < p {
			n++
		}
	}
	return n
}

// outcome draws how a case ended that somebody resolved.
func outcome(r *rand.Rand, caseType string, h handled) schemas.Outcome {
	x := r.Float64()
	switch {
	case hard[caseType] && h != byHuman && x < .3:
		return schemas.OutcomeUnresolved
	case x < .45:
		return schemas.OutcomeResolvedConfirmed
	case x < .93:
		return schemas.OutcomeResolvedUnconfirmed
	case x < .97:
		return schemas.OutcomeTransferred
	}
	return schemas.OutcomeUnresolved
}
