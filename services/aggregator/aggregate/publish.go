package aggregate

import (
	"fmt"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
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

// metrics publishes one window.
func (p *publisher) metrics(l window.Length, rows []window.Row, heads []schemas.LedgerHead) error {
	if len(rows) > maxSegments {
		return fmt.Errorf("window %s that ends at minute %d has %d segments, more than %d: too many case types", l, p.end, len(rows), maxSegments)
	}
	p.segments = p.segments[:0]
	for i := range rows {
		p.segments = append(p.segments, segment(&rows[i]))
	}
	p.emit(pipelines.ConductMetrics, l.String(), &schemas.MetricRecord{Window: l.String(), Segments: p.segments, Heads: heads,
		Start: (p.end - int64(l)) * minute, End: p.end * minute})
	return nil
}

// breach raises the alert about a case on which an AI wrote that was not the AI's.
func (p *publisher) breach(b *breach) {
	p.emit(pipelines.ConductAlerts, b.caseType+"/"+b.handler.String(), &schemas.SegmentAlert{
		Alert: schemas.AlertKindGuardBreach, CaseType: b.caseType, Handler: b.handler.String(), RaisedAt: p.end * minute,
		Summary:      fmt.Sprintf("An AI wrote on case %s (%s, %s), which was not the AI's.", b.caseID, b.caseType, b.handler),
		CaseID:       schemas.Some(b.caseID),
		RecordLedger: schemas.Some(b.ledger), RecordSequence: schemas.Some(b.sequence)})
}

// segment gives a row as the schema has it. Its arrays are parts of the row.
func segment(r *window.Row) schemas.Segment {
	s := &r.Sums
	return schemas.Segment{
		CaseType: r.Type, Handler: r.Handler,
		Cases: s[window.Cases], Ratings: s[window.Ratings], CSATSum: s[window.CSATSum],
		CSATCounts: s[window.CSAT : window.CSAT+window.CSATLevels],
		Complaints: s[window.Complaints], Escalated: s[window.Escalated],
		Signals:       s[window.Signals : window.Signals+window.SignalKinds],
		GuardBreaches: s[window.GuardBreaches],
		Outcomes:      s[window.Outcomes : window.Outcomes+window.OutcomeKinds],

		ResolutionMSSum: s[window.ResolutionMS],
		HumanRequests:   s[window.HumanRequests], HumanRequestsMet: s[window.HumanRequestsMet],
		HumanInTime:      s[window.HumanInTime],
		TimeToHumanMSSum: s[window.TimeToHumanMS], TimeToHumanCases: s[window.TimeToHumanCases],
		Synthetic: s[window.Synthetic],
	}
}
