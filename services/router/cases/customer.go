package cases

import (
	"slices"
	"strings"

	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/router/guard"
	"github.com/casetrail/casetrail/services/router/tripwire"
)

// customer takes a customer's message: it may type the case, fire tripwires, and always makes one work item.
func (r *Router) customer(c *schemas.CaseState, e *schemas.CaseEvent, at int64) {
	c.Case.CustomerMessages++
	if (e.HumanRequest || e.SupervisorRequest) && !c.Case.HumanRequestedAt.Set {
		c.Case.HumanRequestedAt = schemas.Some(at)
	}
	if tripwire.Negative(r.policy, e) {
		c.NegativeMessages++
	}
	decided := r.typed(c, e)
	if c.Case.Handler == schemas.HandlerAI {
		if fired := tripwire.Message(r.policy, e, c.NegativeMessages, asked(c, e)); len(fired) > 0 {
			r.escalate(c, e, fired, decided, at)
			return
		}
	}
	kind := schemas.WorkKindReply
	if c.AwaitingContent {
		kind = schemas.WorkKindGreeting
	}
	r.work(c, e, kind, decided, at)
}

// typed tells whether the message gives the case its type. A case is typed once, by the first message with content; but
// what makes it human-only always counts, and what nothing was known about may become known.
func (r *Router) typed(c *schemas.CaseState, e *schemas.CaseEvent) bool {
	if c.AwaitingContent {
		return r.settle(c, e)
	}
	t := caseType(e)
	if t == c.Case.CaseType || c.Case.CaseType != guard.Unknown && (!tripwire.HumanOnly(r.policy, e) || r.policy.HumanOnly(c.Case.CaseType)) {
		return false
	}
	c.Case.CaseType, c.Case.ClassifierVersion = t, strings.Clone(e.ClassifierVersion)
	return true
}

// settle routes a case that has no type yet. While the customer says nothing of the matter, the AI may greet, and the case
// waits, up to the policy's bound; then the type decides, once.
func (r *Router) settle(c *schemas.CaseState, e *schemas.CaseEvent) bool {
	c.Case.PolicyVersion, c.Case.ClassifierVersion = r.policy.Version, strings.Clone(e.ClassifierVersion)
	c.AwaitingContent = e.Bare && r.policy.Waits(c.Case.CustomerMessages)
	if c.AwaitingContent {
		c.Case.Handler, c.Reason, c.Case.Route = schemas.HandlerAI, schemas.RouteReasonAwaitingContent, schemas.RouteAIHandled
		return false
	}
	c.Case.CaseType = caseType(e)
	c.Case.Handler, c.Reason = r.policy.Route(c.Case.CaseType, e.AIProbability)
	c.Case.Route = schemas.RouteHumanHandled
	if c.Case.Handler == schemas.HandlerAI {
		c.Case.Route = schemas.RouteAIHandled
	}
	return true
}

func caseType(e *schemas.CaseEvent) string {
	if !e.CaseType.Set || e.CaseType.Value == "" || e.Bare {
		return guard.Unknown
	}
	return strings.Clone(e.CaseType.Value)
}

// asked counts how often the customer has asked this message's question, this time included, and remembers it: the last
// few, which is as far back as a policy can look.
func asked(c *schemas.CaseState, e *schemas.CaseEvent) int32 {
	if len(e.Question) == 0 {
		return 0
	}
	n := int32(1)
	for _, q := range c.Questions {
		if tripwire.SameQuestion(q.Words, e.Question) {
			n++
		}
	}
	if len(c.Questions) == guard.MaxQuestions {
		c.Questions = slices.Delete(c.Questions, 0, 1)
	}
	c.Questions = append(c.Questions, schemas.QuestionSketch{Words: slices.Clone(e.Question)})
	return n
}

// corrected takes a human's word for the case's type. It takes from the AI a case that the AI may not have, and never gives
// it one; on a case that a human has it changes nothing, since the record says by what type the case was routed.
func (r *Router) corrected(c *schemas.CaseState, e *schemas.CaseEvent, at int64) {
	t := caseType(e)
	if c.Case.Handler != schemas.HandlerAI || inject.CorrectionNotHeard.Is() {
		return
	}
	if handler, _ := r.policy.Route(t, schemas.Some(1.0)); handler == schemas.HandlerAI {
		return
	}
	if t != guard.Unknown { // that a human can't tell either makes it no less what it was routed as
		c.Case.CaseType = t
	}
	r.escalate(c, e, []tripwire.Fired{tripwire.Corrected(t)}, false, at)
}
