package window

import (
	"maps"
	"slices"
	"strings"

	"github.com/casetrail/casetrail/pipelines/inject"
)

// Row is one segment of one window.
type Row struct {
	Type, Handler string // a case type or all, a handler or all
	Sums
}

// segments numbers the segments as they come, and knows in which order to show them.
type segments struct {
	types  map[string]int
	sorted []string // all among them
	out    []Row
}

// newSegments has the type "all" as its first: a case type of that name has no rows of its own and counts in the totals.
func newSegments() segments { return segments{types: map[string]int{All: 0}, sorted: []string{All}} }

// number gives the segment's number. Numbers depend on the order of the facts; rows don't.
func (s *segments) number(caseType string, h Handler) int {
	t, ok := s.types[caseType]
	if !ok {
		caseType = strings.Clone(caseType)
		t = len(s.types)
		s.types[caseType] = t
		i, _ := slices.BinarySearch(s.sorted, caseType)
		s.sorted = slices.Insert(s.sorted, i, caseType)
	}
	return t*int(handlers) + int(h)
}

func (s *segments) rows(p *pane) []Row {
	var totals [handlers]Sums
	for i := range p.sums {
		totals[i%int(handlers)].add(&p.sums[i])
	}
	s.out = s.out[:0]
	types := s.sorted
	if inject.MapOrder.Is() {
		types = slices.Collect(maps.Keys(s.types))
	}
	for _, t := range types {
		if t == All {
			s.of(t, totals[:])
			continue
		}
		if from := s.types[t] * int(handlers); from < len(p.sums) {
			s.of(t, p.sums[from:min(from+int(handlers), len(p.sums))])
		}
	}
	return s.out
}

// of appends the rows of one case type. Between AIThenEscalated and Human comes the total over the handlers.
func (s *segments) of(caseType string, by []Sums) {
	total := Row{Type: caseType, Handler: All}
	for h := range by {
		total.add(&by[h])
	}
	if total.Empty() && caseType != All {
		return
	}
	for h := AI; h <= Human; h++ {
		if h == Human {
			s.out = append(s.out, total)
		}
		if int(h) < len(by) && !by[h].Empty() {
			s.out = append(s.out, Row{caseType, h.String(), by[h]})
		}
	}
}
