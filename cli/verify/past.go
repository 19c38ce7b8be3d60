package verify

import (
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/router/guard"
)

// past is what is not known where the beginning of case.events is not there any more: cases that had begun by then are
// not derived.
type past struct {
	start   int64               // the first offset that is there
	unknown bool                // the policy in force, until the first one comes
	until   int64               // the time at which a case that had begun has spoken or is closed; 0 while no time is known
	cases   map[string]struct{} // that had begun
}

// forget finds out what is missing. The policy in force is the router's own, unless another one follows in the log.
func (s *shadow) forget(tp stage.TopicPartition, state schemas.RouterState) (*past, error) {
	start, err := s.start(tp)
	if err != nil || start == 0 {
		return nil, err
	}
	s.forgotten = true
	s.i1.note("case.events/%d begins at offset %d: cases that had begun by then are not derived", tp.Partition, start)
	p := &past{start: start, cases: map[string]struct{}{}}
	_, err = s.Topics.Read(s.ctx, tp, func(r stage.Record) error {
		p.unknown = p.unknown || s.is(r, "casetrail.PolicyChange")
		return nil
	})
	if state.Policy.Set && !p.unknown && err == nil {
		s.policy, err = guard.Parse([]byte(state.Policy.Value.Document))
	}
	return p, err
}

// timeless tells whether no time is known yet: the ticks that said how far the sources had come were before the beginning.
func (p *past) timeless(s *shadow) bool { return p != nil && s.now == 0 }

// knows tells whether a case is one of the past.
func (p *past) knows(s *shadow, e *schemas.CaseEvent) bool {
	if p == nil {
		return false
	}
	if _, old := p.cases[e.CaseID]; old {
		return true
	}
	if s.cases[e.CaseID] != nil {
		return false
	}
	p.unknown = p.unknown && s.changed == 0 && s.policy.Version == ""
	if p.until == 0 && s.now > 0 {
		p.until = s.now + ms(s.policy.IdleClose)
	}
	old := p.unknown || p.until == 0 || max(e.ObservedAt, s.now) < p.until || e.Kind != schemas.EventKindMessage || e.Sender != schemas.SenderCustomer
	for _, t := range s.told {
		old = old || t.topic == pipelines.ChatRejects && t.what == "case_closed"
	}
	if old {
		p.cases[e.CaseID] = struct{}{}
	}
	return old
}
