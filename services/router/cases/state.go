package cases

import (
	"errors"
	"fmt"
	"slices"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/router/guard"
)

// stateKey is the key of the RouterState in case.state: a byte that no case id may hold.
var stateKey = []byte{0}

// touch marks a case as changed in this step.
func (r *Router) touch(c *schemas.CaseState) {
	if _, ok := r.isDirty[c.Case.CaseID]; !ok {
		r.isDirty[c.Case.CaseID] = struct{}{}
		r.dirty = append(r.dirty, c.Case.CaseID)
		r.weight += stateWeight + seenWeight*len(c.Seen) + questionWeight*len(c.Questions)
	}
}

// What a case weighs in the changelog, in bytes, at most: all else, each event id that it remembers, each question.
const (
	stateWeight    = 1200
	seenWeight     = 10
	questionWeight = 56
)

// Weight implements stage.Weigher.
func (r *Router) Weight() int { return r.weight }

// Checkpoint implements stage.Checkpointer: the cases that changed, a tombstone for those no longer held, and where the
// router stands. It is one batch, so that state and position can't part. All of it has the position of the last input.
func (r *Router) Checkpoint() []stage.Record {
	at := stage.Position{Partition: r.partition, Offset: r.nextOffset - 1}
	out := make([]stage.Record, 0, len(r.dirty)+1)
	for _, id := range r.dirty {
		rec := stage.Record{Topic: pipelines.CaseStates, Partition: r.partition, Key: []byte(id), Position: at}
		if c := r.cases[id]; c != nil {
			rec.Value = r.encode(pipelines.CaseStates, c)
		}
		out = append(out, rec)
	}
	clear(r.isDirty)
	r.dirty, r.weight = r.dirty[:0], 0
	return append(out, stage.Record{Topic: pipelines.CaseStates, Partition: r.partition, Key: stateKey,
		Value: r.encode(pipelines.CaseStates, r.state()), Position: at})
}

func (r *Router) state() *schemas.RouterState {
	s := &schemas.RouterState{NextOffset: r.nextOffset, Now: r.clock.now, Promised: r.clock.promised,
		Sources: int32(len(r.clock.ticks)), Ticks: r.clock.ticks, Policy: r.published}
	for _, p := range r.applied {
		s.Applied = append(s.Applied, position(p))
	}
	slices.SortFunc(s.Applied, func(a, b schemas.Position) int { return int(a.Partition) - int(b.Partition) })
	return s
}

// Recover implements stage.Handler: the state is the router's own changelog.
func (r *Router) Recover(log stage.Log) (map[stage.TopicPartition]int64, error) {
	tp := stage.TopicPartition{Topic: pipelines.CaseStates, Partition: r.partition}
	_, err := log.Read(tp, 0, func(rec stage.Record) error {
		// A batch from before what is restored is of an earlier owner whom no claim stopped. Changelogs of old have
		// position 0 on all but the router's own state.
		if at := rec.Position.Offset; at > 0 && at < r.nextOffset-1 && !inject.ReaderFilterOff.Is() {
			return nil
		}
		if rec.Value == nil {
			delete(r.cases, string(rec.Key))
			return nil
		}
		return r.restore(rec)
	})
	if err != nil {
		return nil, fmt.Errorf("restore the router's state of partition %d: %w", r.partition, err)
	}
	if err := r.promiseKept(log); err != nil {
		return nil, err
	}
	if r.published.Set { // once, not for every step that the changelog tells of
		if r.policy, err = guard.Parse([]byte(r.published.Value.Document)); err != nil {
			return nil, fmt.Errorf("restore the policy of partition %d from case.state: %w", r.partition, err)
		}
	}
	if !inject.TimerLost.Is() {
		r.timers.rebuild(r.policy, r.cases)
	}
	return map[stage.TopicPartition]int64{{Topic: pipelines.CaseEvents, Partition: r.partition}: r.nextOffset}, nil
}

// ErrLost says that conclusions that were published are gone.
var ErrLost = errors.New("it has lost its tail: restore it from a backup; the router does not go on, as the cases that were concluded there would be in no ledger")

// promiseKept refuses a case.conclusions that ends before the time up to which the changelog says that it is complete: it was
// written first. The state has moved on, so what is missing can't be made again. A log that retention has emptied tells nothing.
func (r *Router) promiseKept(log stage.Log) error {
	tp := stage.TopicPartition{Topic: pipelines.CaseConclusions, Partition: r.partition}
	last, ok, err := log.Last(tp, pipelines.Router, r.partition)
	if err != nil || !ok {
		return err
	}
	said := int64(-1)
	for window := int64(200); said < r.clock.promised; window *= 4 {
		from := max(0, last.Offset+1-window)
		_, err := log.Read(tp, from, func(in stage.Record) error {
			var t schemas.Tick
			if in.Stage == pipelines.Router && r.codec.DecodeInto(in.Value, &t) == nil {
				said = max(said, t.Time)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if from == 0 { // an owner whom no claim stopped may have said much again since
			break
		}
	}
	if said >= 0 && said < r.clock.promised {
		return fmt.Errorf("%s/%d is complete up to %d ms since 1970, and %s says that it was up to %d: %w", tp.Topic, tp.Partition, said, pipelines.CaseStates, r.clock.promised, ErrLost)
	}
	return nil
}

func (r *Router) restore(rec stage.Record) error {
	m, err := r.codec.Decode(rec.Value)
	if err != nil {
		return fmt.Errorf("%s/%d offset %d: %w", rec.Topic, rec.Partition, rec.Offset, err)
	}
	switch s := m.(type) {
	case *schemas.CaseState:
		r.cases[s.Case.CaseID] = s
	case *schemas.RouterState:
		r.nextOffset, r.published = s.NextOffset, s.Policy
		r.clock = clock{ticks: s.Ticks, now: s.Now, promised: s.Promised}
		clear(r.applied)
		for _, p := range s.Applied {
			r.applied[p.Partition] = stage.Position{Partition: p.Partition, Offset: p.Offset, Ordinal: p.Ordinal}
		}
	}
	return nil
}
