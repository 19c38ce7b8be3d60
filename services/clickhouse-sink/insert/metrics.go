package insert

import (
	"context"

	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
)

// Metric is one segment of a MetricRecord. Its masking report stands beside the segment all/all, and only there.
type Metric struct {
	schemas.Segment
	Record  *schemas.MetricRecord
	Masking *schemas.MaskingReport
}

// AddMetrics appends a row for each segment of a MetricRecord, and keeps r.
func AddMetrics(m *Messages[Metric], in *stage.Record, r *schemas.MetricRecord) {
	for _, s := range r.Segments {
		row := Metric{Segment: s, Record: r}
		if s.CaseType == "all" && s.Handler == "all" && r.Masking.Set {
			row.Masking = &r.Masking.Value
		}
		m.Add(in, row)
	}
}

// metricColumns are those of 0006_metric_messages.sql.
var metricColumns = columnsOf(
	field("window", symbol, func(m *Metric) string { return m.Record.Window }),
	field("window_start", millis, func(m *Metric) int64 { return m.Record.Start }),
	field("window_end", millis, func(m *Metric) int64 { return m.Record.End }),
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
	field("identified", "Int64", func(m *Metric) int64 { return m.Identified }),
	field("repeats", "Int64", func(m *Metric) int64 { return m.Repeats }),
	field("share", "Float64", func(m *Metric) float64 { return m.Share }),
	field("enough", "Bool", func(m *Metric) bool { return m.Enough }),
	field("enough_ratings", "Bool", func(m *Metric) bool { return m.EnoughRatings }),
	field("signal_rates", numbers, func(m *Metric) []float64 { return m.SignalRates }),
	field("policy_version", symbol, func(m *Metric) string { return m.Record.PolicyVersion }),
	field("minimum_cases", "Int64", func(m *Metric) int64 { return m.Record.MinimumCases }),
	field("human_within_ms", "Int64", func(m *Metric) int64 { return m.Record.HumanWithinMS }),
	field("repeat_contact_ms", "Int64", func(m *Metric) int64 { return m.Record.RepeatContactMS }),
	field("reference_start", maybe, func(m *Metric) *int64 { return pointer(m.Record.ReferenceStart) }),
	field("reference_end", maybe, func(m *Metric) *int64 { return pointer(m.Record.ReferenceEnd) }),
	field("no_masking", text, func(m *Metric) string { return m.Record.NoMasking }),
	field("key_id", "FixedString(4)", func(m *Metric) string { return string(m.Record.KeyID[:]) }),
	field("signature", "FixedString(64)", func(m *Metric) string { return string(m.Record.Signature[:]) }),
).with(estimate("csat", func(s *schemas.Segment) schemas.Optional[schemas.Estimate] { return s.CSAT })).
	with(estimate("csat_bounds", func(s *schemas.Segment) schemas.Optional[schemas.Estimate] { return s.CSATBounds })[1:]).
	with(estimate("response_rate", func(s *schemas.Segment) schemas.Optional[schemas.Estimate] { return s.ResponseRate })).
	with(estimate("complaint_rate", func(s *schemas.Segment) schemas.Optional[schemas.Estimate] { return s.ComplaintRate })).
	with(estimate("escalation_rate", func(s *schemas.Segment) schemas.Optional[schemas.Estimate] { return s.EscalationRate })).
	with(estimate("repeat_rate", func(s *schemas.Segment) schemas.Optional[schemas.Estimate] { return s.RepeatRate })).
	with(estimate("human_in_time_rate", func(s *schemas.Segment) schemas.Optional[schemas.Estimate] { return s.HumanInTimeRate })).
	with(percentiles("resolution_ms", func(s *schemas.Segment) schemas.Optional[schemas.Percentiles] { return s.Resolution })).
	with(percentiles("time_to_human_ms", func(s *schemas.Segment) schemas.Optional[schemas.Percentiles] { return s.TimeToHuman })).
	with(headsColumns(func(m *Metric) []schemas.LedgerHead { return m.Record.Heads })).
	with(maskingColumns(func(m *Metric) *schemas.MaskingReport { return m.Masking }))

// estimate is a figure and its interval.
func estimate(name string, of func(*schemas.Segment) schemas.Optional[schemas.Estimate]) messageColumns[Metric] {
	return messageColumns[Metric]{
		optionally(name, number, of, func(e *schemas.Estimate) float64 { return e.Value }),
		optionally(name+"_low", number, of, func(e *schemas.Estimate) float64 { return e.Low }),
		optionally(name+"_high", number, of, func(e *schemas.Estimate) float64 { return e.High }),
	}
}

func percentiles(name string, of func(*schemas.Segment) schemas.Optional[schemas.Percentiles]) messageColumns[Metric] {
	return messageColumns[Metric]{
		optionally(name+"_p50", "Nullable(Int64)", of, func(p *schemas.Percentiles) int64 { return p.P50 }),
		optionally(name+"_p90", "Nullable(Int64)", of, func(p *schemas.Percentiles) int64 { return p.P90 }),
		optionally(name+"_p99", "Nullable(Int64)", of, func(p *schemas.Percentiles) int64 { return p.P99 }),
	}
}

// optionally is a column of a part of a segment, null where it has none.
func optionally[P, V any](name, typ string, part func(*schemas.Segment) schemas.Optional[P], of func(*P) V) column[Messages[Metric]] {
	return field(name, typ, func(m *Metric) *V {
		p := part(&m.Segment)
		if !p.Set {
			return nil
		}
		v := of(&p.Value)
		return &v
	})
}

// InsertMetrics writes rows of conduct.metrics.
func (d *Database) InsertMetrics(ctx context.Context, m *Messages[Metric]) error {
	return insertInto(ctx, d, "metric_messages", "", metricColumns, m)
}
