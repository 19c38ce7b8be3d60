package classify

// The model's heads: the case types in order, then these.
const (
	headUnknown = 8 + iota
	headHuman
	headNegative
	headPositive
)

// The thresholds' places in the weights file, so that a model's version covers them.
const (
	thresholdAI        = iota // an AI's type is named from this probability on
	thresholdRisk             // and only while fraud, dispute, hardship and several wishes together stay below this one
	thresholdHuman            // a human's type is named from this probability on
	thresholdClause           // a clause from this probability on has a wish of its own
	thresholdAsk              // the customer asks for a human
	thresholdAskClause        // the same, said in one clause of a longer message
)

// clauseWords is how short a clause can be and still have a wish of its own.
const clauseWords = 3

// decide names the case type. An error towards a human's type or Unknown costs a human's time; an error towards an
// AI's type leaves a person in need with a bot. So an AI's type must pass a high bar, over the whole message and
// against every clause of it.
func (m *Model) decide(whole *sums, clauses []sums) (string, int) {
	p := m.probabilities(whole)
	t := m.file.Thresholds
	best, human, risk := headUnknown, AITypes, 0
	for i := range CaseTypes {
		if p[i] > p[best] {
			best = i
		}
		if i >= AITypes {
			risk += p[i]
			if p[i] > p[human] {
				human = i
			}
		}
	}
	switch {
	case best < AITypes && p[best] >= int(t[thresholdAI]) && risk < int(t[thresholdRisk]):
		if other, q := m.otherWish(best, clauses); other >= 0 {
			return CaseTypes[other], q
		}
		return CaseTypes[best], p[best]
	case best >= AITypes && best < headUnknown && p[best] >= int(t[thresholdHuman]):
		return CaseTypes[best], p[best]
	case best < AITypes && p[human] >= int(t[thresholdHuman]):
		return CaseTypes[human], p[human]
	}
	return Unknown, p[headUnknown]
}

// otherWish finds a clause that wants something else than the type of the whole message: a human's type wins over
// it, and an AI's type beside it makes the case complex.
func (m *Model) otherWish(best int, clauses []sums) (int, int) {
	if len(clauses) < 2 {
		return -1, 0
	}
	other, sure := -1, 0
	for i := range clauses {
		if clauses[i].words < clauseWords {
			continue
		}
		p := m.probabilities(&clauses[i])
		for c := range CaseTypes {
			if c != best && p[c] >= int(m.file.Thresholds[thresholdClause]) && p[c] > sure {
				other, sure = c, p[c]
			}
		}
	}
	if other >= 0 && other < AITypes {
		other = len(CaseTypes) - 1
	}
	return other, sure
}

func (m *Model) wantsHuman(whole *sums, clauses []sums) bool {
	if whole.words == 0 {
		return false
	}
	if m.sigmoid(whole, headHuman) >= int(m.file.Thresholds[thresholdAsk]) {
		return true
	}
	for i := range clauses {
		if clauses[i].words > 1 && m.sigmoid(&clauses[i], headHuman) >= int(m.file.Thresholds[thresholdAskClause]) {
			return true
		}
	}
	return false
}

// sentiment is in units of 1e-4.
func (m *Model) sentiment(whole *sums) int {
	if whole.features == 0 {
		return 0
	}
	return m.sigmoid(whole, headPositive) - m.sigmoid(whole, headNegative)
}
