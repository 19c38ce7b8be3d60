package rerun

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
)

// Same holds two runs of one history against each other: whatever order the partitions came in, however many replicas there were
// and whoever died, both must have told the same of every case, and published the same windows. What they may differ in is
// left out, and docs/adr/0009-same-history.md says why: the offsets of case.events that a record and an amendment name as
// their source, and what follows from these (sequence, hashes, roots, heads), the order of two different cases' records
// in one ledger, and the salted commitments.
func Same(a, b *Log) error {
	for _, topic := range []string{pipelines.CaseConclusions, pipelines.ConductRecords, pipelines.WorkAI, pipelines.WorkHuman, pipelines.CaseEscalations, pipelines.ConductAlerts} {
		x, err := a.told(topic)
		if err != nil {
			return err
		}
		y, err := b.told(topic)
		if err != nil {
			return err
		}
		for _, id := range slices.Sorted(maps.Keys(x)) {
			if !slices.EqualFunc(x[id], y[id], bytes.Equal) {
				return fmt.Errorf("%s tells of case %q %d things and %d, and not the same:\n%q\n%q", topic, id, len(x[id]), len(y[id]), x[id], y[id])
			}
		}
		if len(x) != len(y) {
			return fmt.Errorf("%s tells of %d cases and of %d", topic, len(x), len(y))
		}
	}
	tp := stage.TopicPartition{Topic: pipelines.ConductMetrics}
	for i := range max(len(a.records[tp]), len(b.records[tp])) {
		if i >= len(a.records[tp]) || i >= len(b.records[tp]) {
			return fmt.Errorf("%d windows and %d", len(a.records[tp]), len(b.records[tp]))
		}
		x, y := a.records[tp][i], b.records[tp][i]
		_, u, err := content(a.codec, x)
		_, w, err2 := content(b.codec, y)
		if err = cmp.Or(err, err2); err != nil {
			return err
		}
		if !bytes.Equal(u, w) || x.Position != y.Position || !bytes.Equal(x.Key, y.Key) {
			return fmt.Errorf("window %d: %v and %v, and not the same:\n%q\n%q", i, x.Position, y.Position, u, w)
		}
	}
	return nil
}

// told is what a topic says of each case, in its order.
func (l *Log) told(topic string) (map[string][][]byte, error) {
	out := map[string][][]byte{}
	for p := range l.partitions[topic] {
		for _, r := range l.records[stage.TopicPartition{Topic: topic, Partition: p}] {
			id, text, err := content(l.codec, r)
			if err != nil {
				return nil, fmt.Errorf("%s/%d offset %d: %w", topic, p, r.Offset, err)
			}
			if text != nil {
				out[fmt.Sprint(p, " ", id)] = append(out[fmt.Sprint(p, " ", id)], text)
			}
		}
	}
	return out, nil
}

// content is what a message says of a case, without what may differ.
func content(codec *schemas.Codec, r stage.Record) (id string, text []byte, err error) {
	m, err := codec.Decode(r.Value)
	if err != nil {
		return "", nil, err
	}
	switch m := m.(type) {
	case *schemas.Tick:
		return "", nil, nil
	case *schemas.CaseConclusion:
		id, m.Case.CustomerCommitment = m.Case.CaseID, schemas.Hash{}
	case *schemas.CaseAmendment:
		id, m.Amendment.Amends = m.Amendment.CaseID, schemas.Position{}
	case *schemas.SignedRecord:
		x := &m.Payload
		if x.Kind == schemas.RecordKindGenesis {
			return "", nil, nil
		}
		id = x.Case.Value.CaseID + x.Amendment.Value.CaseID
		x.PreviousRecordHash, x.Sequence, x.Source, x.Amendment.Value.Amends, x.Case.Value.CustomerCommitment = schemas.Hash{}, 0, schemas.Position{}, schemas.Position{}, schemas.Hash{}
		m.KeyID, m.Signature = schemas.KeyID{}, schemas.Signature{}
	case *schemas.WorkItem:
		id = m.CaseID
	case *schemas.Escalation:
		id = m.CaseID
	case *schemas.SegmentAlert:
		id, m.RecordSequence, m.Episode.Value.Heads = m.CaseID.Value, schemas.Optional[int64]{}, nil
	case *schemas.MetricRecord:
		m.Heads, m.KeyID, m.Signature = nil, schemas.KeyID{}, schemas.Signature{} // what it was computed from, and what is over that
	}
	return id, m.AppendAvro(nil), nil
}
