package signals

import "github.com/casetrail/casetrail/pipelines/inject"

// worth is what a sign of displeasure or of pleasure counts. A threat is one.
var worth = [kinds]float64{awful: 0.85, bad: 0.6, cross: 0.6, meh: 0.3, leave: 0.6, complain: 0.6, good: 0.6}

// more is what capitals, exclamation marks or a face leave of the calm.
const more = 0.7

// sentiment adds up the signs; of those that overlap the strongest counts. A feeling aimed at nobody counts for nothing
// where somebody else is to blame. Capitals, exclamation marks and faces make a displeased message more so, and say
// nothing by themselves.
func (m *message) sentiment() float64 {
	blamed := m.says(culprit) && !inject.AimOff.Is()
	calm, flat := 1.0, 1.0
	for i := 0; i < len(m.hits); { // hits come in the order of their first word
		best, end := kinds, 0
		for ; i < len(m.hits) && (best == kinds || m.hits[i].start < end); i++ {
			h := &m.hits[i]
			if !h.says || worth[h.kind] == 0 || h.kind == cross && blamed || m.unsaid(h) {
				continue
			}
			if best == kinds || worth[h.kind] > worth[best] {
				best = h.kind
			}
			end = max(end, h.end)
		}
		switch {
		case best == good:
			flat *= 1 - worth[best]
		case best < kinds:
			calm *= 1 - worth[best]
		}
	}
	if m.angry > 1 {
		calm = min(calm, 1-worth[bad])
	}
	if calm == 1 && m.angry+m.annoyed == 0 {
		return 1 - flat
	}
	if m.angry+m.annoyed > 0 {
		calm *= more
	}
	if m.exclaims > 1 || m.letters >= 8 && m.capitals*10 >= m.letters*7 {
		calm *= more
	}
	return calm - 1
}
