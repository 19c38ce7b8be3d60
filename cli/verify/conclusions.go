package verify

import (
	"bytes"
	"fmt"
	"hash/maphash"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// conclusions is what the router has said in one partition of case.conclusions, which is read beside the ledger.
type conclusions struct {
	*cursor
	message schemas.Message // the next conclusion, amendment or policy
	start   int64           // the first offset that is still there
	taken   bool            // some have been compared
	last    map[uint64]last // the last record of each case, by the hash of its id
	body    []byte
	again   []byte
}

type last struct {
	source      record.Source
	concludedAt int64
}

func (v *run) openConclusions(l *ledger) (err error) {
	tp := stage.TopicPartition{Topic: pipelines.CaseConclusions, Partition: l.partition}
	l.said = &conclusions{last: map[uint64]last{}}
	if l.said.start, err = v.start(tp); err != nil {
		return err
	}
	l.said.cursor = v.open(tp, &v.i1)
	v.nextConclusion(l.said)
	return nil
}

// nextConclusion goes to the next message that makes a record.
func (v *run) nextConclusion(c *conclusions) {
	for ; c.ok; c.advance() {
		if c.head.Stage != pipelines.Router || v.is(c.head, "casetrail.Tick") {
			continue
		}
		m, err := v.Codec.Decode(c.head.Value)
		if err != nil {
			v.i1.fault("%s/%d offset %d: %v", c.head.Topic, c.head.Partition, c.head.Offset, err)
			continue
		}
		c.message = m
		return
	}
	c.message = nil
}

// signed is the last step of I1: the record says what the router said at its source, and nothing that the router said
// before has been left out.
func (v *run) signed(l *ledger, s *record.Signed) error {
	v.recorded.Add(&s.Record)
	if l.said == nil {
		if err := v.openConclusions(l); err != nil {
			return err
		}
	}
	c := l.said
	switch s.Kind {
	case record.KindCase, record.KindAmendment, record.KindPolicy, record.KindKeyRotation, record.KindSeal, record.KindErasure:
	default:
		return nil // nothing of the router's
	}
	c.follows(v, s)
	v.i1.Count++
	at := stage.Position(s.Source)
	for ; c.ok && at.After(c.head.Position); v.skipConclusion(c) {
		if l.void(l.judges(s.Ledger), c.message, s.Sequence) {
			continue
		}
		v.i1.fault("%s/%d offset %d: %s of %v is not in the ledger", c.head.Topic, c.head.Partition, c.head.Offset, about(c.message), c.head.Position)
	}
	if !c.ok || c.head.Position != at {
		if c.taken || c.start == 0 {
			v.i1.fault("%s sequence %d: it is of %v, where the router said nothing", s.Ledger, s.Sequence, at)
		} else if s.Sequence == 1 {
			v.i1.note("%s/%d begins at offset %d: what the ledger has of before could not be compared", pipelines.CaseConclusions, l.partition, c.start)
		}
		return nil
	}
	if err := l.same(s); err != nil {
		v.i1.fault("%s sequence %d: %v", s.Ledger, s.Sequence, err)
	}
	v.skipConclusion(c)
	return c.err
}

func (v *run) skipConclusion(c *conclusions) {
	c.taken = true
	c.advance()
	v.nextConclusion(c)
}

// follows checks what the ledger says by itself: a case has one record at a time, and what is amended is there.
func (c *conclusions) follows(v *run, s *record.Signed) {
	switch s.Kind {
	case record.KindCase:
		id := maphash.String(seed, s.Case.CaseID)
		if before, ok := c.last[id]; ok && s.Case.OpenedAt < before.concludedAt {
			v.i1.fault("%s sequence %d: case %s has a second record", s.Ledger, s.Sequence, s.Case.CaseID)
		}
		c.last[id] = last{s.Source, s.Case.ConcludedAt}
	case record.KindAmendment:
		if c.last[maphash.String(seed, s.Amendment.CaseID)].source != s.Amendment.Amends {
			v.i1.fault("%s sequence %d: amends case %s at %v, which is not its record", s.Ledger, s.Sequence, s.Amendment.CaseID, s.Amendment.Amends)
		}
	}
}

// same tells whether a record holds what the router said, to the byte.
func (l *ledger) same(s *record.Signed) error {
	c := l.said
	if o, ok := c.message.(*schemas.LedgerOrder); ok {
		return l.follows(o, s)
	}
	var rec schemas.ConductRecord
	if err := rec.DecodeAvro(s.Payload); err != nil {
		return err
	}
	var theirs, ours schemas.Message
	switch m := c.message.(type) {
	case *schemas.CaseConclusion:
		theirs, ours = &m.Case, &rec.Case.Value
	case *schemas.CaseAmendment:
		theirs, ours = &m.Amendment, &rec.Amendment.Value
	case *schemas.PolicyApplied:
		theirs, ours = &m.Policy, &rec.Policy.Value
	default:
		return fmt.Errorf("is of %v, where the router said %s", s.Source, c.message.AvroName())
	}
	c.body, c.again = theirs.AppendAvro(c.body[:0]), ours.AppendAvro(c.again[:0])
	if !bytes.Equal(c.body, c.again) {
		return fmt.Errorf("says something else than the router of %v: %s", s.Source, fields(ours, theirs))
	}
	return nil
}

// about names what a message of the router is about.
func about(m schemas.Message) string {
	switch m := m.(type) {
	case *schemas.CaseConclusion:
		return "the conclusion of case " + m.Case.CaseID
	case *schemas.CaseAmendment:
		return "an amendment of case " + m.Amendment.CaseID
	case *schemas.PolicyApplied:
		return "policy " + m.Policy.Version
	case *schemas.LedgerOrder:
		return fmt.Sprintf("the order %v", m.Order)
	}
	return m.AvroName()
}

// unsigned counts what the signer has not come to yet: all that is left of case.conclusions, and checkpoints. A tick asks for
// a checkpoint where there are records that none covers, a second after the last one.
func (v *run) unsigned(l *ledger) error {
	if l.said == nil {
		if err := v.openConclusions(l); err != nil {
			return err
		}
	}
	c := l.said
	for ; c.ok; v.skipConclusion(c) {
		if l.chains != nil && l.void(l.due(), c.message, l.due().Size()) {
			continue
		}
		v.i1.pending("%s/%d offset %d: %s is not in the ledger", c.head.Topic, c.head.Partition, c.head.Offset, about(c.message))
	}
	if n := l.taken - l.covered; n > 0 {
		v.i2.pending("%s: no checkpoint covers its last %d records", l.newest().Ledger(), n)
	}
	return c.err
}
