package verify

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// Rows is what ClickHouse holds.
type Rows interface {
	// Bodies calls fn for the signed bodies of a partition's ledger, by sequence, the first size of them.
	Bodies(ctx context.Context, partition int32, ledger string, size int64, fn func(sequence int64, body []byte) error) error
	// Windows are the segments of rolling windows of a length at some ends, both in milliseconds.
	Windows(ctx context.Context, length int64, ends []int64) (map[int64][]schemas.Segment, error)
	// Heads are the sizes of the latest checkpoints that ClickHouse has, by ledger.
	Heads(ctx context.Context) (map[string]int64, error)
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
		l := &v.ledgers[p]
		for i := range l.heads {
			if h := l.heads[i]; i+1 == len(l.heads) || l.heads[i+1].of != h.of {
				if err := v.checkRowsOf(l, l.chains[h.of].Ledger(), h.size, sizes); err != nil {
					return err
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(sizes)) { // what is left
		if !slices.ContainsFunc(v.ledgers, func(l ledger) bool { return l.chains != nil && follows(name, l.newest().Ledger()) }) {
			v.i4rows.fault("ClickHouse has checkpoints of ledger %s, which the topics have not", name)
		}
	}
	return nil
}

// checkRowsOf checks one generation's up to a size: its newest head's, or where ClickHouse has come to.
func (v *run) checkRowsOf(l *ledger, name string, newest int64, sizes map[string]int64) error {
	size := min(sizes[name], newest) // the newer of the two has gone on
	delete(sizes, name)
	if size < newest {
		v.i4rows.pending("ledger %s: ClickHouse has %d of %d records", name, size, newest)
	}
	if size == 0 {
		return nil
	}
	signed, ok := l.at(name, size)
	if !ok {
		v.i4rows.fault("ledger %s: ClickHouse has a checkpoint at %d that the ledger has not", name, size)
		return nil
	}
	var f record.Frontier
	err := v.Rows.Bodies(v.ctx, l.partition, name, size, func(sequence int64, body []byte) error {
		if sequence != f.Size() {
			v.i4rows.fault("ledger %s: sequence %d where %d is due", name, sequence, f.Size())
		}
		f.Append(record.LeafHash(body))
		if v.i4rows.Count++; v.i4rows.Count%1000 == 0 {
			v.Progress("rows", 1000)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read ClickHouse's rows of ledger %s: %w", name, err)
	}
	if f.Size() != size || f.Root() != signed.root {
		v.i4rows.fault("ledger %s: %d rows with root %v; the checkpoint signs %d with root %v", name, f.Size(), f.Root(), size, signed.root)
	}
	return nil
}
