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

// Records are what matters for metrics of a list of records. The zero value is empty. A month of Klarna's 2.3 million
// cases takes about 350 MB.
type Records struct {
	// Ledgers is how many there are: a policy measures from when all have it. 0 is as many as have a record.
	Ledgers  int
	entries  []entry
	policies [][]applied // by partition
	names    []string    // of case types, by number; 0 is the total
	numbers  map[string]int32
	sorted   bool
	bins     [][handlers]durations
}

// Add takes a record of any kind, once; those of one ledger in its order.
func (r *Records) Add(rec *record.Record) {
	for p := rec.Source.Partition; int(p) >= len(r.policies); {
		r.policies = append(r.policies, nil)
	}
	var e entry
	var caseType string
	switch rec.Kind {
	case record.KindCase:
		e, caseType = ofCase(&rec.Case), rec.Case.CaseType
	case record.KindPolicy:
		p := &r.policies[rec.Source.Partition]
		*p = append(*p, applied{rec.Policy.AppliedAt, strings.Clone(rec.Policy.Document)})
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
	e.caseType, e.partition, e.sequence = n, rec.Source.Partition, rec.Sequence
	_, e.generation = record.Generation(rec.Ledger)
	e.resolutionBin, e.toHumanBin = int16(bin(e.resolution)), int16(bin(e.toHuman))
	r.entries, r.sorted = append(r.entries, e), false
}

// Recompute gives the metric records of some ledgers: of all windows that hold a case, a rating or a complaint and end at or
// before until (milliseconds since 1970), by end, the shorter ones first. Heads, key and signature are left empty: they are
// not in the records. An error is about a policy that can't be read.
func Recompute(records []record.Record, until int64) ([]schemas.MetricRecord, error) {
	var r Records
	for i := range records {
		r.Add(&records[i])
	}
	windows, err := r.Windows(until)
	return slices.Collect(windows), err
}

// Windows gives the metric records that [Recompute] gives, one at a time.
func (r *Records) Windows(until int64) (iter.Seq[schemas.MetricRecord], error) {
	r.sort()
	regimes, err := r.regimes(until)
	if err != nil {
		return func(func(schemas.MetricRecord) bool) {}, err
	}
	r.decide(regimes)
	ref := r.reference(regimes)
	return func(yield func(schemas.MetricRecord) bool) {
		for i := range regimes {
			to := int64(math.MaxInt64)
			if i+1 < len(regimes) {
				to = regimes[i+1].from
			}
			if !r.under(&regimes[i], &ref, min(to-1, until), yield) {
				return
			}
		}
	}, nil
}

// sort puts the entries into the order in which they count.
func (r *Records) sort() {
	if !r.sorted {
		slices.SortFunc(r.entries, func(a, b entry) int {
			return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.partition, b.partition), cmp.Compare(a.generation, b.generation), cmp.Compare(a.sequence, b.sequence))
		})
		r.sorted = true
	}
}

// under gives the windows that end under one policy, at or before a time.
func (r *Records) under(g *regime, ref *reference, until int64, yield func(schemas.MetricRecord) bool) bool {
	ends := make([]int64, len(g.windows))
	for i, w := range g.windows {
		ends[i] = r.end(g.from-1, w.length, w.step)
	}
	for {
		i := slices.Index(ends, slices.Min(ends))
		end, w := ends[i], g.windows[i]
		if end > until || end == math.MaxInt64 {
			return true
		}
		if w.since == math.MinInt64 || end-w.length >= w.since {
			m := schemas.MetricRecord{Window: w.name, Start: end - w.length, End: end, PolicyVersion: g.Version, MinimumCases: g.Metrics.MinimumCases,
				HumanWithinMS: g.Metrics.HumanWithin.Milliseconds(), RepeatContactMS: g.Metrics.RepeatContact.Milliseconds()}
			segments := r.segments(end-w.length, end)
			ref.compare(&m, g.referenceEnd, segments)
			for _, s := range segments {
				if s.Handler == all || slices.Contains(g.Metrics.Handlers, s.Handler) {
					m.Segments = append(m.Segments, s)
				}
			}
			figures(m.Segments, g.Metrics.MinimumCases)
			if !yield(m) {
				return false
			}
		}
		ends[i] = r.end(end, w.length, w.step)
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
	r.bins = append(r.bins, make([][handlers]durations, len(r.names)-len(r.bins))...)
	for i := r.first(start); i < len(r.entries) && r.entries[i].at < end; i++ {
		e := &r.entries[i]
		for _, t := range []int32{0, e.caseType}[:1+one(e.caseType != 0)] {
			for _, h := range []int8{total, e.handler} {
				e.addTo(&by[t][h])
				r.bins[t][h].count(e)
			}
		}
	}
	var out []schemas.Segment
	for t := range by {
		for h := range by[t] {
			if s := &by[t][h]; s.Cases+s.Ratings+s.Complaints > 0 {
				s.CaseType, s.Handler = r.names[t], names[h]
				s.Resolution, s.TimeToHuman = r.bins[t][h].percentiles()
				out = append(out, *s)
			}
			r.bins[t][h].clear()
		}
	}
	slices.SortFunc(out, func(a, b schemas.Segment) int {
		return cmp.Or(cmp.Compare(a.CaseType, b.CaseType), cmp.Compare(a.Handler, b.Handler))
	})
	return out
}
