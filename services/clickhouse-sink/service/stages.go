package service

import (
	"context"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/clickhouse-sink/insert"
)

// Database is ClickHouse, as far as the sink's stages need it; insert.Database is the real one. After an error of an
// insert, the same rows are inserted again.
type Database interface {
	// Head is the last head of a partition and the body of its last record; false where there is none.
	Head(ctx context.Context, partition int32) (h insert.Head, last []byte, ok bool, err error)
	// Insert writes a block and its head.
	Insert(ctx context.Context, b *insert.Block) error
	// Next is the offset of a topic's partition after the last one that ClickHouse has; 0 where it has none.
	Next(ctx context.Context, topic string, partition int32) (int64, error)
	InsertEscalations(ctx context.Context, m *insert.Messages[schemas.Escalation]) error
	InsertMetrics(ctx context.Context, m *insert.Messages[insert.Metric]) error
	InsertAlerts(ctx context.Context, m *insert.Messages[schemas.SegmentAlert]) error
}

// Keeper keeps trying for the sink's stages, and hears what they do.
type Keeper interface {
	// Try calls f until it returns nil, ctx ends, or it fails in a way that trying again can't mend.
	Try(ctx context.Context, what string, f func(context.Context) error) error
	// Skip counts messages that no one can read or that every reader drops.
	Skip(reason string, n int64)
	// Took counts rows that ClickHouse has taken.
	Took(table string, rows int)
}

// Stages are the sink's stages. None of them writes to Kafka, and where they go on is ClickHouse's to say: so their
// handlers, other than those of other services, do the I/O of their output themselves, within ctx.
func Stages(ctx context.Context, prefix string, keys []string, metricKeys []note.Verifier, codec *schemas.Codec, db Database, keep Keeper) []stage.Definition {
	reader := reader{codec, keep}
	return []stage.Definition{
		{Name: pipelines.Sink, Inputs: []string{pipelines.ConductRecords, pipelines.ConductCheckpoints},
			New: func(p int32) (stage.Handler, error) {
				return &ledger{ctx: ctx, prefix: prefix, partition: p, keys: keys, reader: reader, store: db}, nil
			}},
		{Name: pipelines.Sink + "-escalations", Inputs: []string{pipelines.CaseEscalations},
			New: func(p int32) (stage.Handler, error) {
				return newFollower(ctx, pipelines.CaseEscalations, p, reader, db.Next, db.InsertEscalations,
					func(rows *insert.Messages[schemas.Escalation], in *stage.Record, m *schemas.Escalation) {
						rows.Add(in, *m)
					}), nil
			}},
		{Name: pipelines.Sink + "-metrics", Inputs: []string{pipelines.ConductMetrics},
			New: func(p int32) (stage.Handler, error) {
				return newFollower(ctx, pipelines.ConductMetrics, p, reader, db.Next, db.InsertMetrics, reader.signed(metricKeys)), nil
			}},
		{Name: pipelines.Sink + "-alerts", Inputs: []string{pipelines.ConductAlerts},
			New: func(p int32) (stage.Handler, error) {
				return newFollower(ctx, pipelines.ConductAlerts, p, reader, db.Next, db.InsertAlerts,
					func(rows *insert.Messages[schemas.SegmentAlert], in *stage.Record, m *schemas.SegmentAlert) {
						rows.Add(in, *m)
					}), nil
			}},
	}
}
