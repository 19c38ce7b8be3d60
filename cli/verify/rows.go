package verify

import (
	"context"
	"fmt"

	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// Rows is what ClickHouse holds.
type Rows interface {
	// Bodies calls fn for the signed bodies of one partition's ledger, by sequence, the first size of them.
	Bodies(ctx context.Context, partition int32, size int64, fn func(sequence int64, body []byte) error) error
	// Windows are the segments of rolling windows of a length at some ends, both in milliseconds.
	Windows(ctx context.Context, length int64, ends []int64) (map[int64][]schemas.Segment, error)
	// Heads are the sizes of the latest checkpoints that ClickHouse has, by partition.
	Heads(ctx context.Context) (map[int32]int64, error)
	// Complete is the time, in milliseconds, up to which no record is missing in ClickHouse.
	Complete(ctx context.Context) (int64, error)
}

// checkRows is the first half of I4: the root over ClickHouse's rows is the one that was signed.
func (v *run) checkRows() error {
	sizes, err := v.Rows.Heads(v.ctx)
	if err != nil {
		return fmt.Errorf("read ClickHouse: %w", err)
	}
	for p := range v.ledgers {
		newest, _ := v.ledgers[p].head()
		size := min(sizes[int32(p)], newest.size) // the newer of the two has gone on
		if size < newest.size {
			v.i4rows.pending("partition %d: ClickHouse has %d of %d records", p, size, newest.size)
		}
		if size == 0 {
			continue
		}
		signed, ok := v.ledgers[p].at(size)
		if !ok {
			v.i4rows.fault("partition %d: ClickHouse has a checkpoint at %d that the ledger has not", p, size)
			continue
		}
		var f record.Frontier
		err := v.Rows.Bodies(v.ctx, int32(p), size, func(sequence int64, body []byte) error {
			if sequence != f.Size() {
				v.i4rows.fault("partition %d: sequence %d where %d is due", p, sequence, f.Size())
			}
			f.Append(record.LeafHash(body))
			if v.i4rows.Count++; v.i4rows.Count%1000 == 0 {
				v.Progress("rows", 1000)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("read ClickHouse's rows of partition %d: %w", p, err)
		}
		if f.Size() != size || f.Root() != signed.root {
			v.i4rows.fault("partition %d: %d rows with root %v; the checkpoint signs %d with root %v", p, f.Size(), f.Root(), size, signed.root)
		}
	}
	return nil
}
