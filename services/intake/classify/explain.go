package classify

import (
	"cmp"
	"slices"
	"strings"

	"github.com/casetrail/casetrail/services/intake/classify/internal/weights"
)

const (
	reasons     = 5  // at most so many stretches explain a finding
	reasonWords = 4  // of at most so many words
	reasonBytes = 64 // and so many bytes
)

// because gives the stretches of the normalised text that spoke most for a head against the others, strongest first.
func (m *Model) because(s *scratch, head int) []string {
	type stretch struct {
		from, to int
		worth    float64
	}
	var found []stretch
	var open stretch
	words := s.message.Words
	for i, w := range words {
		worth := m.worth(s.message.Features[w.Start:w.End], head)
		if worth > 0 && open.to == i && open.to > open.from && i-open.from < reasonWords {
			open.to, open.worth = i+1, open.worth+worth
			continue
		}
		if open.to > open.from {
			found = append(found, open)
		}
		open = stretch{i, i + 1, worth}
		if worth <= 0 {
			open.from = i + 1
		}
	}
	if open.to > open.from {
		found = append(found, open)
	}
	slices.SortStableFunc(found, func(a, b stretch) int { return cmp.Compare(b.worth, a.worth) })
	var texts []string
	for _, f := range found {
		text := strings.Join(strings.Fields(string(s.message.Text(f.from, f.to))), " ")
		if len(text) <= reasonBytes && !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
		if len(texts) == reasons {
			break
		}
	}
	return texts
}

// worth is what features add to a head beyond what they add to all case types on average.
func (m *Model) worth(features []uint32, head int) float64 {
	var mine, all float64
	for _, f := range features {
		row := m.file.Rows[int(f)*weights.Stride:]
		for h := range headUnknown + 1 {
			v := float64(m.file.Scale[h] * float64(int(row[h])-weights.Bias))
			all += v
			if h == head {
				mine += v
			}
		}
	}
	return mine - float64(all/(headUnknown+1))
}
