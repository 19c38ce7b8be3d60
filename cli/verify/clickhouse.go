package verify

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/casetrail/casetrail/schemas"
)

// ClickHouse reads the rows that the sink has written.
type ClickHouse struct{ Conn driver.Conn }

// Heads implements Rows.
func (c ClickHouse) Heads(ctx context.Context) (map[int32]int64, error) {
	rows, err := c.Conn.Query(ctx, "SELECT partition, max(size) FROM checkpoints GROUP BY partition")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[int32]int64{}
	for rows.Next() {
		var p int32
		var size int64
		if err := rows.Scan(&p, &size); err != nil {
			return nil, err
		}
		out[p] = size
	}
	return out, rows.Err()
}

// Complete implements Rows.
func (c ClickHouse) Complete(ctx context.Context) (int64, error) {
	var at int64
	err := c.Conn.QueryRow(ctx, "SELECT ifNull(toUnixTimestamp64Milli(toDateTime64(complete_until, 3, 'UTC')), 0) FROM windows_complete").Scan(&at)
	return at, err
}

// Bodies implements Rows.
func (c ClickHouse) Bodies(ctx context.Context, partition int32, size int64, fn func(int64, []byte) error) error {
	rows, err := c.Conn.Query(ctx, "SELECT sequence, body FROM records WHERE partition = ? AND sequence < ? ORDER BY ledger, sequence", partition, size)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var sequence int64
		var body string
		if err := rows.Scan(&sequence, &body); err != nil {
			return err
		}
		if err := fn(sequence, []byte(body)); err != nil {
			return err
		}
	}
	return rows.Err()
}

// windowViews are the views by length; a name can't be a parameter.
var windowViews = map[string]string{"1h": "segment_windows_1h", "24h": "segment_windows_24h", "7d": "segment_windows_7d", "30d": "segment_windows_30d"}

// Windows implements Rows.
func (c ClickHouse) Windows(ctx context.Context, window string, ends []int64) (map[int64][]schemas.Segment, error) {
	at := make([]time.Time, len(ends))
	for i, e := range ends {
		at[i] = time.UnixMilli(e).UTC()
	}
	rows, err := c.Conn.Query(ctx, fmt.Sprintf(`SELECT toUnixTimestamp(window_end) * 1000, case_type, handler, toInt64(cases), toInt64(ratings), toInt64(csat_sum),
		arrayMap(x -> toInt64(x), csat_counts), toInt64(complaints), toInt64(escalated), arrayMap(x -> toInt64(x), signals), toInt64(guard_breaches),
		arrayMap(x -> toInt64(x), outcomes), toInt64(resolution_ms_sum), toInt64(human_requests), toInt64(human_requests_met),
		toInt64(human_in_time), toInt64(time_to_human_ms_sum), toInt64(time_to_human_cases), toInt64(synthetic)
		FROM %s WHERE window_end IN (?) ORDER BY window_end, case_type, handler`, windowViews[window]), at)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[int64][]schemas.Segment{}
	for rows.Next() {
		var end uint64
		var s schemas.Segment
		if err := rows.Scan(&end, &s.CaseType, &s.Handler, &s.Cases, &s.Ratings, &s.CSATSum, &s.CSATCounts, &s.Complaints, &s.Escalated, &s.Signals,
			&s.GuardBreaches, &s.Outcomes, &s.ResolutionMSSum, &s.HumanRequests, &s.HumanRequestsMet, &s.HumanInTime,
			&s.TimeToHumanMSSum, &s.TimeToHumanCases, &s.Synthetic); err != nil {
			return nil, err
		}
		out[int64(end)] = append(out[int64(end)], s)
	}
	return out, rows.Err()
}
