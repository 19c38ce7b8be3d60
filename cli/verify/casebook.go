package verify

import (
	"hash/maphash"
	"slices"
	"time"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/router/guard"
)

// casebook tells what must follow from the events of one partition: the life of a case as docs/architecture.md has it, written down
// a second time. It shares nothing with the router but the form of a policy.
type casebook struct {
	policy  *guard.Policy
	cases   map[string]*entry
	effects []effect // of the event in hand
	ended   []*entry // cases with a breach or a request that were concluded since the last settle

	sources  map[int32]int64 // the last tick of each source
	count    int32           // of sources
	now      int64           // the least of them; 0 until all have ticked
	promised int64           // the last tick that the router passed on
	changed  int64           // what was promised when the policy changed last: a timer may be overdue from then
}

// entry is one case, from its opening to the end of its time for amendments.
type entry struct {
	schemas.ConductCase
	active    int64 // its last event
	negatives int
	awaiting  bool      // nothing is known of its matter yet
	questions [][]int64 // the latest that the AI was asked
	concluded bool
	source    schemas.Position // of the conclusion
	seen      []seen           // the events that it has, the latest 512
	human     bool             // it is a human's, for good
	routed    *guard.Policy    // by which it was
}

// seen is an event that was taken: its id's hash, and where in chat.events it stands.
type seen struct {
	id uint64
	at stage.Position
}

// maxSeen is how many events of a case are remembered, by the promise in case_state.avsc.
const maxSeen = 512

func newCasebook() *casebook {
	return &casebook{policy: guard.None(), cases: map[string]*entry{}, sources: map[int32]int64{}}
}

// tick takes a source's promise to be complete up to a time.
func (b *casebook) tick(t *schemas.Tick) {
	b.count = max(b.count, t.Sources)
	b.sources[t.Source] = max(b.sources[t.Source], t.Time)
	if int32(len(b.sources)) < b.count {
		return
	}
	least := t.Time
	for _, at := range b.sources {
		least = min(least, at)
	}
	b.now = max(b.now, least)
}

func ms(d time.Duration) int64 { return d.Milliseconds() }

// due is when something happens to a case by itself, and whether that is the duration tripwire.
func (b *casebook) due(c *entry) (at int64, duration bool) {
	if c.concluded {
		return c.ConcludedAt + ms(b.policy.Amendments), false
	}
	at = c.active + ms(b.policy.IdleClose)
	if d := b.policy.Tripwires.Duration; d > 0 && c.Handler == schemas.HandlerAI && c.OpenedAt+ms(d) < at {
		return c.OpenedAt + ms(d), true
	}
	return at, false
}

// expire lets happen what is due by a time. It tells whether the case is still there.
func (b *casebook) expire(c *entry, by int64, source schemas.Position) bool {
	for {
		at, duration := b.due(c)
		switch {
		case at > by:
			return true
		case c.concluded:
			delete(b.cases, c.CaseID)
			return false
		case duration:
			b.pullIn(c, "", []schemas.Signal{schemas.SignalDuration}, max(at, b.promised))
		default:
			b.conclude(c, schemas.OutcomeAbandoned, max(at, b.promised), source)
		}
	}
}

// event takes an event that stands at a source position and gives what it must cause. original is where the event stands that it is a
// duplicate of.
func (b *casebook) event(e *schemas.CaseEvent, in stage.Record) (effects []effect, original *stage.Position) {
	b.effects = b.effects[:0]
	at, source := max(e.ObservedAt, b.now), schemas.Position{Partition: in.Partition, Offset: in.Offset}
	c := b.cases[e.CaseID]
	if c != nil && !b.expire(c, at, source) {
		c = nil
	}
	if c == nil {
		if e.Kind != schemas.EventKindMessage || e.Sender != schemas.SenderCustomer {
			return b.reject("no_case"), nil
		}
		c = b.openCase(e, at)
	}
	at = max(at, c.active)
	id := maphash.String(seed, e.EventID)
	if i := slices.IndexFunc(c.seen, func(s seen) bool { return s.id == id }); i >= 0 {
		return b.effects, &c.seen[i].at
	}
	if len(c.seen) == maxSeen {
		c.seen = slices.Delete(c.seen, 0, 1)
	}
	c.seen = append(c.seen, seen{id, in.Position})
	if c.concluded {
		return b.late(c, e, at), nil
	}
	c.active = at
	c.Synthetic = c.Synthetic || e.Synthetic
	b.take(c, e, at, source)
	return b.effects, nil
}

// take lets an event happen to an open case.
func (b *casebook) take(c *entry, e *schemas.CaseEvent, at int64, source schemas.Position) {
	if e.Sender == schemas.SenderAI && (e.Kind == schemas.EventKindMessage || e.Kind == schemas.EventKindResolved) {
		b.byAI(c, e, at)
	}
	switch e.Kind {
	case schemas.EventKindMessage:
		switch e.Sender {
		case schemas.SenderCustomer:
			b.byCustomer(c, e, at)
		case schemas.SenderAI:
			if !c.awaiting { // it may greet
				c.AIMessages++
			}
		case schemas.SenderHuman:
			c.HumanMessages++
			b.join(c, at)
		}
	case schemas.EventKindAgentJoined:
		b.join(c, at)
	case schemas.EventKindRating:
		c.CustomerSatisfactionScore = e.Rating
	case schemas.EventKindComplaint:
		c.ComplaintLodged = true
	case schemas.EventKindResolved:
		b.conclude(c, or(e.Outcome, schemas.OutcomeResolvedUnconfirmed), at, source)
	case schemas.EventKindCaseTypeCorrected:
		b.corrected(c, e, at)
	case schemas.EventKindClosed:
		b.conclude(c, or(e.Outcome, schemas.OutcomeUnresolved), at, source)
	}
}

func or[T any](v schemas.Optional[T], otherwise T) T {
	if v.Set {
		return v.Value
	}
	return otherwise
}

// openCase opens a case with the customer's first message, which is still to be taken.
func (b *casebook) openCase(e *schemas.CaseEvent, at int64) *entry {
	c := &entry{active: at, awaiting: true, ConductCase: schemas.ConductCase{Workflow: b.policy.Workflow, CaseID: e.CaseID, CaseType: unknown,
		OpenedAt: at, CustomerCommitment: e.CustomerCommitment.Value}}
	b.cases[c.CaseID] = c
	return c
}

// byAI is an AI's message or resolution: on a case that a human has, the first one is a breach of the guard.
func (b *casebook) byAI(c *entry, e *schemas.CaseEvent, at int64) {
	if e.AIModelVersion.Set {
		c.AIModelVersion = e.AIModelVersion
	}
	if c.Handler == schemas.HandlerHuman && !c.GuardBreach {
		c.GuardBreach = true
		b.escalation(c, e.EventID, schemas.SignalGuardBreach, at)
	}
}

func (b *casebook) join(c *entry, at int64) {
	if !c.HumanJoinedAt.Set {
		c.HumanJoinedAt = schemas.Some(at)
	}
	b.toHuman(c)
}

func (b *casebook) toHuman(c *entry) {
	if c.Handler == schemas.HandlerAI {
		c.Handler, c.Route, c.awaiting, c.questions = schemas.HandlerHuman, schemas.RouteAIThenEscalated, false, nil
	}
	c.human = true
}

// pullIn gives the case to a human: one Escalation for each wire, one handoff.
func (b *casebook) pullIn(c *entry, event string, signals []schemas.Signal, at int64) {
	b.toHuman(c)
	for _, s := range signals {
		b.escalation(c, event, s, at)
	}
	b.workFor(c, schemas.WorkKindHandoff, event, at)
}

func (b *casebook) escalation(c *entry, event string, s schemas.Signal, at int64) {
	if !c.EscalatedAt.Set {
		c.EscalatedAt = schemas.Some(at)
	}
	c.EscalationTriggered = true
	c.EscalationSignals = append(c.EscalationSignals, s)
	b.effects = append(b.effects, effect{topic: pipelines.CaseEscalations, caseID: c.CaseID, event: event, what: s.String(), at: at})
}

func (b *casebook) workFor(c *entry, kind schemas.WorkKind, event string, at int64) {
	topic := pipelines.WorkAI
	if c.Handler == schemas.HandlerHuman {
		topic = pipelines.WorkHuman
	}
	b.effects = append(b.effects, effect{topic: topic, caseID: c.CaseID, event: event, what: kind.String(), at: at})
}

// conclude ends the case. The conclusion's ordinal is the number of what was caused before it.
func (b *casebook) conclude(c *entry, o schemas.Outcome, at int64, source schemas.Position) {
	c.ResolutionOutcome, c.ConcludedAt, c.concluded = o, at, true
	c.source = source
	c.source.Ordinal += int32(len(b.effects))
	b.effects = append(b.effects, concluded(&c.ConductCase))
	if c.GuardBreach || c.HumanRequestedAt.Set {
		b.ended = append(b.ended, c)
	}
}

// late is an event after the conclusion: a rating or a complaint amends it, a correction of the type
// is too late, all else goes back.
func (b *casebook) late(c *entry, e *schemas.CaseEvent, at int64) []effect {
	a := schemas.ConductAmendment{Amends: c.source, CaseID: c.CaseID, CaseType: c.CaseType, Route: c.Route, Handler: c.Handler, AmendedAt: at, Synthetic: e.Synthetic}
	switch e.Kind {
	case schemas.EventKindRating:
		a.CustomerSatisfactionScore = e.Rating
	case schemas.EventKindComplaint:
		a.ComplaintLodged = true
	case schemas.EventKindCaseTypeCorrected:
		return b.effects // too late to change anything
	default:
		return b.reject("case_closed")
	}
	b.effects = append(b.effects, amended(&a))
	return b.effects
}

// reject gives what must follow from what nobody can take; any reason fits the empty one.
func (b *casebook) reject(reason string) []effect {
	b.effects = append(b.effects, effect{topic: pipelines.ChatRejects, what: reason})
	return b.effects
}
