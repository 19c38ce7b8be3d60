package service

import (
	"context"
	"fmt"

	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/clickhouse-sink/insert"
)

// message is a pointer to a message M.
type message[M any] interface {
	*M
	schemas.Message
}

// follower takes the messages of one partition into a table, a step at a time, and goes on after the last one that
// the table has.
type follower[M, R any, P message[M]] struct {
	ctx       context.Context // of the sink: Handle has none
	topic     string
	partition int32
	reader    reader
	next      func(ctx context.Context, topic string, partition int32) (int64, error)
	insert    func(context.Context, *insert.Messages[R]) error
	add       func(rows *insert.Messages[R], in *stage.Record, m P)
	rows      insert.Messages[R]
	err       error
}

func newFollower[M, R any, P message[M]](ctx context.Context, topic string, partition int32, r reader,
	next func(context.Context, string, int32) (int64, error), into func(context.Context, *insert.Messages[R]) error,
	add func(*insert.Messages[R], *stage.Record, P)) *follower[M, R, P] {
	return &follower[M, R, P]{ctx: ctx, topic: topic, partition: partition, reader: r, next: next, insert: into, add: add}
}

// Recover implements stage.Handler.
func (f *follower[M, R, P]) Recover(stage.Log) (map[stage.TopicPartition]int64, error) {
	var offset int64
	err := f.reader.keep.Try(f.ctx, "clickhouse "+f.topic, func(ctx context.Context) (err error) {
		offset, err = f.next(ctx, f.topic, f.partition)
		return err
	})
	if err != nil || offset == 0 {
		return nil, err
	}
	return map[stage.TopicPartition]int64{{Topic: f.topic, Partition: f.partition}: offset}, nil
}

// Handle implements stage.Handler.
func (f *follower[M, R, P]) Handle(in stage.Record) ([]stage.Record, error) {
	if f.err != nil {
		return nil, f.err
	}
	var m M
	if err := f.reader.decode(f.ctx, in.Value, P(&m)); err != nil {
		return nil, f.reader.unreadable(f.ctx, err)
	}
	f.add(&f.rows, &in, &m)
	return nil, nil
}

// Tick implements stage.Ticker: it ends a step, and what that has brought goes to ClickHouse as one block.
func (f *follower[M, R, P]) Tick(bool) []stage.Record {
	if f.rows.Len() == 0 || f.err != nil {
		return nil
	}
	err := f.reader.keep.Try(f.ctx, "clickhouse "+f.topic, func(ctx context.Context) error { return f.insert(ctx, &f.rows) })
	if err != nil {
		f.err = fmt.Errorf("%s/%d: %w", f.topic, f.partition, err) // the next Handle returns it
		return nil
	}
	f.reader.keep.Took(f.topic, f.rows.Len())
	f.rows.Reset()
	return nil
}
