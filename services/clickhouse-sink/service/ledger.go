package service

import (
	"bytes"
	"cmp"
	"context"
	"errors"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/clickhouse-sink/insert"
)

// ledger takes one partition of conduct.records and conduct.checkpoints into ClickHouse, and goes on where ClickHouse
// stands.
type ledger struct {
	ctx       context.Context // of the sink: Handle has none
	prefix    string
	partition int32
	keys      []string
	reader    reader
	store     Database
	fold      *insert.Fold
	counted   map[string]int64 // what has been reported of fold.Skipped
}

// Recover implements stage.Handler.
func (l *ledger) Recover(log stage.Log) (map[stage.TopicPartition]int64, error) {
	var err error
	if l.fold, err = insert.NewFold(l.prefix, l.partition, l.keys); err != nil {
		return nil, err
	}
	l.counted = map[string]int64{}
	var h insert.Head
	var last []byte
	var ok bool
	err = l.reader.keep.Try(l.ctx, "clickhouse head", func(ctx context.Context) (err error) {
		h, last, ok, err = l.store.Head(ctx, l.partition)
		return err
	})
	if err != nil || !ok {
		return nil, err
	}
	// Only a log that is behind is waited for. Any other error is final: the log retries what is transient by itself, and
	// fails for good when the partition is another's now.
	var next map[stage.TopicPartition]int64
	var failed error
	err = l.reader.keep.Try(l.ctx, "kafka behind clickhouse", func(ctx context.Context) error {
		if next, failed = l.locate(ctx, log, &h, last); errors.Is(failed, errBehind) {
			return failed
		}
		return nil
	})
	if err = cmp.Or(err, failed); err != nil {
		return nil, err
	}
	return next, l.fold.Resume(h, last)
}

// Handle implements stage.Handler. It returns when every block that in completes is in ClickHouse.
func (l *ledger) Handle(in stage.Record) ([]stage.Record, error) {
	switch in.Topic {
	case pipelines.ConductRecords:
		body, ok, err := l.reader.body(l.ctx, in.Value, "casetrail.SignedRecord")
		if !ok {
			return nil, err
		}
		l.fold.Record(bytes.Clone(body), in.Offset)
	case pipelines.ConductCheckpoints:
		var m schemas.Checkpoint
		if err := l.reader.decode(l.ctx, in.Value, &m); err != nil {
			return nil, l.reader.unreadable(l.ctx, err)
		}
		l.fold.Checkpoint(m, in.Offset)
	}
	for {
		b, err := l.fold.Next()
		l.count()
		if err != nil || b == nil {
			return nil, err
		}
		err = l.reader.keep.Try(l.ctx, "clickhouse insert", func(ctx context.Context) error { return l.store.Insert(ctx, b) })
		if err != nil {
			return nil, err
		}
		inject.BlockInserted.Pass()
		l.reader.keep.Took("records", b.Rows.Len())
		l.fold.Inserted()
	}
}

// How many records, and how many checkpoints, are held before the other topic must catch up. The record-signer leaves no
// more than 10,000 records without a checkpoint, so what is held always comes to one.
const (
	maxRecords     = 20_000
	maxCheckpoints = 1_000
)

// Pause implements stage.Pauser.
func (l *ledger) Pause() []stage.TopicPartition {
	switch records, checkpoints := l.fold.Waiting(); {
	case checkpoints == 0 && records > maxRecords:
		return []stage.TopicPartition{{Topic: pipelines.ConductRecords, Partition: l.partition}}
	case checkpoints > maxCheckpoints: // none of them is reached: more records are needed
		return []stage.TopicPartition{{Topic: pipelines.ConductCheckpoints, Partition: l.partition}}
	}
	return nil
}

// count reports what the fold did not take.
func (l *ledger) count() {
	for reason, n := range l.fold.Skipped {
		if more := n - l.counted[reason]; more > 0 {
			l.counted[reason] = n
			l.reader.keep.Skip(reason, more)
		}
	}
}
