package simulate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/casetrail/casetrail/cli/verify"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/aggregator/recompute"
	"github.com/casetrail/casetrail/services/clickhouse-sink/insert"

	sink "github.com/casetrail/casetrail/services/clickhouse-sink/service"
)

var errEngine = errors.New("ClickHouse does not answer")

// engine is ClickHouse as far as Casetrail relies on it: a block is inserted whole or not at all, into its table and then
// into the panes behind it; each of the two drops a block whose token it has seen. It fails between any two of these.
type engine struct {
	world  *world
	ctx    context.Context
	tokens map[string]int // how far a block got: 1 the table, 2 the panes too
	rows   map[int32][]row
	panes  []record.Record
	heads  map[int32][]insert.Head
	other  map[stage.TopicPartition]map[stage.Position]int64 // offsets of messages that were inserted, by position
	next   map[stage.TopicPartition]int64

	windows map[int64]map[int64][]schemas.Segment // for the checker, computed once
}

type row struct {
	ledger   string
	sequence int64
	body     []byte
}

var (
	_ sink.Database = (*engine)(nil)
	_ verify.Rows   = (*engine)(nil)
)

func newEngine(w *world) *engine {
	return &engine{world: w, ctx: context.Background(), tokens: map[string]int{}, rows: map[int32][]row{}, heads: map[int32][]insert.Head{},
		other: map[stage.TopicPartition]map[stage.Position]int64{}, next: map[stage.TopicPartition]int64{}}
}

// fails lets the engine break down here, or its answer get lost.
func (e *engine) fails(where string) error {
	if e.world.chance(e.world.faults.clickhouse) {
		e.world.stats.ClickHouse++
		e.world.say("ClickHouse fails %s", where)
		return fmt.Errorf("%w: %s", errEngine, where)
	}
	return nil
}

func (e *engine) Head(_ context.Context, partition int32) (h insert.Head, last []byte, ok bool, err error) {
	if err := e.fails("before a query"); err != nil || len(e.heads[partition]) == 0 {
		return h, nil, false, err
	}
	h = slices.MaxFunc(e.heads[partition], func(a, b insert.Head) int {
		_, older := record.Generation(a.Ledger)
		_, newer := record.Generation(b.Ledger)
		return cmp.Or(cmp.Compare(older, newer), cmp.Compare(a.Size, b.Size), cmp.Compare(a.Time, b.Time), cmp.Compare(a.Offset, b.Offset))
	})
	n := int64(0)
	for _, r := range e.rows[partition] {
		if r.ledger == h.Ledger && r.sequence < h.Size {
			n++
		}
		if r.ledger == h.Ledger && r.sequence == h.Size-1 {
			last = r.body
		}
	}
	if n != h.Size {
		return h, nil, false, fmt.Errorf("%w: ClickHouse has %d rows for the first %d records", insert.ErrContradiction, n, h.Size)
	}
	return h, last, true, nil
}

func (e *engine) Insert(_ context.Context, b *insert.Block) error {
	if err := e.fails("before a block"); err != nil {
		return err
	}
	if b.Rows.Len() > 0 {
		if err := e.block(b); err != nil {
			return err
		}
	}
	if !slices.ContainsFunc(e.heads[b.Head.Partition], func(h insert.Head) bool {
		return h.Offset == b.Head.Offset && h.Size == b.Head.Size && h.Time == b.Head.Time && h.Ledger == b.Head.Ledger
	}) {
		e.heads[b.Head.Partition] = append(e.heads[b.Head.Partition], b.Head)
	}
	return e.fails("before it answers for a checkpoint")
}

func (e *engine) block(b *insert.Block) error {
	token := b.Token()
	if token == "" || e.tokens[token] < 1 {
		e.tokens[token] = 1
		for i := range b.Rows.Len() {
			e.rows[b.Head.Partition] = append(e.rows[b.Head.Partition], row{b.Head.Ledger, b.From + int64(i), slices.Clone(b.Rows.Body(i))})
		}
	}
	if err := e.fails("between a block and its panes"); err != nil {
		return err
	}
	if token == "" || e.tokens[token] < 2 {
		e.tokens[token] = 2
		for i := range b.Rows.Len() {
			r, err := record.Decode(b.Rows.Body(i))
			if err != nil {
				return fmt.Errorf("%w: %w", insert.ErrUnsendable, err)
			}
			s := r.Record
			s.Case.EscalationSignals = slices.Clone(s.Case.EscalationSignals)
			e.panes = append(e.panes, s)
		}
	}
	return e.fails("before a checkpoint")
}

func (e *engine) Next(_ context.Context, topic string, partition int32) (int64, error) {
	return e.next[stage.TopicPartition{Topic: topic, Partition: partition}], e.fails("before a query")
}

// messages takes rows of a table that keeps each position once.
func messages[M any](e *engine, topic string, m *insert.Messages[M]) error {
	if err := e.fails("before rows of " + topic); err != nil {
		return err
	}
	for i := range m.Len() {
		partition, offset, position, _ := m.Row(i)
		tp := stage.TopicPartition{Topic: topic, Partition: partition}
		if e.other[tp] == nil {
			e.other[tp] = map[stage.Position]int64{}
		}
		e.other[tp][position] = offset
		e.next[tp] = max(e.next[tp], offset+1)
	}
	return e.fails("before it answers for rows of " + topic)
}

func (e *engine) InsertEscalations(_ context.Context, m *insert.Messages[schemas.Escalation]) error {
	return messages(e, pipelines.CaseEscalations, m)
}

func (e *engine) InsertMetrics(_ context.Context, m *insert.Messages[insert.Metric]) error {
	return messages(e, pipelines.ConductMetrics, m)
}

func (e *engine) InsertAlerts(_ context.Context, m *insert.Messages[schemas.SegmentAlert]) error {
	return messages(e, pipelines.ConductAlerts, m)
}

// Heads implements verify.Rows.
func (e *engine) Heads(context.Context) (map[string]int64, error) {
	out := map[string]int64{}
	for _, heads := range e.heads {
		for _, h := range heads {
			out[h.Ledger] = max(out[h.Ledger], h.Size)
		}
	}
	return out, nil
}

// Bodies implements verify.Rows.
func (e *engine) Bodies(_ context.Context, partition int32, ledger string, size int64, fn func(int64, []byte) error) error {
	rows := slices.Clone(e.rows[partition])
	slices.SortStableFunc(rows, func(a, b row) int { return int(a.sequence - b.sequence) })
	for _, r := range rows {
		if r.ledger == ledger && r.sequence < size {
			if err := fn(r.sequence, r.body); err != nil {
				return err
			}
		}
	}
	return nil
}

// Windows implements verify.Rows.
func (e *engine) Windows(_ context.Context, length int64, ends []int64) (map[int64][]schemas.Segment, error) {
	if e.windows == nil {
		e.windows = map[int64]map[int64][]schemas.Segment{}
		all, err := recompute.Recompute(e.panes, math.MaxInt64)
		if err != nil {
			return nil, err
		}
		for _, m := range all {
			if e.windows[m.End-m.Start] == nil {
				e.windows[m.End-m.Start] = map[int64][]schemas.Segment{}
			}
			e.windows[m.End-m.Start][m.End] = m.Segments
		}
	}
	out := map[int64][]schemas.Segment{}
	for _, end := range ends {
		if s := e.windows[length][end]; s != nil {
			out[end] = s
		}
	}
	return out, nil
}

// Complete implements verify.Rows.
func (e *engine) Complete(context.Context) (int64, error) {
	var least int64
	for p := range e.world.broker.partitions {
		at := int64(0)
		for _, h := range e.heads[p] {
			at = max(at, h.Time)
		}
		if p == 0 || at < least {
			least = at
		}
	}
	return least, nil
}
