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
