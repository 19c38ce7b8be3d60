package cases

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/router/guard"
	"github.com/casetrail/casetrail/services/router/tripwire"
)

// maxSeen is how many event ids a case remembers.
const maxSeen = 512

// event takes one event of a case.
func (r *Router) event(e *schemas.CaseEvent) error {
	at := r.clock.at(e.ObservedAt)
	c := r.cases[e.CaseID]
	if c != nil && !r.expire(c, at) {
		c = nil
	}
	if c == nil {
		if e.Kind != schemas.EventKindMessage || e.Sender != schemas.SenderCustomer {
			return fmt.Errorf("%s of %s for case %q, which no customer's message has opened, or which was concluded too long ago to amend: %w",
				e.Kind, e.Sender, e.CaseID, ErrNoCase)
		}
		c = r.open(e, at)
	}
	at = max(at, c.ActiveAt) // sources differ in time; a case does not go back
	if !r.first(c, e.EventID) {
		r.duplicates++
		return nil
	}
	if c.Concluded.Set {
		return r.late(c, e, at)
	}
	c.ActiveAt = at
	c.Case.Synthetic = c.Case.Synthetic || e.Synthetic
	switch e.Kind {
	case schemas.EventKindMessage:
		r.message(c, e, at)
	case schemas.EventKindAgentJoined:
		r.joined(c, at)
	case schemas.EventKindRating:
		c.Case.CustomerSatisfactionScore = e.Rating
	case schemas.EventKindComplaint:
		c.Case.ComplaintLodged = true
	case schemas.EventKindResolved:
		r.guardAI(c, e, at)
		r.conclude(c, outcome(e, schemas.OutcomeResolvedUnconfirmed), at)
	case schemas.EventKindClosed:
		r.conclude(c, outcome(e, schemas.OutcomeUnresolved), at)
	}
	return nil
}

func outcome(e *schemas.CaseEvent, otherwise schemas.Outcome) schemas.Outcome {
	if e.Outcome.Set {
		return e.Outcome.Value
	}
	return otherwise
}

// open begins a case with the customer's first message: its type decides who handles it.
func (r *Router) open(e *schemas.CaseEvent, at int64) *schemas.CaseState {
	c := &schemas.CaseState{ActiveAt: at}
	c.Case = schemas.ConductCase{
		Workflow: r.policy.Workflow, CaseID: strings.Clone(e.CaseID), CaseType: caseType(e),
		ClassifierVersion: strings.Clone(e.ClassifierVersion), PolicyVersion: r.policy.Version, OpenedAt: at,
	}
	c.Case.Handler, c.Reason = r.policy.Route(c.Case.CaseType)
	c.Case.Route = schemas.RouteHumanHandled
	if c.Case.Handler == schemas.HandlerAI {
		c.Case.Route = schemas.RouteAIHandled
	}
	if e.CustomerCommitment.Set {
		c.Case.CustomerCommitment = e.CustomerCommitment.Value
	}
	r.cases[c.Case.CaseID] = c
	r.timers.set(due(r.policy, c), c.Case.CaseID)
	return c
}

func caseType(e *schemas.CaseEvent) string {
	if !e.CaseType.Set || e.CaseType.Value == "" {
		return guard.Unknown
	}
	return strings.Clone(e.CaseType.Value)
}

// first tells whether the case has not taken this event yet, and remembers it.
func (r *Router) first(c *schemas.CaseState, eventID string) bool {
	h := fnv.New64a()
	h.Write([]byte(eventID))
	id := int64(h.Sum64())
	if slices.Contains(c.Seen, id) {
		return false
	}
	if len(c.Seen) == maxSeen {
		c.Seen = c.Seen[:copy(c.Seen, c.Seen[1:])]
	}
	c.Seen = append(c.Seen, id)
	r.touch(c)
	return true
}

func (r *Router) message(c *schemas.CaseState, e *schemas.CaseEvent, at int64) {
	switch e.Sender {
	case schemas.SenderCustomer:
		r.customer(c, e, at)
	case schemas.SenderAI:
		c.Case.AIMessages++
		r.guardAI(c, e, at)
	case schemas.SenderHuman:
		c.Case.HumanMessages++
		r.joined(c, at)
	}
}

// customer takes a customer's message: it may type the case, fire tripwires, and always makes one work item.
func (r *Router) customer(c *schemas.CaseState, e *schemas.CaseEvent, at int64) {
	c.Case.CustomerMessages++
	if e.HumanRequest && !c.Case.HumanRequestedAt.Set {
		c.Case.HumanRequestedAt = schemas.Some(at)
	}
	if tripwire.Negative(r.policy, e) {
		c.NegativeMessages++
	}
	var fired []tripwire.Fired
	if c.Case.Handler == schemas.HandlerAI {
		fired = tripwire.Message(r.policy, e, c.NegativeMessages)
	}
	// A case is typed once, but what makes it human-only always counts.
	if t := caseType(e); t != c.Case.CaseType && (c.Case.CaseType == guard.Unknown || tripwire.HumanOnly(r.policy, e) && !r.policy.HumanOnly(c.Case.CaseType)) {
		c.Case.CaseType = t
	}
	if len(fired) > 0 {
		r.escalate(c, e, fired, at)
		return
	}
	r.work(c, e, schemas.WorkKindReply, at)
}

// guardAI counts an AI's act on a case that is not the AI's as a breach of the guard; the first one raises an escalation.
func (r *Router) guardAI(c *schemas.CaseState, e *schemas.CaseEvent, at int64) {
	if e.Sender != schemas.SenderAI {
		return
	}
	if e.AIModelVersion.Set {
		c.Case.AIModelVersion = schemas.Some(strings.Clone(e.AIModelVersion.Value))
	}
	if c.Case.Handler == schemas.HandlerAI || c.Case.GuardBreach {
		return
	}
	c.Case.GuardBreach = true
	r.escalation(c, e, tripwire.Breach(e, &c.Case), schemas.HandlerHuman, at)
}

// joined notes that a human is on the case. From then on it is not the AI's.
func (r *Router) joined(c *schemas.CaseState, at int64) {
	if !c.Case.HumanJoinedAt.Set {
		c.Case.HumanJoinedAt = schemas.Some(at)
	}
	r.takeOver(c)
}

func (r *Router) takeOver(c *schemas.CaseState) {
	if c.Case.Handler == schemas.HandlerAI {
		c.Case.Handler, c.Case.Route = schemas.HandlerHuman, schemas.RouteAIThenEscalated
	}
}

// late takes what comes after the conclusion: a rating or a complaint amends it, anything else goes back.
func (r *Router) late(c *schemas.CaseState, e *schemas.CaseEvent, at int64) error {
	if e.Kind != schemas.EventKindRating && e.Kind != schemas.EventKindComplaint {
		return fmt.Errorf("%s of %s for case %q, concluded %d ms before; open a new case for a new matter: %w",
			e.Kind, e.Sender, e.CaseID, at-c.Case.ConcludedAt, ErrCaseClosed)
	}
	r.amend(c, e, at)
	return nil
}
