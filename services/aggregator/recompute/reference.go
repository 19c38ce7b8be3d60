package recompute

import (
	"cmp"
	"slices"
	"time"

	"github.com/casetrail/casetrail/schemas"
)

// reference is the period that windows are compared with, and its ratings.
type reference struct {
	begun      bool
	first      int64 // when the first case was concluded
	start, end int64
	segments   []opinion
}

// opinion is the ratings of a segment in the reference period (0) and in a window (1).
type opinion struct {
	caseType, handler    string
	n0, n1, sum0, sum1   int64
	mean0, mean1, w0, w1 float64
}

const hour = 60 * minute

// reference finds the period: it begins with the hour of the first case.
func (r *Records) reference(regimes []regime) (ref reference) {
	first := slices.IndexFunc(r.entries, func(e entry) bool { return e.cases > 0 })
	if first < 0 {
		return ref
	}
	at := r.entries[first].at
	ref.begun, ref.first, ref.start = true, at, above(at, hour)-hour
	in := of(regimes, at)
	ref.end = ref.start + in.Drift.Reference.Milliseconds()
	for i := range regimes {
		g := &regimes[i]
		if g.from > in.from && g.from-minute < ref.end {
			ref.end = max(ref.start+g.Drift.Reference.Milliseconds(), g.from-minute)
		}
		g.referenceEnd = ref.end // as far as one could tell under that policy
	}
	for _, e := range r.entries[first:] {
		if e.at < ref.end && e.rating > 0 && e.caseType != 0 {
			ref.segments = add(ref.segments, opinion{caseType: r.names[e.caseType], handler: names[e.handler], n0: 1, sum0: int64(e.rating)})
		}
	}
	return ref
}

func add(to []opinion, o opinion) []opinion {
	i, ok := slices.BinarySearchFunc(to, o, func(a, b opinion) int {
		return cmp.Or(cmp.Compare(a.caseType, b.caseType), cmp.Compare(a.handler, b.handler))
	})
	if !ok {
		return slices.Insert(to, i, o)
	}
	p := &to[i]
	p.n0, p.n1, p.sum0, p.sum1 = p.n0+o.n0, p.n1+o.n1, p.sum0+o.sum0, p.sum1+o.sum1
	return to
}

// compare fills in a record's masking report, or why there is none.
func (ref *reference) compare(m *schemas.MetricRecord, end int64, segments []schemas.Segment) {
	if !ref.begun || m.End <= ref.first {
		m.NoMasking = "there is no case yet, so there is nothing to compare with"
		return
	}
	m.ReferenceStart, m.ReferenceEnd = schemas.Some(ref.start), schemas.Some(end)
	if m.End < end {
		m.NoMasking = "the reference period is not complete before " + time.UnixMilli(end).UTC().Format(time.RFC3339)
		return
	}
	os := slices.Clone(ref.segments)
	for _, s := range segments {
		if s.CaseType != all && s.Handler != all && s.Ratings > 0 {
			os = add(os, opinion{caseType: s.CaseType, handler: s.Handler, n1: s.Ratings, sum1: s.CSATSum})
		}
	}
	var n0, n1 int64
	for _, o := range os {
		n0, n1 = n0+o.n0, n1+o.n1
	}
	if n0 == 0 || n1 == 0 {
		m.NoMasking = "there is no rating in the reference period, or none in the window"
		return
	}
	m.Masking = schemas.Some(decompose(os, n0, n1))
}

// decompose is the report as masking_report.avsc and metrics' reference say it. Products are rounded before they are added.
func decompose(os []opinion, n0, n1 int64) (r schemas.MaskingReport) {
	for i := range os {
		o := &os[i]
		o.mean0, o.mean1 = part(o.sum0, max(o.n0, 1)), part(o.sum1, max(o.n1, 1))
		if o.n0 == 0 {
			o.mean0 = o.mean1
		}
		if o.n1 == 0 {
			o.mean1 = o.mean0
		}
		o.w0, o.w1 = part(o.n0, n0), part(o.n1, n1)
		r.Aggregate0 += float64(o.w0 * o.mean0)
		r.Aggregate1 += float64(o.w1 * o.mean1)
		r.Standardised1 += float64(o.w0 * o.mean1)
	}
	change, c := r.Aggregate1-r.Aggregate0, (r.Aggregate0+r.Aggregate1)/2
	var gross float64
	for _, o := range os {
		s := schemas.MaskingSegment{CaseType: o.caseType, Handler: o.handler, Ratings0: o.n0, Ratings1: o.n1, Csat0: o.mean0, Csat1: o.mean1,
			Share0: o.w0, Share1: o.w1, Within: (o.w0 + o.w1) / 2 * (o.mean1 - o.mean0), Mix: (o.w1 - o.w0) * ((o.mean0+o.mean1)/2 - c)}
		r.Within += s.Within
		r.Mix += s.Mix
		if s.Within > 0 {
			r.GrossUp += s.Within
		} else {
			r.GrossDown += s.Within
		}
		gross += abs(s.Within) + abs(s.Mix)
		r.Segments = append(r.Segments, s)
	}
	r.Residual = change - (r.Within + r.Mix)
	if gross > 0 {
		r.Index = max(0, 1-abs(change)/gross)
	}
	return r
}

func abs(x float64) float64 { return max(x, -x) }
