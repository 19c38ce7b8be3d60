package insert

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
)

// Messages are messages of one topic on their way into a table that keeps each position once, in any order and however
// often they come. The zero value is empty.
type Messages[M any] struct {
	rows []message[M]
}

type message[M any] struct {
	partition int32
	offset    int64
	position  stage.Position
	body      M
}

// Len is how many rows there are.
func (m *Messages[M]) Len() int { return len(m.rows) }

// Row is the place of a row's message in its topic, its position and its body.
func (m *Messages[M]) Row(i int) (partition int32, offset int64, position stage.Position, body *M) {
	r := &m.rows[i]
	return r.partition, r.offset, r.position, &r.body
}

// Reset empties the rows and keeps their memory.
func (m *Messages[M]) Reset() {
	clear(m.rows)
	m.rows = m.rows[:0]
}

// Add appends a message's row. It keeps body.
func (m *Messages[M]) Add(in *stage.Record, body M) {
	m.rows = append(m.rows, message[M]{in.Partition, in.Offset, in.Position, body})
}

func field[M, V any](name, typ string, of func(*M) V) column[Messages[M]] {
	return place(name, typ, func(m *message[M]) V { return of(&m.body) })
}

func place[M, V any](name, typ string, of func(*message[M]) V) column[Messages[M]] {
	return column[Messages[M]]{name: name, typ: typ, values: func(m *Messages[M]) any {
		out := make([]V, len(m.rows))
		for i := range m.rows {
			out[i] = of(&m.rows[i])
		}
		return out
	}}
}

func columnsOf[M any](fields ...column[Messages[M]]) messageColumns[M] {
	return append(messageColumns[M]{
		place("partition", "Int32", func(m *message[M]) int32 { return m.partition }),
		place("offset", "Int64", func(m *message[M]) int64 { return m.offset }),
		place("source_partition", "Int32", func(m *message[M]) int32 { return m.position.Partition }),
		place("source_offset", "Int64", func(m *message[M]) int64 { return m.position.Offset }),
		place("source_ordinal", "Int32", func(m *message[M]) int32 { return m.position.Ordinal }),
	}, fields...)
}

// escalationColumns are those of 0004_escalation_messages.sql.
var escalationColumns = columnsOf(
	field("case_id", text, func(e *schemas.Escalation) string { return e.CaseID }),
	field("event_id", text, func(e *schemas.Escalation) string { return e.EventID }),
	field("signal", symbol, func(e *schemas.Escalation) string { return e.Signal.String() }),
	field("evidence", text, func(e *schemas.Escalation) string { return e.Evidence }),
	field("case_type", symbol, func(e *schemas.Escalation) string { return e.CaseType }),
	field("from_handler", symbol, func(e *schemas.Escalation) string { return e.FromHandler.String() }),
	field("waiting_ms", "Int64", func(e *schemas.Escalation) int64 { return e.WaitingMS }),
	field("escalated_at", millis, func(e *schemas.Escalation) int64 { return e.EscalatedAt }),
	field("customer_messages", "UInt32", func(e *schemas.Escalation) uint32 { return uint32(max(0, e.CustomerMessages)) }),
	field("ai_messages", "UInt32", func(e *schemas.Escalation) uint32 { return uint32(max(0, e.AIMessages)) }),
	field("policy_version", symbol, func(e *schemas.Escalation) string { return e.PolicyVersion }),
	field("synthetic", "Bool", func(e *schemas.Escalation) bool { return e.Synthetic }),
)

// InsertEscalations writes rows of case.escalations.
func (d *Database) InsertEscalations(ctx context.Context, m *Messages[schemas.Escalation]) error {
	return insertInto(ctx, d, "escalation_messages", "", escalationColumns, m)
}

// next are the queries of Next: after the last offset of a partition that a topic's table has.
var next = map[string]string{
	"case.escalations": "SELECT ifNull(maxOrNull(offset) + 1, 0) FROM escalation_messages WHERE partition = {partition:Int32}",
	"conduct.alerts":   "SELECT ifNull(maxOrNull(offset) + 1, 0) FROM alert_messages WHERE partition = {partition:Int32}",
	"conduct.metrics":  "SELECT ifNull(maxOrNull(offset) + 1, 0) FROM metric_messages WHERE partition = {partition:Int32}",
}

// Next is the offset of a topic's partition after the last one that ClickHouse has; 0 where it has none.
func (d *Database) Next(ctx context.Context, topic string, partition int32) (offset int64, err error) {
	query, ok := next[topic]
	if !ok {
		return 0, fmt.Errorf("topic %q has no table", topic)
	}
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{"partition": fmt.Sprint(partition)}))
	if err := d.conn.QueryRow(ctx, query).Scan(&offset); err != nil {
		return 0, fmt.Errorf("read from ClickHouse how far %s is: %w", topic, err)
	}
	return offset, nil
}
