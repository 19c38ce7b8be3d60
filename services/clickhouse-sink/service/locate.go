package service

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/clickhouse-sink/insert"
)

var (
	errEnough = errors.New("enough")
	errBehind = errors.New("kafka is behind ClickHouse")
)

// locate finds ClickHouse's head in Kafka and says where reading goes on. As a rule both stand where they stood. A broker
// may have lost the end of a partition, though, and the record-signer have made it again: the same bytes, at other offsets.
// Then h.Offset becomes the new one. errBehind says that it is not there yet.
func (l *ledger) locate(ctx context.Context, log stage.Log, h *insert.Head, last []byte) (map[stage.TopicPartition]int64, error) {
	records := stage.TopicPartition{Topic: pipelines.ConductRecords, Partition: l.partition}
	checkpoints := stage.TopicPartition{Topic: pipelines.ConductCheckpoints, Partition: l.partition}
	at, err := l.findHead(ctx, log, checkpoints, h)
	if err != nil {
		return nil, err
	}
	h.Offset = at
	next := map[stage.TopicPartition]int64{records: h.RecordsOffset, checkpoints: at + 1}
	if h.Size == 0 {
		return next, nil
	}
	there := false
	_, err = log.Read(records, max(0, h.RecordsOffset-1), func(in stage.Record) error {
		if in.Offset == h.RecordsOffset-1 {
			body, ok, err := l.reader.body(ctx, in.Value, "casetrail.SignedRecord")
			there = ok && bytes.Equal(body, last)
			if err != nil {
				return err
			}
		}
		return errEnough
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	if !there { // every record has an offset of its own, so it is not before its sequence; the fold drops what it has seen
		next[records] = h.Size - 1
	}
	return next, nil
}

// findHead is the offset at which the head's checkpoint stands: where ClickHouse read it, or else by what it says, going
// back from the end.
func (l *ledger) findHead(ctx context.Context, log stage.Log, tp stage.TopicPartition, h *insert.Head) (int64, error) {
	at, _, err := l.scan(ctx, log, tp, h.Offset, h.Offset+1, h)
	if at >= 0 || err != nil && !errors.Is(err, insert.ErrContradiction) {
		return at, err
	}
	end, ok, err := log.Last(tp, pipelines.RecordSigner, l.partition)
	if err != nil || !ok {
		return -1, cmp.Or(err, fmt.Errorf("%w: %s/%d is empty; ClickHouse has read a checkpoint of size %d there", errBehind, tp.Topic, tp.Partition, h.Size))
	}
	largest := int64(-1)
	for window, to := int64(64), end.Offset+1; to > 0; window *= 8 {
		from := max(0, to-window)
		at, most, err := l.scan(ctx, log, tp, from, to, h)
		if at >= 0 || err != nil {
			return at, err
		}
		largest = max(largest, most)
		to = from
	}
	if largest > h.Size {
		return -1, fmt.Errorf("%w: %s/%d has checkpoints of up to %d records, and none of the %d that ClickHouse has from there", insert.ErrContradiction,
			tp.Topic, tp.Partition, largest, h.Size)
	}
	return -1, fmt.Errorf("%w: %s/%d ends at offset %d without the checkpoint of size %d that ClickHouse has read at offset %d", errBehind, tp.Topic, tp.Partition, end.Offset+1, h.Size, h.Offset)
}

// scan looks for the head's checkpoint in [from, to): the last one of its size that promises no later time, or -1. most is
// the largest size of any.
func (l *ledger) scan(ctx context.Context, log stage.Log, tp stage.TopicPartition, from, to int64, h *insert.Head) (at, most int64, err error) {
	at, most = -1, -1
	_, err = log.Read(tp, from, func(in stage.Record) error {
		if in.Offset >= to {
			return errEnough
		}
		var m schemas.Checkpoint
		if l.reader.decode(ctx, in.Value, &m) != nil || m.Ledger != h.Ledger {
			return ctx.Err() // nobody's, or of a generation before or after
		}
		most = max(most, m.Size)
		if m.Size != h.Size {
			return nil
		}
		if m.Root != schemas.Hash(h.Root) {
			return fmt.Errorf("%w: at %s/%d offset %d Kafka has %s size %d root %x, ClickHouse %s size %d root %x", insert.ErrContradiction,
				tp.Topic, tp.Partition, in.Offset, m.Ledger, m.Size, m.Root, h.Ledger, h.Size, h.Root)
		}
		if m.Time <= h.Time {
			at = in.Offset
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return at, most, err
}
