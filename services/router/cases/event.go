package cases

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/casetrail/casetrail/pipelines/inject"
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
	case schemas.EventKindCaseTypeCorrected:
		r.corrected(c, e, at)
	}
	return nil
}

func outcome(e *schemas.CaseEvent, otherwise schemas.Outcome) schemas.Outcome {
	if e.Outcome.Set {
		return e.Outcome.Value
	}
	return otherwise
}

// open begins a case with the customer's first message. It has no type yet: see settle.
func (r *Router) open(e *schemas.CaseEvent, at int64) *schemas.CaseState {
	c := &schemas.CaseState{ActiveAt: at, AwaitingContent: true}
	c.Case = schemas.ConductCase{Workflow: r.policy.Workflow, CaseID: strings.Clone(e.CaseID), CaseType: guard.Unknown, OpenedAt: at}
	if e.CustomerCommitment.Set {
		c.Case.CustomerCommitment = e.CustomerCommitment.Value
	}
	r.cases[c.Case.CaseID] = c
	r.timers.set(due(r.policy, c), c.Case.CaseID)
	return c
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
		if !c.AwaitingContent || inject.GreetingCounts.Is() { // a greeting may be answered by anyone
			c.Case.AIMessages++
		}
		r.guardAI(c, e, at)
	case schemas.SenderHuman:
		c.Case.HumanMessages++
		r.joined(c, at)
	}
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
	if c.Case.Handler != schemas.HandlerAI {
		return
	}
	c.Case.Handler, c.Case.Route, c.Questions = schemas.HandlerHuman, schemas.RouteAIThenEscalated, nil
	if c.AwaitingContent {
		c.AwaitingContent, c.Reason = false, schemas.RouteReasonCaseTypeUnknown
	}
}

// late takes what comes after the conclusion: a rating or a complaint amends it, a correction of the type changes nothing
// any more, anything else goes back.
func (r *Router) late(c *schemas.CaseState, e *schemas.CaseEvent, at int64) error {
	if e.Kind == schemas.EventKindCaseTypeCorrected {
		return nil
	}
	if e.Kind != schemas.EventKindRating && e.Kind != schemas.EventKindComplaint {
		return fmt.Errorf("%s of %s for case %q, concluded %d ms before; open a new case for a new matter: %w",
			e.Kind, e.Sender, e.CaseID, at-c.Case.ConcludedAt, ErrCaseClosed)
	}
	if !inject.AmendmentDropped.Is() {
		r.amend(c, e, at)
	}
	return nil
}
