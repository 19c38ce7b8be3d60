package recompute

import (
	"cmp"
	"slices"

	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/aggregator/alert"
	"github.com/casetrail/casetrail/services/aggregator/watch"
)

// Episodes gives the alerts about episodes of drift that the ledgers give up to a time, in the order of their publication,
// without the ledgers' heads. The hours are counted here and not by the aggregator; what they mean is asked of the same
// monitor: the same statistics a second time would only be the same again.
func (r *Records) Episodes(until int64) ([]*schemas.SegmentAlert, error) {
	r.sort()
	regimes, err := r.regimes(until)
	if err != nil {
		return nil, err
	}
	r.decide(regimes)
	desk := alert.NewDesk(&regimes[0].Measures)
	var out []*schemas.SegmentAlert
	for from := 0; from < len(r.entries); {
		end := above(r.entries[from].at, hour)
		to := r.first(end)
		if end > until {
			break
		}
		for len(regimes) > 1 && regimes[1].from <= end {
			regimes = regimes[1:]
			desk.Configure(&regimes[0].Measures)
		}
		out = append(out, desk.Hour(end/hour-1, r.hour(from, to), nil)...)
		from = to
	}
	return out, nil
}

// hour adds up some entries by segment.
func (r *Records) hour(from, to int) (rows []watch.Row) {
	for _, e := range r.entries[from:to] {
		row := watch.Row{CaseType: all, Handler: names[e.handler]}
		if e.caseType != 0 {
			row.CaseType = r.names[e.caseType]
		}
		i, ok := slices.BinarySearchFunc(rows, row, func(a, b watch.Row) int {
			return cmp.Or(cmp.Compare(a.CaseType, b.CaseType), cmp.Compare(a.Handler, b.Handler))
		})
		if !ok {
			rows = slices.Insert(rows, i, row)
		}
		c := &rows[i].Counts
		c.Cases += int64(e.cases)
		c.Complaints += one(e.complaint)
		if e.rating > 0 {
			c.CSAT[e.rating-1]++
		}
		if e.cases > 0 {
			c.Escalated += one(e.escalated)
			c.Repeats += one(e.repeat)
		}
	}
	return rows
}
