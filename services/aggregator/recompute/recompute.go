// Package recompute computes metric records the slow and obvious way, from a plain list of the ledger's records: for every
// window, the records in it. It shares no code with the aggregator, so that the two can be held against each other;
// `casetrail verify` and the tests do.
package recompute

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

const minute = 60_000 // milliseconds, as all times here

// windows are the kinds of windows in the order in which those with one end are published.
var windows = [...]struct {
	name         string
	length, step int64
}{
	{"1h", 60 * minute, minute},
	{"24h", 24 * 60 * minute, 60 * minute},
	{"7d", 7 * 24 * 60 * minute, 60 * minute},
	{"30d", 30 * 24 * 60 * minute, 24 * 60 * minute},
}

// Records are what matters for metrics of a list of records. The zero value is empty. A month of Klarna's 2.3 million
// cases takes about 250 MB.
type Records struct {
	entries []entry
	names   []string // of case types, by number; 0 is the total
	numbers map[string]int32
	sorted  bool
}

// Add takes a record of any kind, once, in any order.
func (r *Records) Add(rec *record.Record) {
	var e entry
	var caseType string
	switch rec.Kind {
	case record.KindCase:
		e, caseType = ofCase(&rec.Case), rec.Case.CaseType
	case record.KindAmendment:
		e, caseType = ofAmendment(&rec.Amendment), rec.Amendment.CaseType
	}
	if e.cases == 0 && e.rating == 0 && !e.complaint {
		return
	}
	if r.numbers == nil {
		r.numbers, r.names = map[string]int32{all: 0}, []string{all}
	}
	n, ok := r.numbers[caseType]
	if !ok {
		n = int32(len(r.names))
		caseType = strings.Clone(caseType)
		r.numbers[caseType] = n
		r.names = append(r.names, caseType)
	}
	e.caseType = n
	r.entries, r.sorted = append(r.entries, e), false
}

// Recompute gives the metric records of a ledger: of all windows that hold a case, a rating or a complaint and end at or
// before until (milliseconds since 1970), by end, then 1h, 24h, 7d, 30d. Heads are left empty: they are not in the records.
func Recompute(records []record.Record, until int64) []schemas.MetricRecord {
	var r Records
	for i := range records {
		r.Add(&records[i])
	}
	return slices.Collect(r.Windows(math.MinInt64, until))
}

// Windows gives the metric records that [Recompute] gives, one at a time, and only those that end after a time.
func (r *Records) Windows(after, until int64) iter.Seq[schemas.MetricRecord] {
	return func(yield func(schemas.MetricRecord) bool) {
		if !r.sorted {
			slices.SortFunc(r.entries, func(a, b entry) int { return cmp.Compare(a.at, b.at) })
			r.sorted = true
		}
		var ends [len(windows)]int64
		for i, w := range windows {
			ends[i] = r.end(after, w.length, w.step)
		}
		for {
			i := slices.Index(ends[:], slices.Min(ends[:]))
			end, w := ends[i], windows[i]
			if end > until || end == math.MaxInt64 {
				return
			}
			if !yield(schemas.MetricRecord{Window: w.name, Start: end - w.length, End: end, Segments: r.segments(end-w.length, end)}) {
				return
			}
			ends[i] = r.end(end, w.length, w.step)
		}
	}
}

// end is the first end of a window after a time such that something is in the window; MaxInt64 where there is none.
func (r *Records) end(after, length, step int64) int64 {
	if len(r.entries) == 0 {
		return math.MaxInt64
	}
	end := above(max(after, r.entries[0].at), step)
	i := r.first(end - length)
	if i == len(r.entries) {
		return math.MaxInt64
	}
	return max(end, above(r.entries[i].at, step))
}

// first is the number of the first entry at or after a time.
func (r *Records) first(at int64) int {
	return sort.Search(len(r.entries), func(i int) bool { return r.entries[i].at >= at })
}

// above is the first multiple of step above t.
func above(t, step int64) int64 {
	m := t % step
	if m < 0 {
		m += step
	}
	return t - m + step
}

// segments adds up what lies in [start, end).
func (r *Records) segments(start, end int64) []schemas.Segment {
	by := make([][handlers]schemas.Segment, len(r.names))
	for i := r.first(start); i < len(r.entries) && r.entries[i].at < end; i++ {
		e := &r.entries[i]
		e.addTo(&by[0][0])
		e.addTo(&by[0][e.handler])
		if e.caseType != 0 {
			e.addTo(&by[e.caseType][0])
			e.addTo(&by[e.caseType][e.handler])
		}
	}
	var out []schemas.Segment
	for t := range by {
		for h := range by[t] {
			if s := &by[t][h]; s.Cases+s.Ratings+s.Complaints > 0 {
				s.CaseType, s.Handler = r.names[t], names[h]
				out = append(out, *s)
			}
		}
	}
	slices.SortFunc(out, func(a, b schemas.Segment) int {
		return cmp.Or(cmp.Compare(a.CaseType, b.CaseType), cmp.Compare(a.Handler, b.Handler))
	})
	return out
}
