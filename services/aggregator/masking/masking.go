// Package masking tells what an aggregate hides: how much of its change comes from the segments' own change, how much from
// the mix of cases, and how much of it cancelled out. The decomposition is the symmetric one of Kitagawa ("Components of a
// difference between two rates", JASA 1955) and of Oaxaca and Blinder, taken against the middle of both aggregates.
// It is pure and uses + - * / alone, with every product rounded before it is added: the results are the same bits on every
// machine, whatever order the segments come in.
package masking

import (
	"cmp"
	"slices"

	"github.com/casetrail/casetrail/pipelines/inject"
)

// Segment is one case type x handler in a reference period (0) and in the current one (1).
type Segment struct {
	CaseType, Handler string
	N0, N1            int64   // ratings, 0 or more: the segment's weight
	Mean0, Mean1      float64 // mean CSAT, 1 to 5; of no meaning where there is no rating
}

// Report is how the aggregate came from one mean to the other, in CSAT points. Change = Within + Mix, up to Residual.
type Report struct {
	Aggregate0, Aggregate1 float64
	Change                 float64 // Aggregate1 - Aggregate0
	Within                 float64 // of it, from the segments' own change
	Mix                    float64 // of it, from the change of shares
	Residual               float64 // what rounding left
	GrossUp, GrossDown     float64 // Within, split into what rose (0 or more) and what fell (0 or less)
	Standardised           float64 // what Aggregate1 would be with the shares of the reference period
	Index                  float64 // 0: nothing cancelled out; 1: all did
	Rows                   []Row   // by case type and handler; none where a segment has no rating in either period
}

// Row is one segment's part. Where it has no rating in one period, the other's mean stands for it: Delta and Within are 0.
type Row struct {
	Segment
	Share0, Share1 float64 // of all ratings
	Delta          float64 // change of the segment's mean
	Within, Mix    float64 // its parts of the report's
}

// Compare makes the report; false where one of the periods has no rating.
func Compare(segments []Segment) (Report, bool) {
	s := slices.Clone(segments)
	slices.SortFunc(s, func(a, b Segment) int {
		return cmp.Or(cmp.Compare(a.CaseType, b.CaseType), cmp.Compare(a.Handler, b.Handler))
	})
	var n0, n1 int64
	for i := range s {
		if n0, n1 = n0+s[i].N0, n1+s[i].N1; s[i].N0 == 0 {
			s[i].Mean0 = s[i].Mean1
		} else if s[i].N1 == 0 {
			s[i].Mean1 = s[i].Mean0
		}
	}
	if n0 == 0 || n1 == 0 {
		return Report{}, false
	}
	r := Report{Rows: make([]Row, 0, len(s))}
	for _, g := range s {
		if g.N0+g.N1 == 0 {
			continue
		}
		row := Row{Segment: g, Delta: g.Mean1 - g.Mean0,
			Share0: float64(g.N0) / float64(n0), Share1: float64(g.N1) / float64(n1)}
		r.Aggregate0 += float64(row.Share0 * g.Mean0)
		r.Aggregate1 += float64(row.Share1 * g.Mean1)
		r.Standardised += float64(row.Share0 * g.Mean1)
		row.Mix = (g.Mean0 + g.Mean1) / 2 // for now: the middle has to be known
		r.Rows = append(r.Rows, row)
	}
	r.split()
	return r, true
}

// split fills in what needs the aggregates.
func (r *Report) split() {
	r.Change = r.Aggregate1 - r.Aggregate0
	middle := float64((r.Aggregate0 + r.Aggregate1) / 2) // exact, and no compiler takes it for a product
	gross := 0.0
	for i := range r.Rows {
		row := &r.Rows[i]
		row.Within = float64((row.Share0 + row.Share1) / 2 * row.Delta)
		row.Mix = float64((row.Share1 - row.Share0) * (row.Mix - middle))
		r.Within += row.Within
		r.Mix += row.Mix
		r.GrossUp += max(row.Within, 0)
		r.GrossDown += min(row.Within, 0)
		gross += max(row.Within, -row.Within) + max(row.Mix, -row.Mix)
	}
	r.Residual = r.Change - (r.Within + r.Mix)
	if gross > 0 {
		r.Index = max(0, 1-max(r.Change, -r.Change)/gross)
	}
}

// Masked tells whether the aggregate hides drift: a segment is in alert, and the aggregate has not fallen by more than
// epsilon (CSAT points).
func Masked(alerts int, change, epsilon float64) bool {
	return alerts > 0 && change >= -epsilon && !inject.MaskedRuleOff.Is()
}

// Bounds gives the means that the CSAT of all cases may have, whatever those without a rating thought: from all of them 1
// to all of them 5. There must be a case or a rating; ratings may be more than cases, since some come late.
func Bounds(cases, ratings, sum int64) (low, high float64) {
	missing := max(0, cases-ratings)
	n := float64(ratings + missing)
	return float64(sum+missing) / n, float64(sum+5*missing) / n
}
