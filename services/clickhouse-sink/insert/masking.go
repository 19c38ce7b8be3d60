package insert

import (
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// messageColumns are the columns of a topic's table.
type messageColumns[M any] []column[Messages[M]]

func (c messageColumns[M]) with(more messageColumns[M]) messageColumns[M] { return append(c, more...) }

// headsColumns are the ledgers that a message was computed from.
func headsColumns[M any](of func(*M) []schemas.LedgerHead) messageColumns[M] {
	return messageColumns[M]{
		list("head_partitions", "Array(Int32)", of, func(h *schemas.LedgerHead) int32 { return h.Partition }),
		list("head_sizes", "Array(Int64)", of, func(h *schemas.LedgerHead) int64 { return h.Size }),
		list("head_roots", hashes, of, func(h *schemas.LedgerHead) string { r := record.Hash(h.Root); return string(r[:]) }),
	}
}

// maskingColumns are a report of what moved the aggregate; null, and empty lists, where of gives none.
func maskingColumns[M any](of func(*M) *schemas.MaskingReport) messageColumns[M] {
	whole := func(name string, value func(*schemas.MaskingReport) float64) column[Messages[M]] {
		return field("masking_"+name, number, func(m *M) *float64 {
			r := of(m)
			if r == nil {
				return nil
			}
			v := value(r)
			return &v
		})
	}
	segments := func(m *M) []schemas.MaskingSegment {
		if r := of(m); r != nil {
			return r.Segments
		}
		return nil
	}
	return messageColumns[M]{
		whole("aggregate0", func(r *schemas.MaskingReport) float64 { return r.Aggregate0 }),
		whole("aggregate1", func(r *schemas.MaskingReport) float64 { return r.Aggregate1 }),
		whole("within", func(r *schemas.MaskingReport) float64 { return r.Within }),
		whole("mix", func(r *schemas.MaskingReport) float64 { return r.Mix }),
		whole("residual", func(r *schemas.MaskingReport) float64 { return r.Residual }),
		whole("gross_up", func(r *schemas.MaskingReport) float64 { return r.GrossUp }),
		whole("gross_down", func(r *schemas.MaskingReport) float64 { return r.GrossDown }),
		whole("standardised1", func(r *schemas.MaskingReport) float64 { return r.Standardised1 }),
		whole("index", func(r *schemas.MaskingReport) float64 { return r.Index }),
		field("masking_masked", "Nullable(Bool)", func(m *M) *bool {
			if r := of(m); r != nil {
				return &r.Masked
			}
			return nil
		}),
		list("masking_segments.case_type", symbols, segments, func(s *schemas.MaskingSegment) string { return s.CaseType }),
		list("masking_segments.handler", symbols, segments, func(s *schemas.MaskingSegment) string { return s.Handler }),
		list("masking_segments.ratings0", "Array(Int64)", segments, func(s *schemas.MaskingSegment) int64 { return s.Ratings0 }),
		list("masking_segments.ratings1", "Array(Int64)", segments, func(s *schemas.MaskingSegment) int64 { return s.Ratings1 }),
		list("masking_segments.csat0", numbers, segments, func(s *schemas.MaskingSegment) float64 { return s.Csat0 }),
		list("masking_segments.csat1", numbers, segments, func(s *schemas.MaskingSegment) float64 { return s.Csat1 }),
		list("masking_segments.share0", numbers, segments, func(s *schemas.MaskingSegment) float64 { return s.Share0 }),
		list("masking_segments.share1", numbers, segments, func(s *schemas.MaskingSegment) float64 { return s.Share1 }),
		list("masking_segments.within", numbers, segments, func(s *schemas.MaskingSegment) float64 { return s.Within }),
		list("masking_segments.mix", numbers, segments, func(s *schemas.MaskingSegment) float64 { return s.Mix }),
		list("masking_segments.alerted", "Array(Bool)", segments, func(s *schemas.MaskingSegment) bool { return s.Alerted }),
	}
}

// list is a column of arrays, one value for each of a message's elements.
func list[M, E, V any](name, typ string, elements func(*M) []E, of func(*E) V) column[Messages[M]] {
	return field(name, typ, func(m *M) []V {
		from := elements(m)
		out := make([]V, len(from))
		for i := range from {
			out[i] = of(&from[i])
		}
		return out
	})
}

func pointer[T any](o schemas.Optional[T]) *T {
	if !o.Set {
		return nil
	}
	return &o.Value
}
