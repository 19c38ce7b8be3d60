// Package report reads ClickHouse as an analyst would and prints what went where: cases by type and route, escalations,
// breaches, and every segment beside the aggregate, naming the one that the aggregate hides.
package report

import (
	"context"
	"fmt"
	"io"
	"math"
	"text/tabwriter"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Segment is one line of the segment table. Rates are NaN where there is nothing to divide by.
type Segment struct {
	CaseType, Handler string
	Cases, Ratings    uint64
	CSAT              float64 // 1 to 5
	Before, After     float64 // CSAT in the first and the second half of the time
	RatedBefore       uint64
	RatedAfter        uint64
	Complaints        float64 // share of cases
	Escalated         float64 // share of cases
	ToHuman           float64 // seconds from escalation until a human joined, mean
	ComplaintsBefore  float64
	ComplaintsAfter   float64
	Synthetic         uint64
}

// minRatings is how many ratings each half of a segment needs before anything is said about their change.
const minRatings = 10

// Segments are all segments with cases, the aggregate (all/all) first.
func Segments(ctx context.Context, db driver.Conn) ([]Segment, error) {
	rows, err := db.Query(ctx, `
		WITH (SELECT min(concluded_at) + toIntervalMillisecond(intDiv(dateDiff('millisecond', min(concluded_at), max(concluded_at)), 2)) FROM cases) AS middle
		SELECT s.1, s.2, count(), countIf(csat IS NOT NULL), avg(csat), avgIf(csat, concluded_at < middle), avgIf(csat, concluded_at >= middle),
			countIf(csat IS NOT NULL AND concluded_at < middle), countIf(csat IS NOT NULL AND concluded_at >= middle),
			avg(complaint), avg(escalated), avgIf(dateDiff('millisecond', escalated_at, human_joined_at), human_joined_at >= escalated_at) / 1000,
			avgIf(complaint, concluded_at < middle), avgIf(complaint, concluded_at >= middle), countIf(synthetic)
		FROM cases ARRAY JOIN [('all', 'all'), (toString(case_type), toString(handler_path))] AS s
		GROUP BY s ORDER BY s.1 != 'all', count() DESC, s.1, s.2`)
	if err != nil {
		return nil, fmt.Errorf("read the segments: %w", err)
	}
	defer rows.Close()
	var out []Segment
	for rows.Next() {
		var s Segment
		floats := [8]*float64{}
		if err := rows.Scan(&s.CaseType, &s.Handler, &s.Cases, &s.Ratings, &floats[0], &floats[1], &floats[2], &s.RatedBefore, &s.RatedAfter,
			&floats[3], &floats[4], &floats[5], &floats[6], &floats[7], &s.Synthetic); err != nil {
			return nil, fmt.Errorf("read the segments: %w", err)
		}
		for i, to := range []*float64{&s.CSAT, &s.Before, &s.After, &s.Complaints, &s.Escalated, &s.ToHuman, &s.ComplaintsBefore, &s.ComplaintsAfter} {
			if *to = math.NaN(); floats[i] != nil {
				*to = *floats[i]
			}
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// certain is how many standard errors a change must be away from nothing to be named. Drift tests that may be looked at
// all the time are the aggregator's matter; this is one look at two halves.
const certain = 2

// Hidden is the segment that got worse the most certainly while the aggregate did not show it; nil where there is none.
func Hidden(segments []Segment) *Segment {
	if len(segments) == 0 || segments[0].change() < -.1 || math.IsNaN(segments[0].change()) {
		return nil
	}
	var worst *Segment
	for i := range segments[1:] {
		s := &segments[i+1]
		if s.RatedBefore >= minRatings && s.RatedAfter >= minRatings && s.score() < -certain && (worst == nil || s.score() < worst.score()) {
			worst = s
		}
	}
	return worst
}

func (s *Segment) change() float64 { return s.After - s.Before }

// score is the change in standard errors, with half the widest spread that ratings of that mean can have.
func (s *Segment) score() float64 {
	spread := func(mean float64, n uint64) float64 { return (mean - 1) * (5 - mean) / 2 / float64(n) }
	return s.change() / math.Sqrt(spread(s.Before, s.RatedBefore)+spread(s.After, s.RatedAfter))
}

// Count is how many cases or escalations there are of a kind.
type Count struct {
	Name, Of string
	N        uint64
}

// Counts runs a query of two names and a count.
func Counts(ctx context.Context, db driver.Conn, query string) ([]Count, error) {
	rows, err := db.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Count
	for rows.Next() {
		var c Count
		if err := rows.Scan(&c.Name, &c.Of, &c.N); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, rows.Err()
}

// Print writes the whole report. reasons and rejects are counts that ClickHouse does not hold: of cases by the reason of
// their route, and of rejected events by theirs.
func Print(ctx context.Context, w io.Writer, db driver.Conn, reasons, rejects map[string]int) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if err := printRoutes(ctx, t, db); err != nil {
		return err
	}
	printCounts(t, "WHY THERE, WHEN THE CUSTOMER SAID WHAT IT IS ABOUT", reasons)
	if err := printSignals(ctx, t, db, rejects); err != nil {
		return err
	}
	segments, err := Segments(ctx, db)
	if err != nil {
		return err
	}
	printSegments(t, segments)
	if err := t.Flush(); err != nil {
		return err
	}
	printHidden(w, segments)
	return nil
}
