package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/casetrail/casetrail/cli/verify"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/aggregator/recompute"
)

// analyst is a connection of its own, as an analyst has one.
func (e *engine) analyst(t testing.TB, database string) driver.Conn {
	t.Helper()
	opt, err := clickhouse.ParseDSN(e.url(database))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := clickhouse.Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// checkSinked asks ClickHouse alone whether it holds exactly these ledgers, and in its windows exactly what they say.
func checkSinked(t testing.TB, c driver.Conn, ledgers ...*testLedger) {
	t.Helper()
	until := int64(1 << 62)
	var all []record.Record
	for _, l := range ledgers {
		checkRows(t, c, l)
		all = append(all, l.records...)
		until = min(until, l.heads[len(l.heads)-1].Time)
	}
	want, err := recompute.Recompute(all, until)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range windowNames {
		checkWindows(t, c, name, windowLengths[i], want)
	}
}

// checkWindows holds one view against the windows that the ledgers give, figure by figure, and the same windows asked for by their
// length.
func checkWindows(t testing.TB, c driver.Conn, name string, length int64, all []schemas.MetricRecord) {
	t.Helper()
	var ends []int64
	want := map[int64][]schemas.Segment{}
	for _, m := range all {
		if m.Window == name {
			ends, want[m.End] = append(ends, m.End), m.Segments
		}
	}
	if shown := windowEnds(t, c, name); !slices.Equal(shown, ends) {
		t.Fatalf("segment_windows_%s shows %d windows, the ledgers give %d", name, len(shown), len(ends))
	}
	for some := range slices.Chunk(ends, 500) {
		got, err := verify.ClickHouse{Conn: c}.Windows(t.Context(), length*minuteMS, some)
		if err != nil {
			t.Fatal(err)
		}
		for _, end := range some {
			if d := recompute.Segments(got[end], want[end]); d != "" {
				t.Fatalf("window %s that ends at %v: %s", name, time.UnixMilli(end).UTC(), d)
			}
		}
	}
}

// checkRows recomputes the root from the rows and holds it against the last checkpoint.
func checkRows(t testing.TB, c driver.Conn, l *testLedger) {
	t.Helper()
	rows, err := c.Query(t.Context(), "SELECT sequence, body, leaf_hash FROM records WHERE partition = ? ORDER BY ledger, sequence", l.partition)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var tree record.Frontier
	for rows.Next() {
		var sequence int64
		var body, leaf string
		if err := rows.Scan(&sequence, &body, &leaf); err != nil {
			t.Fatal(err)
		}
		if h := record.LeafHash([]byte(body)); sequence != tree.Size() || leaf != string(h[:]) {
			t.Fatalf("partition %d: row %d has sequence %d, leaf hash %x of %x", l.partition, tree.Size(), sequence, leaf, h)
		} else {
			tree.Append(h)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	last := l.heads[len(l.heads)-1]
	if tree.Size() != last.Size || tree.Root() != record.Hash(last.Root) {
		t.Fatalf("partition %d: %d rows with root %v, the checkpoint has %d with %v", l.partition, tree.Size(), tree.Root(), last.Size, record.Hash(last.Root))
	}
}

var (
	windowNames   = []string{"1h", "24h", "7d", "30d"}
	windowLengths = []int64{60, 24 * 60, 7 * 24 * 60, 30 * 24 * 60} // minutes
)

// windowEnds are the ends that a view shows.
func windowEnds(t testing.TB, c driver.Conn, name string) (ends []int64) {
	t.Helper()
	rows, err := c.Query(t.Context(), fmt.Sprintf("SELECT DISTINCT window_end FROM segment_windows_%s ORDER BY window_end", name))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var end time.Time
		if err := rows.Scan(&end); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, end.UnixMilli())
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return ends
}
