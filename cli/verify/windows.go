package verify

import (
	"fmt"
	"maps"
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
	if w.Rows == nil {
		return nil
	}
	if m.End > w.complete {
		w.i4windows.pending("%s: ClickHouse is complete up to %s", name(&m), clock(w.complete))
		return nil
	}
	held := append(w.held[m.Window], m)
	if len(held) > windowsToCompare {
		if w.AllWindows {
			if err := w.compareOf(held[:windowsToCompare]); err != nil {
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
	for _, window := range slices.Sorted(maps.Keys(w.held)) {
		if err := w.compareOf(w.held[window]); err != nil {
			return err
		}
	}
	return nil
}

// compareOf compares windows of one length.
func (w *windows) compareOf(want []schemas.MetricRecord) error {
	ends := make([]int64, len(want))
	for i := range want {
		ends[i] = want[i].End
	}
	got, err := w.Rows.Windows(w.ctx, want[0].End-want[0].Start, ends)
	if err != nil {
		return fmt.Errorf("read ClickHouse's windows: %w", err)
	}
	w.Progress("windows", int64(len(want)))
	for i := range want {
		w.i4windows.Count++
		if d := recompute.Segments(got[want[i].End], want[i].Segments); d != "" {
			w.i4windows.fault("%s: ClickHouse has %s", name(&want[i]), d)
		}
	}
	return nil
}
