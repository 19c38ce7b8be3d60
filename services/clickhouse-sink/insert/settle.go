package insert

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	schema "github.com/casetrail/casetrail/pipelines/clickhouse"
	"github.com/casetrail/casetrail/pipelines/inject"
)

// A table notes a block's token before it has the block's rows. A ClickHouse that is killed in between refuses the block
// for ever after and does not have it; the same goes for each view behind the table. So after every failure, and after
// a start, the sink is in doubt: it compares what it sent with what is there, and puts back what is not.

const (
	looks  = 3           // so many blocks in a row must be found whole before the doubt ends
	steady = time.Second // a difference that lasts so long is none of an INSERT that another sink is in the midst of
	mends  = 5           // how often a block is sent under yet another token
	toHour = `toUnixTimestamp(toStartOfHour(toDateTime(if(kind = 'case', concluded_at, amended_at), 'UTC')))`
)

// doubts are how many looks each partition still needs; a partition that was never looked at needs all of them.
type doubts struct {
	mu   sync.Mutex
	left map[int32]int
}

func (d *doubts) of(partition int32) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n, ok := d.left[partition]; ok {
		return n
	}
	return looks
}

func (d *doubts) set(partition int32, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.left == nil {
		d.left = map[int32]int{}
	}
	d.left[partition] = max(0, n)
}

// settle makes sure that a block that was inserted is there, with what the views make of it.
func (d *Database) settle(ctx context.Context, b *Block) error {
	partition := b.Head.Partition
	left := d.doubts.of(partition)
	if left == 0 || inject.SpentTokens.Is() {
		return nil
	}
	if err := d.settleRows(ctx, b); err != nil {
		return err
	}
	settled, err := d.settlePanes(ctx, partition)
	if err != nil {
		return err
	}
	if settled {
		left--
	} else {
		left = looks
	}
	d.doubts.set(partition, left)
	return nil
}

// settleRows sends a block under another token as long as its rows are missing. The tokens are the same for all sinks.
func (d *Database) settleRows(ctx context.Context, b *Block) error {
	if b.Rows.Len() == 0 {
		return nil
	}
	query := clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{"partition": fmt.Sprint(b.Head.Partition),
		"ledger": b.Head.Ledger, "from": fmt.Sprint(b.From), "size": fmt.Sprint(b.Head.Size)}))
	for n := 1; ; n++ {
		var rows uint64
		if err := d.conn.QueryRow(query, `SELECT count() FROM records WHERE partition = {partition:Int32} AND ledger = {ledger:String}
			AND sequence >= {from:Int64} AND sequence < {size:Int64}`).Scan(&rows); err != nil {
			return fmt.Errorf("count the block's records: %w", err)
		}
		switch {
		case rows == uint64(b.Rows.Len()):
			return nil
		case rows > 0 || n > mends:
			return fmt.Errorf("%w: ClickHouse has %d of the %d records from %d on of ledger %s", ErrContradiction, rows, b.Rows.Len(), b.From, b.Head.Ledger)
		}
		if err := insertInto(ctx, d, "records", fmt.Sprintf("%s/%d", b.Token(), n), recordColumns, b.Rows); err != nil {
			return err
		}
	}
}

// settlePanes makes the panes of a partition again in hours where they count other than its records; false where it did,
// or could not tell for all that another sink inserts at the same time.
func (d *Database) settlePanes(ctx context.Context, partition int32) (bool, error) {
	first, err := d.unlike(ctx, partition)
	if err != nil || len(first) == 0 {
		return err == nil, err
	}
	timer := time.NewTimer(steady)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	second, err := d.unlike(ctx, partition)
	if err != nil {
		return false, err
	}
	var hours []string
	for _, h := range second {
		if slices.Contains(first, h) {
			hours = append(hours, fmt.Sprint(h.Hour))
		}
	}
	if len(hours) == 0 {
		return false, nil
	}
	return false, d.remake(ctx, partition, strings.Join(hours, ", "))
}

// counted is how many records of an hour there are, and how many its panes have counted.
type counted struct {
	Hour                    uint32
	Records, Minutes, Hours int64
}

func (d *Database) unlike(ctx context.Context, partition int32) (out []counted, err error) {
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{"partition": fmt.Sprint(partition)}))
	rows, err := d.conn.Query(ctx, `SELECT hour, sum(r) AS records, sum(m) AS minutes, sum(h) AS hours FROM (
			SELECT `+toHour+` AS hour, toInt64(1) AS r, toInt64(0) AS m, toInt64(0) AS h FROM records
				WHERE partition = {partition:Int32} AND (kind = 'case' OR kind = 'amendment' AND (complaint OR csat IS NOT NULL))
			UNION ALL SELECT toUnixTimestamp(toStartOfHour(minute)), 0, s.records, 0 FROM segment_panes AS s WHERE partition = {partition:Int32}
			UNION ALL SELECT toUnixTimestamp(s.hour), 0, 0, s.records FROM segment_panes_1h AS s WHERE partition = {partition:Int32})
		GROUP BY hour HAVING records != minutes OR records != hours ORDER BY hour`)
	if err != nil {
		return nil, fmt.Errorf("compare panes and records: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var c counted
		if err := rows.Scan(&c.Hour, &c.Records, &c.Minutes, &c.Hours); err != nil {
			return nil, fmt.Errorf("compare panes and records: %w", err)
		}
		out = append(out, c)
	}
	return out, rows.Err()
}

// remake makes the panes of some hours again. What makes them is the view's own statement, over the records of these hours
// alone; the panes of an hour follow by the view behind. A death on the way leaves hours that the next look finds.
func (d *Database) remake(ctx context.Context, partition int32, hours string) error {
	view, err := fs.ReadFile(schema.Migrations, "0010_segment_panes_from_records.sql")
	if err != nil {
		return err
	}
	_, statement, ok := strings.Cut(string(view), "AS SELECT")
	before, after, once := strings.Cut(statement, "FROM records AS r")
	if !ok || !once {
		return errors.New("0010_segment_panes_from_records.sql selects from something else than records AS r")
	}
	set := clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"mutations_sync": 2, "insert_deduplication_token": "again/" + rand.Text()}))
	for _, s := range []string{
		fmt.Sprintf("ALTER TABLE segment_panes_1h DELETE WHERE partition = %d AND toUnixTimestamp(hour) IN (%s)", partition, hours),
		fmt.Sprintf("ALTER TABLE segment_panes DELETE WHERE partition = %d AND toUnixTimestamp(toStartOfHour(minute)) IN (%s)", partition, hours),
		fmt.Sprintf("INSERT INTO segment_panes SELECT%sFROM (SELECT * FROM records WHERE partition = %d AND %s IN (%s)) AS r%s", before, partition, toHour, hours,
			strings.TrimSuffix(strings.TrimRight(after, "\n"), ";")),
	} {
		if err := d.conn.Exec(set, s); err != nil {
			return fmt.Errorf("make panes again: %w", err)
		}
	}
	return nil
}
