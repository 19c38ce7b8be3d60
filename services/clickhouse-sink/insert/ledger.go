package insert

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/record"
)

// Insert writes a block, and then its checkpoint. Once it returns nil, both are durable and count once, however often and
// by however many this block is inserted; after an error it may be in, in part or not at all, and is inserted again.
func (d *Database) Insert(ctx context.Context, b *Block) error {
	if inject.HeadFirst.Is() {
		return errors.Join(d.insertHead(ctx, b), d.insertRows(ctx, b))
	}
	err := d.insertRows(ctx, b)
	if err == nil {
		err = d.settle(ctx, b)
	}
	if err == nil {
		err = d.insertHead(ctx, b)
	}
	if err != nil {
		d.doubts.set(b.Head.Partition, looks)
	}
	return err
}

func (d *Database) insertRows(ctx context.Context, b *Block) error {
	if b.Rows.Len() == 0 {
		return nil
	}
	token := b.Token()
	switch {
	case inject.DeduplicationOff.Is():
		token = time.Now().String()
	case inject.BlocksByTime.Is():
		token = time.Now().Format("2006-01-02 15:04")
	}
	if err := insertInto(ctx, d, "records", token, recordColumns, b.Rows); err != nil {
		return err
	}
	inject.RowsInserted.Pass()
	return nil
}

func (d *Database) insertHead(ctx context.Context, b *Block) error {
	return insertInto(ctx, d, "checkpoints", "", headColumns, &heads{[]Head{b.Head}})
}

type heads struct{ list []Head }

func headCol[V any](name, typ string, of func(*Head) V) column[heads] {
	return column[heads]{name: name, typ: typ, values: func(h *heads) any {
		out := make([]V, len(h.list))
		for i := range h.list {
			out[i] = of(&h.list[i])
		}
		return out
	}}
}

// headColumns are those of 0002_checkpoints.sql.
var headColumns = []column[heads]{
	headCol("partition", "Int32", func(h *Head) int32 { return h.Partition }),
	headCol("ledger", symbol, func(h *Head) string { return h.Ledger }),
	headCol("size", "Int64", func(h *Head) int64 { return h.Size }),
	headCol("time", millis, func(h *Head) int64 { return h.Time }),
	headCol("root", hash, func(h *Head) []byte { return h.Root[:] }),
	headCol("frontier", hashes, func(h *Head) []string { return texts(h.Frontier) }),
	headCol("note", text, func(h *Head) string { return h.Note }),
	headCol("key", text, func(h *Head) string { return h.Key }),
	headCol("offset", "Int64", func(h *Head) int64 { return h.Offset }),
	headCol("records_offset", "Int64", func(h *Head) int64 { return h.RecordsOffset }),
}

func texts(h []record.Hash) []string {
	out := make([]string, len(h))
	for i := range h {
		out[i] = string(h[i][:])
	}
	return out
}

// Head is the last head of a partition, of its newest ledger, and the body of its last record; false where there is none. It returns
// ErrContradiction where ClickHouse doesn't have the head's records, each once.
func (d *Database) Head(ctx context.Context, partition int32) (h Head, last []byte, ok bool, err error) {
	h, ok, err = d.head(ctx, partition)
	if err != nil || !ok || h.Size == 0 {
		return h, nil, ok, err
	}
	var rows uint64
	var body string
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{
		"partition": fmt.Sprint(partition), "ledger": h.Ledger, "size": fmt.Sprint(h.Size)}))
	err = d.conn.QueryRow(ctx, `SELECT count(), ifNull((SELECT any(body) FROM records
			WHERE partition = {partition:Int32} AND ledger = {ledger:String} AND sequence = {size:Int64} - 1), '') FROM records
		WHERE partition = {partition:Int32} AND ledger = {ledger:String} AND sequence < {size:Int64}`).Scan(&rows, &body)
	if err != nil {
		return h, nil, false, fmt.Errorf("read the ledger from ClickHouse: %w", err)
	}
	if rows != uint64(h.Size) || body == "" {
		return h, nil, false, fmt.Errorf("%w: ClickHouse has %d rows for the first %d records of ledger %s", ErrContradiction, rows, h.Size, h.Ledger)
	}
	return h, []byte(body), true, nil
}

func (d *Database) head(ctx context.Context, partition int32) (h Head, ok bool, err error) {
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{"partition": fmt.Sprint(partition)}))
	rows, err := d.conn.Query(ctx, `SELECT ledger, size, time, root, frontier, note, key, offset, records_offset FROM checkpoints
		WHERE partition = {partition:Int32} ORDER BY toUInt64OrZero(splitByChar('/', toString(ledger))[-1]) DESC, size DESC, time DESC, offset DESC LIMIT 1`)
	if err != nil {
		return h, false, fmt.Errorf("read the last checkpoint from ClickHouse: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if rows.Next() {
		var at time.Time
		var root string
		var frontier []string
		if err := rows.Scan(&h.Ledger, &h.Size, &at, &root, &frontier, &h.Note, &h.Key, &h.Offset, &h.RecordsOffset); err != nil {
			return h, false, fmt.Errorf("read the last checkpoint from ClickHouse: %w", err)
		}
		h.Partition, h.Time, ok = partition, at.UnixMilli(), true
		copy(h.Root[:], root)
		h.Frontier = make([]record.Hash, len(frontier))
		for i := range frontier {
			copy(h.Frontier[i][:], frontier[i])
		}
	}
	return h, ok, rows.Err()
}
