package verify

import (
	"context"
	"fmt"
	"reflect"

	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// Rows is what ClickHouse holds.
type Rows interface {
	// Bodies calls fn for the signed bodies of one partition's ledger, by sequence, the first size of them.
	Bodies(ctx context.Context, partition int32, size int64, fn func(sequence int64, body []byte) error) error
	// Windows are the segments of the rolling-window view of a length (1h, 24h, 7d, 30d) at some ends, in milliseconds.
	Windows(ctx context.Context, window string, ends []int64) (map[int64][]schemas.Segment, error)
	// Heads are the sizes of the latest checkpoints that ClickHouse has, by partition.
	Heads(ctx context.Context) (map[int32]int64, error)
	// Complete is the time, in milliseconds, up to which no record is missing in ClickHouse.
	Complete(ctx context.Context) (int64, error)
}

// checkRows is the first half of I4: the root over ClickHouse's rows is the one that was signed.
func checkRows(ctx context.Context, o Options, l *ledgers, r *Report) error {
	check := Check{Name: "I4 ClickHouse's rows are the ledger's"}
	heads, err := o.Rows.Heads(ctx)
	if err != nil {
		return fmt.Errorf("read ClickHouse: %w", err)
	}
	for p := range l.heads {
		size := min(heads[int32(p)], l.heads[p].Size) // the newer of the two has gone on
		want, signed := l.roots[int32(p)][size]
		if size == 0 {
			if l.heads[p].Size > 0 {
				check.fault("partition %d: ClickHouse has no checkpoint, the ledger has %d records", p, l.heads[p].Size)
			}
			continue
		}
		if !signed {
			check.fault("partition %d: ClickHouse has a checkpoint at %d that the ledger has not", p, size)
			continue
		}
		var f record.Frontier
		err := o.Rows.Bodies(ctx, int32(p), size, func(sequence int64, body []byte) error {
			if sequence != f.Size() {
				check.fault("partition %d: sequence %d where %d is due", p, sequence, f.Size())
			}
			f.Append(record.LeafHash(body))
			if check.Count++; check.Count%1000 == 0 {
				o.Progress("rows", 1000)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("read ClickHouse's rows of partition %d: %w", p, err)
		}
		if f.Size() != size || f.Root() != want {
			check.fault("partition %d: %d rows with root %v; the checkpoint signs %d with root %v", p, f.Size(), f.Root(), size, want)
		}
	}
	r.Checks = append(r.Checks, check)
	return nil
}

// windowsToCompare is how many of the latest windows of each length are compared.
const windowsToCompare = 200

// checkWindows is the second half of I4: ClickHouse's windows are the published ones.
func checkWindows(ctx context.Context, o Options, l *ledgers, r *Report) error {
	if o.Rows == nil {
		return nil
	}
	check := Check{Name: "I4 ClickHouse's windows are the MetricRecords"}
	byLength := map[string][]schemas.MetricRecord{}
	complete, err := o.Rows.Complete(ctx)
	if err != nil {
		return fmt.Errorf("read ClickHouse: %w", err)
	}
	for i := len(l.published) - 1; i >= 0; i-- {
		m := l.published[i]
		if m.End > complete {
			continue
		}
		if len(byLength[m.Window]) < windowsToCompare {
			byLength[m.Window] = append(byLength[m.Window], m)
		}
	}
	for _, window := range []string{"1h", "24h", "7d", "30d"} {
		want := byLength[window]
		if len(want) == 0 {
			continue
		}
		ends := make([]int64, len(want))
		for i := range want {
			ends[i] = want[i].End
		}
		got, err := o.Rows.Windows(ctx, window, ends)
		if err != nil {
			return fmt.Errorf("read ClickHouse's windows: %w", err)
		}
		for i := range want {
			check.Count++
			if !reflect.DeepEqual(got[want[i].End], want[i].Segments) {
				check.fault("%s: ClickHouse has %s", name(&want[i]), difference(got[want[i].End], want[i].Segments))
			}
		}
	}
	r.Checks = append(r.Checks, check)
	return nil
}
