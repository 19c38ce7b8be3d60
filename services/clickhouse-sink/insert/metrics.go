package insert

import (
	"context"
	"slices"

	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// Metric is one segment of a MetricRecord.
type Metric struct {
	Window     string
	Start, End int64
	schemas.Segment
	Heads []schemas.LedgerHead
}

// AddMetrics appends a row for each segment of a MetricRecord, and keeps nothing of it.
func AddMetrics(m *Messages[Metric], in *stage.Record, r *schemas.MetricRecord) {
	heads := append([]schemas.LedgerHead(nil), r.Heads...)
	for _, s := range r.Segments {
		s.CSATCounts, s.Signals, s.Outcomes = clone(s.CSATCounts), clone(s.Signals), clone(s.Outcomes)
		s.SignalRates = slices.Clone(s.SignalRates)
		m.Add(in, Metric{r.Window, r.Start, r.End, s, heads})
	}
}

func clone(v []int64) []int64 { return append([]int64(nil), v...) }

func headsOf[V any](m *Metric, of func(*schemas.LedgerHead) V) []V {
	out := make([]V, len(m.Heads))
	for i := range m.Heads {
		out[i] = of(&m.Heads[i])
	}
	return out
}

// metricColumns are those of 0006_metric_messages.sql.
var metricColumns = columnsOf(
	field("window", symbol, func(m *Metric) string { return m.Window }),
	field("window_start", millis, func(m *Metric) int64 { return m.Start }),
	field("window_end", millis, func(m *Metric) int64 { return m.End }),
	field("case_type", symbol, func(m *Metric) string { return m.CaseType }),
	field("handler", symbol, func(m *Metric) string { return m.Handler }),
	field("cases", "Int64", func(m *Metric) int64 { return m.Cases }),
	field("ratings", "Int64", func(m *Metric) int64 { return m.Ratings }),
	field("csat_sum", "Int64", func(m *Metric) int64 { return m.CSATSum }),
	field("csat_counts", "Array(Int64)", func(m *Metric) []int64 { return m.CSATCounts }),
	field("complaints", "Int64", func(m *Metric) int64 { return m.Complaints }),
	field("escalated", "Int64", func(m *Metric) int64 { return m.Escalated }),
	field("signals", "Array(Int64)", func(m *Metric) []int64 { return m.Signals }),
	field("guard_breaches", "Int64", func(m *Metric) int64 { return m.GuardBreaches }),
	field("outcomes", "Array(Int64)", func(m *Metric) []int64 { return m.Outcomes }),
	field("resolution_ms_sum", "Int64", func(m *Metric) int64 { return m.ResolutionMSSum }),
	field("human_requests", "Int64", func(m *Metric) int64 { return m.HumanRequests }),
	field("human_requests_met", "Int64", func(m *Metric) int64 { return m.HumanRequestsMet }),
	field("human_in_time", "Int64", func(m *Metric) int64 { return m.HumanInTime }),
	field("time_to_human_ms_sum", "Int64", func(m *Metric) int64 { return m.TimeToHumanMSSum }),
	field("time_to_human_cases", "Int64", func(m *Metric) int64 { return m.TimeToHumanCases }),
	field("synthetic", "Int64", func(m *Metric) int64 { return m.Synthetic }),
	field("head_partitions", "Array(Int32)", func(m *Metric) []int32 {
		return headsOf(m, func(h *schemas.LedgerHead) int32 { return h.Partition })
	}),
	field("head_sizes", "Array(Int64)", func(m *Metric) []int64 {
		return headsOf(m, func(h *schemas.LedgerHead) int64 { return h.Size })
	}),
	field("head_roots", hashes, func(m *Metric) []string {
		return texts(headsOf(m, func(h *schemas.LedgerHead) record.Hash { return record.Hash(h.Root) }))
	}),
)

// InsertMetrics writes rows of conduct.metrics.
func (d *Database) InsertMetrics(ctx context.Context, m *Messages[Metric]) error {
	return insertInto(ctx, d, "metric_messages", "", metricColumns, m)
}
