package verify

import (
	"slices"

	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/router/guard"
)

const unknown = "unknown"

// byCustomer is a message of the customer: it may give the case its type, it makes work for whoever has the case, or it trips wires.
func (b *casebook) byCustomer(c *entry, e *schemas.CaseEvent, at int64) {
	c.CustomerMessages++
	if b.negative(e) {
		c.negatives++
	}
	if (e.HumanRequest || e.SupervisorRequest) && !c.HumanRequestedAt.Set {
		c.HumanRequestedAt = schemas.Some(at)
	}
	if c.awaiting {
		b.first(c, e)
	} else if t := caseType(e); t != c.CaseType && (c.CaseType == unknown || b.turns(e) && !slices.Contains(b.policy.Routes.HumanOnly, c.CaseType)) {
		c.CaseType, c.ClassifierVersion = t, e.ClassifierVersion // typed once, but what makes it human-only always counts
	}
	if c.Handler == schemas.HandlerAI {
		if tripped := b.tripped(c, e); len(tripped) > 0 {
			b.pullIn(c, e.EventID, tripped, at)
			return
		}
	}
	kind := schemas.WorkKindReply
	if c.awaiting {
		kind = schemas.WorkKindGreeting
	}
	b.workFor(c, kind, e.EventID, at)
}

// first takes a message of a case without a type. While it says nothing of the matter the case waits, and the AI may
// greet. Then the type decides who has it: the AI only what the policy says that the AI handles, if that is certain enough.
func (b *casebook) first(c *entry, e *schemas.CaseEvent) {
	p := b.policy
	ai := p.Version != "" && len(p.Routes.AIHandles) > 0
	c.PolicyVersion, c.ClassifierVersion, c.routed = p.Version, e.ClassifierVersion, p
	c.awaiting = ai && e.Bare && int(c.CustomerMessages) < p.Classification.WaitForContent
	if !c.awaiting {
		c.CaseType = caseType(e)
		ai = ai && b.mayHave(c.CaseType) && or(e.AIProbability, 1) >= p.Classification.AIThreshold
	}
	c.Handler, c.Route, c.human = schemas.HandlerHuman, schemas.RouteHumanHandled, !ai
	if ai {
		c.Handler, c.Route = schemas.HandlerAI, schemas.RouteAIHandled
	}
}

// mayHave tells whether the policy gives a case type to the AI.
func (b *casebook) mayHave(caseType string) bool {
	return b.policy.Version != "" && slices.Contains(b.policy.Routes.AIHandles, caseType)
}

func caseType(e *schemas.CaseEvent) string {
	if !e.CaseType.Set || e.CaseType.Value == "" || e.Bare {
		return unknown
	}
	return e.CaseType.Value
}

// turns tells whether a message makes a case human-only.
func (b *casebook) turns(e *schemas.CaseEvent) bool {
	return e.CaseType.Set && slices.Contains(b.policy.Routes.HumanOnly, e.CaseType.Value) && e.CaseTypeProbability.Value >= b.policy.Tripwires.CaseTypeChange
}

func (b *casebook) negative(e *schemas.CaseEvent) bool {
	return e.Sentiment.Set && e.Sentiment.Value <= b.policy.Tripwires.NegativeSentiment
}

// tripped are the wires that a message trips on a case that the AI has.
func (b *casebook) tripped(c *entry, e *schemas.CaseEvent) (out []schemas.Signal) {
	wires, asked := &b.policy.Tripwires, c.asked(e.Question)
	for _, w := range []struct {
		signal schemas.Signal
		on     bool
	}{
		{schemas.SignalHumanRequest, wires.HumanRequest && e.HumanRequest},
		{schemas.SignalNegativeSentiment, wires.NegativeMessages > 0 && b.negative(e) && c.negatives >= wires.NegativeMessages},
		{schemas.SignalCaseTypeChange, b.turns(e)},
		{schemas.SignalRepeatedQuestion, wires.RepeatedQuestions > 0 && asked >= wires.RepeatedQuestions},
		{schemas.SignalSupervisorRequest, wires.SupervisorRequest && e.SupervisorRequest},
		{schemas.SignalThreatToLeave, wires.ThreatToLeave && e.ThreatToLeave},
		{schemas.SignalThreatToComplain, wires.ThreatToComplain && e.ThreatToComplain},
	} {
		if w.on {
			out = append(out, w.signal)
		}
	}
	return out
}

// asked counts how often the customer has asked a question, this time included. Two are the same if they share three
// fifths of the words of the longer one.
func (c *entry) asked(question []int64) int {
	if len(question) == 0 {
		return 0
	}
	n := 1
	for _, q := range c.questions {
		common := 0
		for _, word := range q {
			if slices.Contains(question, word) {
				common++
			}
		}
		if common > 0 && 5*common >= 3*max(len(q), len(question)) {
			n++
		}
	}
	if len(c.questions) == guard.MaxQuestions {
		c.questions = slices.Delete(c.questions, 0, 1)
	}
	c.questions = append(c.questions, question)
	return n
}

// corrected is a human's word on the type: it takes from the AI a case that the AI may not have, and changes nothing else.
func (b *casebook) corrected(c *entry, e *schemas.CaseEvent, at int64) {
	t := caseType(e)
	if c.Handler != schemas.HandlerAI || b.mayHave(t) {
		return
	}
	if t != unknown {
		c.CaseType = t
	}
	b.pullIn(c, e.EventID, []schemas.Signal{schemas.SignalCaseTypeChange}, at)
}
