package classify

import "github.com/casetrail/casetrail/pipelines/inject"

// headUnknown is the model's last head, after the case types in order.
const headUnknown = 8

// clauseWords is how short a clause can be and still be a matter of its own.
const clauseWords = 3

// From which probability on a clause is taken for a human's, and from which for a matter of its own beside another one.
const (
	sure      = 0.7
	sureOfTwo = 0.8
)

// What an error costs, against one of an AI's types taken for another's, and how much a clause that may be a human's raises
// it. They were found on held-out sources (make eval), where the AI gets more at a small leak with them, and AIProbability
// is still honest.
const (
	errorCost  = 1.5 // of the probability of a dispute, a fraud, hardship or unknown; several wishes are looked for in the clauses too
	clauseCost = 1.0 // by e to this, where a clause is surely a human's
)

// forAI is the probability that an AI may have the matter. An error towards a human's type costs a human's time; an
// error towards an AI leaves a person in need with a bot. So a clause or a sentence that is a human's takes the whole
// message to the human, whatever stands around it; so do two clauses of different types, which are several wishes; and a
// message of which something was not read is never an AI's.
func (m *Model) forAI(s *scratch, p *[9]float64, clauses []sums) float64 {
	if s.message.Unread {
		return 0
	}
	ai := 1.0
	risk := 0.0                 // of the clause that is most a human's
	var surest [AITypes]float64 // of the clauses so far
	var sentence sums
	parts := 0
	if len(clauses) < 2 || inject.ClauseVetoOff.Is() {
		clauses = nil // the whole says it all
	}
	for i := range clauses {
		if s.message.Clauses[i].Opens {
			sentence, parts = sums{}, 0
		}
		sentence.add(&clauses[i])
		if parts++; parts > 1 && len(clauses) > parts {
			q := m.probabilities(&sentence)
			ai = min(ai, veto(&q))
		}
		if clauses[i].words < clauseWords {
			continue
		}
		q := m.probabilities(&clauses[i])
		ai = min(ai, veto(&q))
		risk = max(risk, q[4]+q[5]+q[6]+q[7])
		for a, before := range surest {
			for b, other := range q[:AITypes] {
				if a != b && before >= sureOfTwo && other >= sureOfTwo {
					ai = min(ai, 1-min(before, other))
				}
			}
		}
		for k := range surest {
			surest[k] = max(surest[k], q[k])
		}
	}
	return max(min(ai, weighed(p, risk)), 0)
}

// weighed is the AI's share of the probability when all the others' counts by what an error costs.
func weighed(p *[9]float64, risk float64) float64 {
	ai := p[0] + p[1] + p[2] + p[3]
	if inject.CostsOff.Is() {
		return ai
	}
	others := float64(errorCost*(p[4]+p[5]+p[6]+p[8])) + p[7]
	return ai / (ai + float64(others*exp(clauseCost*risk)))
}

// veto is what a stretch leaves of the AI's probability: all, unless it is surely a human's.
func veto(q *[9]float64) float64 {
	if risk := q[4] + q[5] + q[6] + q[7]; risk >= sure {
		return 1 - risk
	}
	return 1
}
