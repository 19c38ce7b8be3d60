package verify

import (
	"fmt"
	"slices"

	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/aggregator/recompute"
)

// windowsToCompare is how many windows of each length are compared with ClickHouse: the latest, or so many at a time.
const windowsToCompare = 200

// windows is the second half of I4: ClickHouse's windows are the published ones.
type windows struct {
	*run
	complete int64 // up to when ClickHouse has every record, ms
	held     map[string][]schemas.MetricRecord
}

func (v *run) newWindows() (*windows, error) {
	w := &windows{run: v, held: map[string][]schemas.MetricRecord{}}
	if v.Rows == nil {
		return w, nil
	}
	var err error
	if w.complete, err = v.Rows.Complete(v.ctx); err != nil {
		return nil, fmt.Errorf("read ClickHouse: %w", err)
	}
	return w, nil
}

// add holds a published window until it is its turn.
func (w *windows) add(m schemas.MetricRecord) error {
	if w.Rows == nil || !slices.Contains(lengths, m.Window) {
		return nil
	}
	if m.End > w.complete {
		w.i4windows.pending("%s: ClickHouse is complete up to %s", name(&m), clock(w.complete))
		return nil
	}
	held := append(w.held[m.Window], m)
	if len(held) > windowsToCompare {
		if w.AllWindows {
			if err := w.compareOf(m.Window, held[:windowsToCompare]); err != nil {
				return err
			}
			held = held[:copy(held, held[windowsToCompare:])]
		} else {
			held = held[1:]
		}
	}
	w.held[m.Window] = held
	return nil
}

// compare compares what is held.
func (w *windows) compare() error {
	for _, window := range lengths {
		if held := w.held[window]; len(held) > 0 {
			if err := w.compareOf(window, held); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *windows) compareOf(window string, want []schemas.MetricRecord) error {
	ends := make([]int64, len(want))
	for i := range want {
		ends[i] = want[i].End
	}
	got, err := w.Rows.Windows(w.ctx, window, ends)
	if err != nil {
		return fmt.Errorf("read ClickHouse's windows: %w", err)
	}
	w.Progress("windows", int64(len(want)))
	for i := range want {
		w.i4windows.Count++
		if d := recompute.Segments(sums(got[want[i].End]), sums(want[i].Segments)); d != "" {
			w.i4windows.fault("%s: ClickHouse has %s", name(&want[i]), d)
		}
	}
	return nil
}

// sums leaves of segments what ClickHouse's views have: what is counted, and not what follows from it.
func sums(segments []schemas.Segment) []schemas.Segment {
	out := make([]schemas.Segment, len(segments))
	for i, s := range segments {
		out[i] = schemas.Segment{CaseType: s.CaseType, Handler: s.Handler, Cases: s.Cases, Ratings: s.Ratings, CSATSum: s.CSATSum, CSATCounts: s.CSATCounts,
			Complaints: s.Complaints, Escalated: s.Escalated, Signals: s.Signals, GuardBreaches: s.GuardBreaches, Outcomes: s.Outcomes,
			ResolutionMSSum: s.ResolutionMSSum, HumanRequests: s.HumanRequests, HumanRequestsMet: s.HumanRequestsMet, HumanInTime: s.HumanInTime,
			TimeToHumanMSSum: s.TimeToHumanMSSum, TimeToHumanCases: s.TimeToHumanCases, Synthetic: s.Synthetic}
	}
	return out
}
