package record

import (
	"crypto/sha256"
	"fmt"
)

// Check is a rule that a record's own words must keep: one that is broken means that what was signed can't be true.
type Check struct {
	Name  string
	Field string
	Says  string
	holds func(*Record) bool
}

// Checks are the rules, in the order in which they are tried.
var Checks = []Check{
	{"csat_range", "customer_satisfaction_score", "a rating is 1 to 5", func(r *Record) bool {
		return rating(r.Case.CustomerSatisfactionScore) && rating(r.Amendment.CustomerSatisfactionScore)
	}},
	{"amendment_says", "amendment", "an amendment is a rating or a complaint", func(r *Record) bool {
		return r.Kind != KindAmendment || r.Amendment.CustomerSatisfactionScore.Set || r.Amendment.ComplaintLodged
	}},
	{"amends_before", "amendment.amends", "an amendment comes after what it amends", func(r *Record) bool {
		return r.Kind != KindAmendment || r.Source.After(r.Amendment.Amends)
	}},
	{"counts", "case.customer_messages", "no count is negative", func(r *Record) bool {
		return min(r.Case.CustomerMessages, r.Case.AIMessages, r.Case.HumanMessages) >= 0
	}},
	{"guard", "case.guard_breach", "an AI that wrote on a case routed to a human is a breach", func(r *Record) bool {
		return r.Case.Route != RouteHumanHandled || r.Case.AIMessages == 0 || r.Case.GuardBreach
	}},
	{"unknown", "case.guard_breach", "an AI that did more than greet on a case of unknown type is a breach", func(r *Record) bool {
		return r.Case.CaseType != "unknown" || r.Case.AIMessages == 0 || r.Case.GuardBreach
	}},
	{"breach_escalates", "case.escalation_triggered", "a breach of the guard is an escalation", func(r *Record) bool {
		return !r.Case.GuardBreach || r.Case.EscalationTriggered
	}},
	{"route_handler", "case.handler", "a case is the AI's at its conclusion iff its route is ai_handled", func(r *Record) bool {
		return r.Kind != KindCase || (r.Case.Handler == HandlerAI) == (r.Case.Route == RouteAIHandled)
	}},
	{"signals", "case.escalation_signals", "an escalation names a signal, and a signal is an escalation", func(r *Record) bool {
		return r.Case.EscalationTriggered == (len(r.Case.EscalationSignals) > 0)
	}},
	{"escalated_at", "case.escalated_at", "an escalation has a time, and nothing else has", func(r *Record) bool {
		return r.Case.EscalationTriggered == r.Case.EscalatedAt.Set
	}},
	{"opened", "case.concluded_at", "a case is not concluded before it is opened", func(r *Record) bool {
		return r.Case.OpenedAt <= r.Case.ConcludedAt
	}},
	{"requested", "case.human_requested_at", "is between opening and conclusion", func(r *Record) bool { return r.Case.spans(r.Case.HumanRequestedAt) }},
	{"escalated", "case.escalated_at", "is between opening and conclusion", func(r *Record) bool { return r.Case.spans(r.Case.EscalatedAt) }},
	{"policy_document", "policy.document", "a policy's document has the SHA-256 that stands beside it", func(r *Record) bool {
		return r.Kind != KindPolicy || sha256.Sum256([]byte(r.Policy.Document)) == r.Policy.SHA256
	}},
	{"joined", "case.human_joined_at", "is between opening and conclusion", func(r *Record) bool { return r.Case.spans(r.Case.HumanJoinedAt) }},
}

// CheckConduct tries every check on a decoded record. Its error is a *Fault with reason Misconduct that names the first
// check that does not hold.
func CheckConduct(r *Record) error {
	if r.Kind != KindCase && r.Kind != KindAmendment && r.Kind != KindPolicy {
		return nil
	}
	for _, c := range Checks {
		if !c.holds(r) {
			return &Fault{Ledger: r.Ledger, Sequence: r.Sequence, Field: c.Field, Reason: Misconduct, Detail: fmt.Sprintf("check %s: %s", c.Name, c.Says)}
		}
	}
	return nil
}

func rating(o Optional[int32]) bool { return !o.Set || o.Value >= 1 && o.Value <= 5 }

func (c *Case) spans(at Optional[int64]) bool {
	return !at.Set || c.OpenedAt <= at.Value && at.Value <= c.ConcludedAt
}
