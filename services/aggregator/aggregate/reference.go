package aggregate

import (
	"slices"
	"strings"
	"time"

	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/aggregator/masking"
	"github.com/casetrail/casetrail/services/aggregator/window"
)

// reference is the period that windows are compared with: from the hour of the first case on, as long as the policy says
// that is in force when it ends. It is [start, end), in milliseconds.
type reference struct {
	begun      bool
	start, end int64
	ratings    map[leaf]*opinions
}

// leaf is a segment that is no total.
type leaf struct {
	caseType string
	handler  window.Handler
}

type opinions struct{ n, sum int64 }

// count takes a fact of the minute in hand. Facts come by minute, and within one by time.
func (r *reference) count(f *window.Fact, length int64) {
	if !r.begun && f.Sums[window.Cases] > 0 {
		r.begun, r.start = true, window.Hour(f.At)
		r.end = r.start + length
		r.ratings = map[leaf]*opinions{}
	}
	if !r.begun || f.At >= r.end || f.Sums[window.Ratings] == 0 || f.Type == window.All {
		return
	}
	o := r.ratings[leaf{f.Type, f.Handler}]
	if o == nil {
		o = new(opinions)
		r.ratings[leaf{strings.Clone(f.Type), f.Handler}] = o
	}
	o.n += f.Sums[window.Ratings]
	o.sum += f.Sums[window.CSATSum]
}

// change gives the period another length, unless it is over by then. What is counted stays counted.
func (r *reference) change(from, length int64) {
	if r.begun && from < r.end {
		r.end = max(r.start+length, from)
	}
}

// compare makes the masking report of a window that ends at a time, or says why there is none.
func (r *reference) compare(rows []window.Row, end int64) (report schemas.Optional[schemas.MaskingReport], why string) {
	if !r.begun {
		return report, "there is no case yet, so there is nothing to compare with"
	}
	if end < r.end {
		return report, "the reference period is not complete before " + time.UnixMilli(r.end).UTC().Format(time.RFC3339)
	}
	now := map[leaf]opinions{}
	for i := range rows {
		if h, ok := window.ParseHandler(rows[i].Handler); ok && rows[i].Type != window.All {
			now[leaf{rows[i].Type, h}] = opinions{rows[i].Sums[window.Ratings], rows[i].Sums[window.CSATSum]}
		}
	}
	var all []masking.Segment
	add := func(l leaf, o0, o1 opinions) {
		all = append(all, masking.Segment{CaseType: l.caseType, Handler: l.handler.String(), N0: o0.n, N1: o1.n, Mean0: o0.mean(), Mean1: o1.mean()})
	}
	for l, o := range r.ratings {
		add(l, *o, now[l])
	}
	for l, o := range now {
		if r.ratings[l] == nil && o.n > 0 {
			add(l, opinions{}, o)
		}
	}
	m, ok := masking.Compare(all)
	if !ok {
		return report, "there is no rating in the reference period, or none in the window"
	}
	return schemas.Some(maskingReport(&m, all)), ""
}

// maskingReport gives a report as the schema has it. all are the segments that it was made of.
func maskingReport(m *masking.Report, all []masking.Segment) schemas.MaskingReport {
	out := schemas.MaskingReport{Aggregate0: m.Aggregate0, Aggregate1: m.Aggregate1, Within: m.Within, Mix: m.Mix, Residual: m.Residual,
		GrossUp: m.GrossUp, GrossDown: m.GrossDown, Standardised1: m.Standardised, Index: m.Index}
	for _, r := range m.Rows {
		i := slices.IndexFunc(all, func(s masking.Segment) bool { return s.CaseType == r.CaseType && s.Handler == r.Handler })
		s := all[i]
		if s.N0 == 0 {
			s.Mean0 = s.Mean1
		} else if s.N1 == 0 {
			s.Mean1 = s.Mean0
		}
		out.Segments = append(out.Segments, schemas.MaskingSegment{CaseType: r.CaseType, Handler: r.Handler, Ratings0: s.N0, Ratings1: s.N1,
			Csat0: s.Mean0, Csat1: s.Mean1, Share0: r.Share0, Share1: r.Share1, Within: r.Within, Mix: r.Mix})
	}
	return out
}

func (o opinions) mean() float64 { return float64(o.sum) / float64(max(1, o.n)) }
