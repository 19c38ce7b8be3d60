package aggregate

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/policies"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/aggregator/window"
)

// maxSegments is how many segments a metric record can hold: about 1,000 case types.
const maxSegments = 4096

// arenaSize is how much memory encoded outputs share.
const arenaSize = 64 << 10

// publisher makes the outputs of the ends that close.
type publisher struct {
	codec    *schemas.Codec
	signer   *record.Signer
	arena    []byte
	out      []stage.Record
	end      int64 // minutes since 1970
	ordinal  int32
	segments []schemas.Segment
}

// begin starts the outputs of another end.
func (p *publisher) begin(end int64) { p.end, p.ordinal = end, 0 }

func (p *publisher) emit(topic, key string, m schemas.Message) {
	if cap(p.arena)-len(p.arena) < arenaSize/8 {
		p.arena = make([]byte, 0, arenaSize)
	}
	from := len(p.arena)
	p.arena = p.codec.Append(p.arena, topic, m)
	p.out = append(p.out, stage.Record{Topic: topic, Key: []byte(key), Value: p.arena[from:len(p.arena):len(p.arena)],
		Position: stage.Position{Offset: p.end, Ordinal: p.ordinal}})
	p.ordinal++
}

// metrics publishes one window, signed.
func (p *publisher) metrics(w policies.Window, rows []window.Row, heads []schemas.LedgerHead, by *measured) error {
	if len(rows) > maxSegments {
		return fmt.Errorf("window %s that ends at minute %d has %d segments, more than %d: too many case types", w.Name, p.end, len(rows), maxSegments)
	}
	p.segments = p.segments[:0]
	all := total(rows)
	for i := range rows {
		if h := rows[i].Handler; h == window.All || slices.Contains(by.Metrics.Handlers, h) {
			p.segments = append(p.segments, segment(&rows[i], all, by.Metrics.MinimumCases))
		}
	}
	m := schemas.MetricRecord{Window: w.Name, Start: (p.end - w.Length) * minute, End: p.end * minute,
		PolicyVersion: by.Version, MinimumCases: by.Metrics.MinimumCases, HumanWithinMS: by.Metrics.HumanWithin.Milliseconds(),
		RepeatContactMS: by.Metrics.RepeatContact.Milliseconds(), Segments: p.segments, Heads: heads}
	if by.reference.begun {
		m.ReferenceStart, m.ReferenceEnd = schemas.Some(by.reference.start), schemas.Some(by.reference.end)
	}
	m.Masking, m.NoMasking = by.reference.compare(rows, m.End)
	p.emit(pipelines.ConductMetrics, w.Name, &m)
	_, body, err := p.codec.Name(p.out[len(p.out)-1].Value)
	return cmp.Or(err, p.signer.SignMetric(body))
}

// total is how many cases a window has.
func total(rows []window.Row) int64 {
	i := slices.IndexFunc(rows, func(r window.Row) bool { return r.Type == window.All && r.Handler == window.All })
	return rows[i].Sums[window.Cases]
}

// breach raises the alert about a case on which an AI wrote that was not the AI's.
func (p *publisher) breach(b *breach) {
	p.emit(pipelines.ConductAlerts, b.caseType+"/"+b.handler.String(), &schemas.SegmentAlert{
		Alert: schemas.AlertKindGuardBreach, CaseType: b.caseType, Handler: b.handler.String(), RaisedAt: p.end * minute,
		Summary:      fmt.Sprintf("An AI wrote on case %s (%s, %s), which was not the AI's.", b.caseID, b.caseType, b.handler),
		CaseID:       schemas.Some(b.caseID),
		RecordLedger: schemas.Some(b.ledger), RecordSequence: schemas.Some(b.sequence)})
}
