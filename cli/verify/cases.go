package verify

import (
	"fmt"
	"slices"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/router/guard"
)

// outputs are the topics that the router writes, but for its state.
var outputs = []string{pipelines.WorkAI, pipelines.WorkHuman, pipelines.CaseEscalations, pipelines.CaseConclusions, pipelines.ChatRejects}

// shadow goes through one partition of case.events beside what the router wrote because of it.
type shadow struct {
	*run
	*casebook
	partition int32
	done      int64 // the router has done everything before this offset of case.events
	wrote     []*cursor
	told      []told // because of the message in hand
	past      *past  // nil where case.events is there from its first message on
	name      string // the message in hand, for faults
}

// checkCases is I1, but for its last step, and I6: it derives from case.events what must follow, message by message, and
// holds it against what did.
func (v *run) checkCases() error {
	n, err := v.Topics.Partitions(v.ctx, pipelines.CaseEvents)
	for p := int32(0); p < n && err == nil; p++ {
		s := &shadow{run: v, casebook: newCasebook(), partition: p}
		err = s.check()
	}
	return err
}

func (s *shadow) check() error {
	state, err := s.routerState()
	if err != nil {
		return err
	}
	s.done = state.NextOffset
	tp := stage.TopicPartition{Topic: pipelines.CaseEvents, Partition: s.partition}
	if s.past, err = s.forget(tp, state); err != nil {
		return err
	}
	for _, topic := range outputs {
		c := s.open(stage.TopicPartition{Topic: topic, Partition: s.partition}, s.checkOf(topic))
		defer c.stop()
		s.wrote = append(s.wrote, c)
	}
	if s.past != nil {
		s.collect(s.past.start) // its causes are not there any more
	}
	s.told = nil
	if _, err = s.follow(tp, &s.i1, s.message); err != nil {
		return err
	}
	s.collect(s.done)
	s.unexplained("which nothing in case.events calls for")
	s.overdue("is overdue")
	for _, c := range s.wrote {
		if c.err != nil {
			return c.err
		}
	}
	return nil
}

// checkOf is the check that a topic of the router's belongs to.
func (s *shadow) checkOf(topic string) *Check {
	if topic == pipelines.CaseConclusions || topic == pipelines.ChatRejects {
		return &s.i1
	}
	return &s.i6
}

// routerState is the router's word on how far it has come. It writes it when all that it did before is durable.
func (s *shadow) routerState() (state schemas.RouterState, err error) {
	_, err = s.Topics.Read(s.ctx, stage.TopicPartition{Topic: pipelines.CaseStates, Partition: s.partition}, func(r stage.Record) error {
		if r.Stage != pipelines.Router || len(r.Key) != 1 || r.Key[0] != 0 || r.Position.Offset < state.NextOffset {
			return nil
		}
		return s.Codec.DecodeInto(r.Value, &state)
	})
	if err != nil {
		err = fmt.Errorf("read %s/%d: %w", pipelines.CaseStates, s.partition, err)
	}
	return state, err
}

// message takes the next message of case.events.
func (s *shadow) message(in stage.Record) error {
	m, err := s.Codec.Decode(in.Value)
	if err == nil {
		s.took(in, m)
	}
	if in.Offset >= s.done {
		if _, tick := m.(*schemas.Tick); !tick {
			s.i1.pending("case.events/%d offset %d: the router has not come to it", s.partition, in.Offset)
		}
		return nil
	}
	s.collect(in.Offset)
	s.unexplained("which nothing in case.events calls for")
	s.collect(in.Offset + 1)
	s.name = fmt.Sprintf("case.events/%d offset %d", s.partition, in.Offset)
	s.inOrder()
	switch m := m.(type) {
	case *schemas.Tick:
		if m.Sources > 0 && m.Source >= 0 && m.Source < m.Sources {
			s.tick(m)
			s.timers()
			s.settle()
			return nil
		}
	case *schemas.CaseEvent:
		if in.Stage == pipelines.Intake {
			s.happened(m, in)
			s.settle()
			s.unexplained("which " + s.name + " does not call for")
			return nil
		}
	case *schemas.LedgerOrder:
		if in.Stage == pipelines.Intake {
			s.must("an operator's order", []effect{ordered(m)})
			s.unexplained("which the order of " + s.name + " does not call for")
			return nil
		}
	case *schemas.PolicyChange:
		if s.apply(m) {
			s.unexplained("which the policy of " + s.name + " does not call for")
			return nil
		}
	}
	s.effects = s.effects[:0]
	s.must("a message that no one can take", s.reject(""))
	s.unexplained("which " + s.name + " does not call for")
	return nil
}

// collect takes what the router wrote because of the messages before an offset.
func (s *shadow) collect(before int64) {
	s.told = s.told[:0]
	for _, c := range s.wrote {
		for ; c.ok && (c.head.Stage != pipelines.Router || c.head.Position.Offset < before); c.advance() {
			switch check := s.checkOf(c.head.Topic); {
			case c.head.Stage == pipelines.Router && c.head.Position.Partition == s.partition:
				t, err := s.tell(c.head)
				if err != nil {
					check.fault("%s/%d offset %d: %v", c.head.Topic, s.partition, c.head.Offset, err)
				}
				s.told = append(s.told, t)
			case c.head.Topic != pipelines.ChatRejects && c.head.Topic != pipelines.CaseConclusions: // there, nobody takes it
				check.fault("%s/%d offset %d: not written by the router of this partition", c.head.Topic, s.partition, c.head.Offset)
			}
		}
	}
	slices.SortFunc(s.told, func(a, b told) int {
		if a.position == b.position {
			return 0
		}
		if a.position.After(b.position) {
			return 1
		}
		return -1
	})
}

// inOrder: what one message causes is numbered without gaps.
func (s *shadow) inOrder() {
	for i, t := range s.told {
		if t.position.Ordinal != int32(i) {
			s.checkOf(t.topic).fault("%s: of what it caused, number %d is missing; number %d is %v", s.name, i, t.position.Ordinal, t.effect)
			return
		}
	}
}

// happened holds what an event must cause against what it did.
func (s *shadow) happened(e *schemas.CaseEvent, in stage.Record) {
	what := fmt.Sprintf("%s of %s, event %s of case %s", e.Kind, e.Sender, e.EventID, e.CaseID)
	if s.past.knows(s, e) {
		s.told = slices.DeleteFunc(s.told, func(t told) bool { return t.caseID == e.CaseID || t.topic == pipelines.ChatRejects })
		return
	}
	human := s.cases[e.CaseID] != nil && s.cases[e.CaseID].human
	must, original := s.event(e, in)
	if original != nil {
		s.accounts[in.Position.Partition].duplicates++
		s.i5.note("chat.events/%d offset %d is a duplicate of offset %d: event %s of case %s", in.Position.Partition, in.Position.Offset, original.Offset, e.EventID, e.CaseID)
	}
	s.must(what, must)
	for _, t := range s.told {
		if t.topic == pipelines.WorkAI && (human || s.cases[t.caseID] == nil || s.cases[t.caseID].human) {
			s.i6.fault("%s/%d offset %d: work for an AI on case %s, which is a human's", t.topic, s.partition, t.offset, t.caseID)
		}
	}
}

// must expects effects among what the message in hand caused. What is left of that is not explained.
func (s *shadow) must(what string, want []effect) {
	for _, w := range want {
		s.checkOf(w.topic).Count++
	}
	missing, rest := match(want, s.told)
	s.told = rest
	for _, m := range missing {
		i := slices.IndexFunc(s.told, func(t told) bool { return t.unlike(m) != "" })
		if i < 0 {
			s.checkOf(m.topic).fault("%s (%s) must cause %v, which is not there", s.name, what, m)
			continue
		}
		s.checkOf(m.topic).fault("%s/%d offset %d, by %s (%s): %s of case %s: %s", m.topic, s.partition, s.told[i].offset, s.name, what, m.what, m.caseID, s.told[i].unlike(m))
		s.told = slices.Delete(s.told, i, i+1)
	}
}

// unexplained reports what the router wrote and nothing has asked for.
func (s *shadow) unexplained(why string) {
	for _, t := range s.told {
		if t.topic != "" {
			s.checkOf(t.topic).fault("%s/%d offset %d: %v, %s", t.topic, s.partition, t.offset, t.effect, why)
		}
	}
	s.told = s.told[:0]
}

// apply puts a policy in force, if it is one.
func (s *shadow) apply(c *schemas.PolicyChange) bool {
	p, err := guard.Parse([]byte(c.Document))
	if err != nil {
		return false
	}
	s.overdue("was overdue when the policy changed")
	s.policy, s.changed = p, s.promised
	s.effects = append(s.effects[:0], effect{topic: pipelines.CaseConclusions, what: "policy " + p.Version, at: s.now})
	s.must("policy "+c.Version, s.effects)
	return true
}
