package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// ledgers is what the later checks need of the ledger.
type ledgers struct {
	heads     []record.Checkpoint // the latest checkpoint of each partition; Size 0 where there is none
	records   []record.Record     // decoded, by partition and sequence; only for a deep check
	roots     map[int32]map[int64]record.Hash
	times     []int64          // of the latest checkpoint of each partition
	last      []stage.Position // source of the last record of each partition
	until     int64            // what the ledger says about the time before it is complete
	skipped   int64
	published []schemas.MetricRecord
}

// frame is the size of the wire format's header.
const frame = 5

// readLedgers folds every partition of conduct.records with the reader's rule and every signature checked, and compares
// it with every checkpoint.
func readLedgers(ctx context.Context, o Options, r *Report) (*ledgers, error) {
	n, err := o.Topics.Partitions(ctx, pipelines.ConductRecords)
	if err != nil {
		return nil, err
	}
	l := &ledgers{heads: make([]record.Checkpoint, n), times: make([]int64, n), last: make([]stage.Position, n), roots: map[int32]map[int64]record.Hash{}}
	check := Check{Name: "I2 every ledger is one chain under its checkpoints"}
	for p := range n {
		if err := l.fold(ctx, o, p, &check); err != nil {
			return nil, err
		}
	}
	r.Checks = append(r.Checks, check)
	r.Records = check.Count
	var heads []record.Head
	for _, h := range l.heads {
		if h.Size > 0 {
			heads = append(heads, record.Head{Ledger: h.Ledger, Size: h.Size, Root: h.Root})
		}
	}
	r.Partitions, r.Root = len(heads), record.CombinedRoot(heads)
	l.until = slices.Min(l.times)
	return l, nil
}

func (l *ledgers) fold(ctx context.Context, o Options, p int32, check *Check) error {
	points, err := checkpoints(ctx, o, p)
	if err != nil {
		return err
	}
	l.roots[p] = map[int64]record.Hash{}
	var chain *record.Chain
	tp := stage.TopicPartition{Topic: pipelines.ConductRecords, Partition: p}
	_, err = o.Topics.Read(ctx, tp, func(rec stage.Record) error {
		if len(rec.Value) < frame {
			check.fault("%s/%d offset %d: not a record", tp.Topic, p, rec.Offset)
			return nil
		}
		body := rec.Value[frame:]
		if chain == nil {
			first, err := record.Decode(body)
			if err != nil {
				check.fault("%s/%d offset %d: %v", tp.Topic, p, rec.Offset, err)
				return nil
			}
			if chain, err = record.NewChain(first.Ledger, o.Trusted); err != nil {
				return err
			}
		}
		s, err := chain.Accept(body)
		if err != nil {
			var f *record.Fault
			if !errors.As(err, &f) || f.Reason != record.Duplicate {
				check.fault("%v", err)
			}
			l.skipped++
			return nil
		}
		l.last[p] = stage.Position{Partition: s.Source.Partition, Offset: s.Source.Offset, Ordinal: s.Source.Ordinal}
		if check.Count++; check.Count%100 == 0 {
			o.Progress("records", 100)
		}
		if o.Deep {
			kept := s.Record
			kept.Case.EscalationSignals = slices.Clone(kept.Case.EscalationSignals) // the chain uses its memory again
			l.records = append(l.records, kept)
		}
		for len(points) > 0 && points[0].Size == chain.Size() {
			l.compare(chain, points[0], p, check)
			points = points[1:]
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read %s/%d: %w", tp.Topic, p, err)
	}
	for _, c := range points {
		check.fault("%s: a checkpoint promises %d records; the ledger is shorter", c.Ledger, c.Size)
	}
	if chain != nil && l.heads[p].Size == 0 {
		check.fault("%s: %d records and no checkpoint", chain.Ledger(), chain.Size())
	}
	return nil
}

func (l *ledgers) compare(chain *record.Chain, c schemas.Checkpoint, p int32, check *Check) {
	cp, err := chain.Verify([]byte(c.Note))
	if err != nil {
		check.fault("%v", err)
		return
	}
	if cp.Size != c.Size || cp.Ledger != c.Ledger || cp.Root != record.Hash(c.Root) {
		check.fault("%s: the checkpoint's message says size %d, its note %d", c.Ledger, c.Size, cp.Size)
	}
	l.heads[p], l.times[p] = cp, max(l.times[p], c.Time)
	l.roots[p][cp.Size] = cp.Root
}

// checkpoints are those of one partition, by size.
func checkpoints(ctx context.Context, o Options, p int32) ([]schemas.Checkpoint, error) {
	var out []schemas.Checkpoint
	tp := stage.TopicPartition{Topic: pipelines.ConductCheckpoints, Partition: p}
	_, err := o.Topics.Read(ctx, tp, func(rec stage.Record) error {
		var c schemas.Checkpoint
		if err := o.Codec.DecodeInto(rec.Value, &c); err != nil {
			return fmt.Errorf("offset %d: %w", rec.Offset, err)
		}
		if c.Size > 0 { // a ledger that has not begun
			out = append(out, c)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read %s/%d: %w", tp.Topic, p, err)
	}
	slices.SortStableFunc(out, func(a, b schemas.Checkpoint) int { return cmp.Compare(a.Size, b.Size) })
	return out, nil
}
