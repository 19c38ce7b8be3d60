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
func (c ClickHouse) Heads(ctx context.Context) (map[string]int64, error) {
	rows, err := c.Conn.Query(ctx, "SELECT toString(ledger), max(size) FROM checkpoints GROUP BY ledger")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]int64{}
	for rows.Next() {
		var ledger string
		var size int64
		if err := rows.Scan(&ledger, &size); err != nil {
			return nil, err
		}
		out[ledger] = size
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
func (c ClickHouse) Bodies(ctx context.Context, partition int32, ledger string, size int64, fn func(int64, []byte) error) error {
	return c.bodies(ctx, "WHERE partition = ? AND ledger = ? AND sequence < ? ORDER BY sequence", []any{partition, ledger, size}, fn)
}

// figures are the columns of the windows in the order in which scan takes them.
const figures = `case_type, handler, cases, ratings, csat_sum, csat_counts, complaints, escalated, signals, guard_breaches, outcomes, resolution_ms_sum,
	human_requests, human_requests_met, human_in_time, time_to_human_ms_sum, time_to_human_cases, synthetic, identified, repeats, share, enough,
	enough_ratings, csat, csat_low, csat_high, csat_bounds_low, csat_bounds_high, response_rate, response_rate_low, response_rate_high,
	complaint_rate, complaint_rate_low, complaint_rate_high, escalation_rate, escalation_rate_low, escalation_rate_high, repeat_rate,
	repeat_rate_low, repeat_rate_high, human_in_time_rate, human_in_time_rate_low, human_in_time_rate_high, signal_rates, resolution_ms_p50,
	resolution_ms_p90, resolution_ms_p99, time_to_human_ms_p50, time_to_human_ms_p90, time_to_human_ms_p99`

// Windows implements Rows.
func (c ClickHouse) Windows(ctx context.Context, length int64, ends []int64) (map[int64][]schemas.Segment, error) {
	// The coarsest step at which windows end at all of them takes the fewest panes.
	step := int64(24 * 60 * 60_000)
	at := make([]time.Time, len(ends))
	for i, e := range ends {
		at[i] = time.UnixMilli(e).UTC()
		for e%step != 0 && step > 60_000 {
			step = map[int64]int64{24 * 60 * 60_000: 60 * 60_000, 60 * 60_000: 60_000}[step]
		}
	}
	rows, err := c.Conn.Query(ctx, fmt.Sprintf(`SELECT window_end, %s FROM segment_windows(length = %d, step = %d)
		WHERE window_end IN (?) ORDER BY window_end, case_type, handler`, figures, length/1000, step/1000), at)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[int64][]schemas.Segment{}
	for rows.Next() {
		end, s, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out[end.UnixMilli()] = append(out[end.UnixMilli()], s)
	}
	return out, rows.Err()
}

// estimate is a figure with its interval, as three columns have it.
type estimate [3]*float64

func (e *estimate) optional() schemas.Optional[schemas.Estimate] {
	if e[0] == nil || e[1] == nil || e[2] == nil {
		return schemas.Optional[schemas.Estimate]{}
	}
	return schemas.Some(schemas.Estimate{Value: *e[0], Low: *e[1], High: *e[2]})
}

type percentiles [3]*int64

func (p *percentiles) optional() schemas.Optional[schemas.Percentiles] {
	if p[0] == nil || p[1] == nil || p[2] == nil {
		return schemas.Optional[schemas.Percentiles]{}
	}
	return schemas.Some(schemas.Percentiles{P50: *p[0], P90: *p[1], P99: *p[2]})
}

func scan(rows driver.Rows) (end time.Time, s schemas.Segment, err error) {
	var csat, bounds, response, complaint, escalation, repeat, human estimate
	var resolution, toHuman percentiles
	err = rows.Scan(&end, &s.CaseType, &s.Handler, &s.Cases, &s.Ratings, &s.CSATSum, &s.CSATCounts, &s.Complaints, &s.Escalated, &s.Signals,
		&s.GuardBreaches, &s.Outcomes, &s.ResolutionMSSum, &s.HumanRequests, &s.HumanRequestsMet, &s.HumanInTime, &s.TimeToHumanMSSum,
		&s.TimeToHumanCases, &s.Synthetic, &s.Identified, &s.Repeats, &s.Share, &s.Enough, &s.EnoughRatings, &csat[0], &csat[1], &csat[2],
		&bounds[1], &bounds[2], &response[0], &response[1], &response[2], &complaint[0], &complaint[1], &complaint[2], &escalation[0],
		&escalation[1], &escalation[2], &repeat[0], &repeat[1], &repeat[2], &human[0], &human[1], &human[2], &s.SignalRates, &resolution[0],
		&resolution[1], &resolution[2], &toHuman[0], &toHuman[1], &toHuman[2])
	bounds[0] = csat[0]
	s.CSAT, s.CSATBounds, s.ResponseRate, s.ComplaintRate = csat.optional(), bounds.optional(), response.optional(), complaint.optional()
	s.EscalationRate, s.RepeatRate, s.HumanInTimeRate = escalation.optional(), repeat.optional(), human.optional()
	s.Resolution, s.TimeToHuman = resolution.optional(), toHuman.optional()
	return end, s, err
}
