package erase

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// who is whom a message is about.
type who struct {
	ids         map[string]bool     // whether something of theirs was found
	commitments map[[32]byte]string // whose
	cases       map[string]bool     // theirs
	open        []string            // of those, the ones that are not over
	seen        bool                // there are messages of theirs that belong to no case
}

func newWho(ids []string) *who {
	w := &who{ids: map[string]bool{}, commitments: map[[32]byte]string{}, cases: map[string]bool{}}
	for _, id := range ids {
		w.ids[id] = false
	}
	return w
}

// has tells whether a commitment is of one of them, of whom something is found then.
func (w *who) has(commitment [32]byte) bool {
	id, ok := w.commitments[commitment]
	if ok {
		w.ids[id] = true
	}
	return ok
}

// strangers is of how many of them nothing was found.
func (w *who) strangers() (n int) {
	for _, found := range w.ids {
		if !found {
			n++
		}
	}
	return n
}

// find finds their cases in the ledgers, in the router's state and in what the topics still hold of their messages.
func (e *erasure) find() error {
	e.cases = 0
	err := e.Client.ReadAll(e.ctx, pipelines.ConductRecords, func(r stage.Record) error {
		var s record.Signed
		const frame = 5
		if len(r.Value) < frame || s.Decode(r.Value[frame:]) != nil {
			return nil // no record: verify says so
		}
		e.ledgers = record.Deployment(s.Ledger)
		if s.Kind == record.KindErasure {
			e.erased = max(e.erased, s.Erasure.ErasedAt)
		}
		if s.Kind == record.KindCase && e.who.has(s.Case.CustomerCommitment) {
			e.who.cases[s.Case.CaseID] = true
			e.journal.say(s.Case.CustomerCommitment)
			e.cases++
		}
		return nil
	})
	if err != nil {
		return err
	}
	if e.ledgers == "" {
		return errors.New("there is no ledger yet")
	}
	for _, topic := range []string{pipelines.ChatEvents, pipelines.CaseEvents, pipelines.ChatRejects} {
		if err := e.read(topic, e.learn); err != nil {
			return err
		}
	}
	return e.stillOpen()
}

// learn takes from a message which case is theirs.
func (e *erasure) learn(_ stage.Record, m schemas.Message) error {
	switch m := m.(type) {
	case *schemas.ChatEvent:
		if _, ok := e.who.ids[m.CustomerID.Value]; ok && m.CustomerID.Set {
			e.who.ids[m.CustomerID.Value], e.who.seen = true, true
			if m.CaseID != "" {
				e.who.cases[m.CaseID] = true
			}
		}
	case *schemas.CaseEvent:
		if m.CustomerCommitment.Set && e.who.has(m.CustomerCommitment.Value) {
			e.who.cases[m.CaseID] = true
		}
	case *schemas.ChatReject:
		inner, err := e.Codec.Decode(m.Value.Value)
		if err == nil {
			return e.learn(stage.Record{}, inner)
		}
		e.who.seen = e.who.seen || e.who.named(m.Value.Value)
	}
	return nil
}

// stillOpen finds which of their cases are open, by the router's changelog.
func (e *erasure) stillOpen() error {
	open := map[string]bool{}
	err := e.read(pipelines.CaseStates, func(r stage.Record, m schemas.Message) error {
		c, ok := m.(*schemas.CaseState)
		theirs := ok && (e.who.has([32]byte(c.Case.CustomerCommitment)) || e.who.cases[string(r.Key)])
		if theirs {
			e.who.cases[string(r.Key)] = true
		}
		if delete(open, string(r.Key)); theirs && !c.Concluded.Set {
			open[string(r.Key)] = true
		}
		return nil
	})
	e.who.open = e.who.open[:0]
	for id := range open {
		e.who.open = append(e.who.open, id)
	}
	slices.Sort(e.who.open)
	return err
}

// read calls fn for every message of a topic; with nil for one that is none.
func (e *erasure) read(topic string, fn func(stage.Record, schemas.Message) error) error {
	return e.Client.ReadAll(e.ctx, topic, func(r stage.Record) error {
		if r.Fault != nil || r.Value == nil {
			return fn(r, nil)
		}
		if err := e.Codec.Await(e.ctx, r.Value); err != nil {
			return fmt.Errorf("%s/%d offset %d: %w", r.Topic, r.Partition, r.Offset, err)
		}
		m, err := e.Codec.Decode(r.Value)
		if err != nil {
			m = nil
		}
		return fn(r, m)
	})
}

// theirs tells whether a message is of one of them: theirs, somebody else's in a case of theirs, or one that nobody can read and that
// has an id of theirs in it.
func (e *erasure) theirs(key, value []byte, m schemas.Message) bool {
	mine := e.who.cases[string(key)]
	switch m := m.(type) {
	case *schemas.ChatEvent:
		_, ok := e.who.ids[m.CustomerID.Value]
		return mine || e.who.cases[m.CaseID] || m.CustomerID.Set && ok
	case *schemas.CaseEvent:
		return mine || e.who.cases[m.CaseID] || m.CustomerCommitment.Set && e.who.has(m.CustomerCommitment.Value)
	case *schemas.WorkItem:
		return e.who.cases[m.CaseID] && (m.Text.Set || len(m.Because) > 0)
	case *schemas.ChatReject:
		inner, err := e.Codec.Decode(m.Value.Value)
		if err != nil {
			inner = nil
		}
		return mine || e.theirs(m.Key.Value, m.Value.Value, inner)
	case nil:
		return mine || e.who.named(key) || e.who.named(value)
	}
	return false // ticks, policies and orders
}

// named tells whether bytes that nobody can read have an id of theirs in them.
func (w *who) named(b []byte) bool {
	for id := range w.ids {
		if bytes.Contains(b, []byte(id)) {
			w.ids[id] = true
			return true
		}
	}
	return false
}
