package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

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
	got := windowsOf(t, c)
	if len(got) != len(want) {
		t.Fatalf("%d windows in ClickHouse, %d by the ledgers", len(got), len(want))
	}
	for i := range want {
		if got[i].Window != want[i].Window || got[i].Start != want[i].Start || got[i].End != want[i].End {
			t.Fatalf("window %s that ends at %v, want %s, %v", got[i].Window, got[i].End, want[i].Window, want[i].End)
		}
		if d := recompute.Segments(sums(got[i].Segments), sums(want[i].Segments)); d != "" {
			t.Fatalf("window %s that ends at %v: %s", want[i].Window, time.UnixMilli(want[i].End).UTC(), d)
		}
	}
}

// sums leaves of segments what the views have: what is counted, and not what follows from it.
func sums(segments []schemas.Segment) []schemas.Segment {
	out := make([]schemas.Segment, len(segments))
	for i, s := range segments {
		out[i] = schemas.Segment{CaseType: s.CaseType, Handler: s.Handler, Cases: s.Cases, Ratings: s.Ratings, CSATSum: s.CSATSum, CSATCounts: s.CSATCounts,
			Complaints: s.Complaints, Escalated: s.Escalated, Signals: s.Signals, GuardBreaches: s.GuardBreaches, Outcomes: s.Outcomes,
			ResolutionMSSum: s.ResolutionMSSum, HumanRequests: s.HumanRequests, HumanRequestsMet: s.HumanRequestsMet, HumanInTime: s.HumanInTime,
			TimeToHumanMSSum: s.TimeToHumanMSSum, TimeToHumanCases: s.TimeToHumanCases, Synthetic: s.Synthetic}
	}
	return out
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

var windowNames = []string{"1h", "24h", "7d", "30d"}

// windowsOf reads the views as MetricRecords, in the order in which the aggregator publishes.
func windowsOf(t testing.TB, c driver.Conn) []schemas.MetricRecord {
	t.Helper()
	var out []schemas.MetricRecord
	for _, w := range windowNames {
		rows, err := c.Query(t.Context(), fmt.Sprintf(`SELECT window_start, window_end, case_type, handler, cases, ratings, csat_sum, csat_counts,
			complaints, escalated, signals, guard_breaches, outcomes, resolution_ms_sum, human_requests, human_requests_met,
			human_in_time, time_to_human_ms_sum, time_to_human_cases, synthetic
			FROM segment_windows_%s ORDER BY window_end, case_type, handler`, w))
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var start, end time.Time
			var s schemas.Segment
			if err := rows.Scan(&start, &end, &s.CaseType, &s.Handler, &s.Cases, &s.Ratings, &s.CSATSum, &s.CSATCounts, &s.Complaints, &s.Escalated,
				&s.Signals, &s.GuardBreaches, &s.Outcomes, &s.ResolutionMSSum, &s.HumanRequests, &s.HumanRequestsMet,
				&s.HumanInTime, &s.TimeToHumanMSSum, &s.TimeToHumanCases, &s.Synthetic); err != nil {
				t.Fatal(err)
			}
			if n := len(out); n == 0 || out[n-1].Window != w || out[n-1].End != end.UnixMilli() {
				out = append(out, schemas.MetricRecord{Window: w, Start: start.UnixMilli(), End: end.UnixMilli()})
			}
			m := &out[len(out)-1]
			m.Segments = append(m.Segments, s)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		_ = rows.Close()
	}
	slices.SortStableFunc(out, func(a, b schemas.MetricRecord) int {
		if a.End != b.End {
			return int(min(max(a.End-b.End, -1), 1))
		}
		return slices.Index(windowNames, a.Window) - slices.Index(windowNames, b.Window)
	})
	return out
}
