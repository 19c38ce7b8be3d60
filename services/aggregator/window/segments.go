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
	Resolution, ToHuman Percentiles // zeros without a case
}

// segments numbers the segments as they come, and knows in which order to show them.
type segments struct {
	types  map[string]int
	sorted []string // all among them
	out    []Row
	byType durations           // of the case type in hand
	totals [handlers]durations // over all case types
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

// rows gives a window's segments with a case, a rating or a complaint and the totals over them, sorted by case type and
// handler. The slice is good until the next call.
func (s *segments) rows(r *roller) []Row {
	var totals [handlers]Sums
	for h := range s.totals {
		s.totals[h].clear()
	}
	for i := range r.sums {
		h := i % int(handlers)
		totals[h].add(&r.sums[i])
		s.totals[h].add(&r.durations[i])
	}
	s.out = s.out[:0]
	types := s.sorted
	if inject.MapOrder.Is() {
		types = slices.Collect(maps.Keys(s.types))
	}
	for _, t := range types {
		if t == All {
			s.of(t, totals[:], s.totals[:])
			continue
		}
		if from := s.types[t] * int(handlers); from < len(r.sums) {
			to := min(from+int(handlers), len(r.sums))
			s.of(t, r.sums[from:to], r.durations[from:to])
		}
	}
	return s.out
}

// of appends the rows of one case type. Between AIThenEscalated and Human comes the total over the handlers.
func (s *segments) of(caseType string, by []Sums, ds []durations) {
	total := Row{Type: caseType, Handler: All}
	s.byType.clear()
	for h := range by {
		total.add(&by[h])
		s.byType.add(&ds[h])
	}
	if total.Empty() && caseType != All {
		return
	}
	total.Resolution, total.ToHuman = s.byType.resolution.percentiles(), s.byType.toHuman.percentiles()
	for h := AI; h <= Human; h++ {
		if h == Human {
			s.out = append(s.out, total)
		}
		if int(h) < len(by) && !by[h].Empty() {
			s.out = append(s.out, Row{caseType, h.String(), by[h], ds[h].resolution.percentiles(), ds[h].toHuman.percentiles()})
		}
	}
}
