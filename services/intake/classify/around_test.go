package classify

import (
	"strings"
	"testing"
)

// However much of an AI's matter stands around it, in one clause or in many, a clause that is a human's decides.
func TestWhatStandsAroundAHumansClauseHidesNothing(t *testing.T) {
	model := load(t)
	for _, text := range humanOnly {
		for _, around := range []string{"Where is my refund?", "What is my account balance?", "I would like to know where my package is.", "Please show me the last transactions on my account."} {
			for _, n := range []int{1, 3, 8} {
				much := strings.Repeat(around+" ", n)
				if got := model.Classify(much + text + ". " + much); goesToAI(model, got) {
					t.Errorf("%d times %q around %q: %s, AI probability %.4f", n, around, text, got.CaseType, got.AIProbability)
				}
			}
		}
	}
}

// A human's case that an AI gets costs more than a wait for a human: what may be a human's, or unknown, counts for more than it is
// probable, the more so where a clause of the message looks like one.
func TestAnErrorTowardsTheAICostsMore(t *testing.T) {
	for _, other := range []int{4, 5, 6, 8} {
		p := [9]float64{0: 0.5, 1: 0.4}
		p[other] = 0.1
		plain, inAClause := weighed(&p, 0), weighed(&p, 0.5)
		if !(plain < 0.89 && inAClause < plain-0.05 && inAClause > 0.5) {
			t.Errorf("0.9 for the AI and 0.1 for type %d: %.4f, and %.4f where a clause may be a human's", other, plain, inAClause)
		}
	}
	if got := weighed(&[9]float64{2: 1}, 0.5); got != 1 {
		t.Errorf("a message that is surely the AI's: %v", got)
	}
}
