package aggregate

import (
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/policies"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/aggregator/alert"
	"github.com/casetrail/casetrail/services/aggregator/watch"
	"github.com/casetrail/casetrail/services/aggregator/window"
)

// drifts gives each closed hour to the monitor and publishes what is new. An hour in which nothing was is not given: the
// next one tells the monitor that it was empty.
type drifts struct {
	*alert.Desk
	rows []watch.Row
}

func newDrifts() drifts {
	shipped := policies.Shipped()
	return drifts{Desk: alert.NewDesk(&shipped)}
}

// hour looks at the hour that ends at an end, if one does and anything was in it.
func (d *drifts) hour(end int64, w *window.Windows, heads []schemas.LedgerHead, out *publisher) {
	d.rows = d.rows[:0]
	for r := range w.Hour {
		d.rows = append(d.rows, watch.Row{CaseType: r.Type, Handler: r.Handler, Counts: watch.Counts{Cases: r.Sums[window.Cases],
			Complaints: r.Sums[window.Complaints], Escalated: r.Sums[window.Escalated], Repeats: r.Sums[window.Repeats],
			CSAT: [window.CSATLevels]int64(r.Sums[window.CSAT : window.CSAT+window.CSATLevels])}})
	}
	if len(d.rows) == 0 {
		return
	}
	for _, a := range d.Hour(end/hour-1, d.rows, heads) {
		out.emit(pipelines.ConductAlerts, a.Episode.Value.Test, a)
	}
}

// hour is how many minutes one has.
const hour = 60
