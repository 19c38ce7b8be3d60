package report

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

var routes = []string{"ai_handled", "ai_then_escalated", "human_handled"}

func printRoutes(ctx context.Context, w io.Writer, db driver.Conn) error {
	counts, err := Counts(ctx, db, "SELECT toString(case_type), toString(route), count() FROM cases GROUP BY 1, 2 ORDER BY 1, 2")
	if err != nil {
		return fmt.Errorf("count the cases: %w", err)
	}
	table, total := map[string]map[string]uint64{}, map[string]uint64{}
	for _, c := range counts {
		if table[c.Name] == nil {
			table[c.Name] = map[string]uint64{}
		}
		table[c.Name][c.Of] += c.N
		total[c.Of] += c.N
	}
	fmt.Fprintln(w, "\nCASES BY TYPE AND ROUTE\tai_handled\tai_then_escalated\thuman_handled\ttotal\t")
	table["total"] = total
	for _, name := range append(slices.Sorted(maps.Keys(without(table, "total"))), "total") {
		fmt.Fprintf(w, "%s\t", name)
		var sum uint64
		for _, r := range routes {
			sum += table[name][r]
			fmt.Fprintf(w, "%s\t", count(table[name][r]))
		}
		fmt.Fprintf(w, "%d\t\n", sum)
	}
	return nil
}

func without[V any](m map[string]V, key string) map[string]V {
	c := maps.Clone(m)
	delete(c, key)
	return c
}

func printSignals(ctx context.Context, w io.Writer, db driver.Conn, rejects map[string]int) error {
	counts, err := Counts(ctx, db, "SELECT toString(signal), '', count() FROM escalations GROUP BY 1, 2 ORDER BY 3 DESC, 1")
	if err != nil {
		return fmt.Errorf("count the escalations: %w", err)
	}
	fmt.Fprintln(w, "\nESCALATIONS BY SIGNAL\t\t")
	for _, c := range counts {
		fmt.Fprintf(w, "%s\t%d\t\n", c.Name, c.N)
	}
	breaches, err := Counts(ctx, db, "SELECT toString(case_type), '', count() FROM cases WHERE guard_breach GROUP BY 1, 2 ORDER BY 3 DESC, 1")
	if err != nil {
		return fmt.Errorf("count the guard breaches: %w", err)
	}
	fmt.Fprintln(w, "\nGUARD BREACHES (an AI wrote on a human's case)\t\t")
	for _, c := range breaches {
		fmt.Fprintf(w, "%s\t%d\t\n", c.Name, c.N)
	}
	printCounts(w, "REJECTED EVENTS BY REASON", rejects)
	return nil
}

func printCounts(w io.Writer, title string, counts map[string]int) {
	fmt.Fprintf(w, "\n%s\t\t\n", title)
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(w, "%s\t%d\t\n", name, counts[name])
	}
	if len(counts) == 0 {
		fmt.Fprintln(w, "none\t\t")
	}
}

func printSegments(w io.Writer, segments []Segment) {
	fmt.Fprintln(w, "\nSEGMENTS (ratings, complaints and outcomes are synthetic)\t\t\t\t\t\t\t\t")
	fmt.Fprintln(w, "case type\thandler\tcases\tCSAT\t1st half → 2nd half\tratings\tcomplaints\tescalated\tto human\t")
	for i, s := range segments {
		if i == 1 {
			fmt.Fprintln(w, strings.Repeat("·\t", 9))
		}
		change := fmt.Sprintf("%s → %s", number(s.Before), number(s.After))
		if s.RatedBefore < minRatings || s.RatedAfter < minRatings {
			change = "not enough ratings"
		}
		wait := "-"
		if !math.IsNaN(s.ToHuman) {
			wait = fmt.Sprintf("%.0f s", s.ToHuman)
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%d\t%s\t%s\t%s\t\n", s.CaseType, s.Handler, s.Cases, number(s.CSAT), change, s.Ratings, percent(s.Complaints), percent(s.Escalated), wait)
	}
}

func printHidden(w io.Writer, segments []Segment) {
	h := Hidden(segments)
	if h == nil {
		fmt.Fprintln(w, "\nNo segment with enough ratings got worse behind the aggregate's back.")
		return
	}
	all := &segments[0]
	fmt.Fprintf(w, "\nWHAT THE AGGREGATE HIDES: %s x %s: CSAT %s → %s, complaints %s → %s, over %d cases,\nwhile the aggregate went %s → %s over %d.\n",
		h.CaseType, h.Handler, number(h.Before), number(h.After), percent(h.ComplaintsBefore), percent(h.ComplaintsAfter), h.Cases,
		number(all.Before), number(all.After), all.Cases)
}

func count(n uint64) string {
	if n == 0 {
		return "·"
	}
	return fmt.Sprint(n)
}

func number(x float64) string {
	if math.IsNaN(x) {
		return "-"
	}
	return fmt.Sprintf("%.2f", x)
}

func percent(x float64) string {
	if math.IsNaN(x) {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*x)
}
