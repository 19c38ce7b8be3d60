// Package tripwire watches the customer's behaviour, and the bot's: it tells which signals an event fires on a case.
// Nothing that a bot says of itself is looked at.
package tripwire

import (
	"fmt"
	"time"

	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/router/guard"
)

// Fired is a tripwire that fired, with what was seen: figures and words of ours, never the customer's text.
type Fired struct {
	Signal   schemas.Signal
	Evidence string
}

// Message tells which tripwires a customer's message fires on a case that the AI has. negatives is the number of
// negative messages in the case, asked how often the message's question has been asked in it, this message included in
// both. The order is fixed.
func Message(p *guard.Policy, e *schemas.CaseEvent, negatives, asked int32) []Fired {
	var out []Fired
	if p.Tripwires.HumanRequest && e.HumanRequest {
		out = append(out, Fired{schemas.SignalHumanRequest, "the customer asked for a human"})
	}
	if n := p.Tripwires.NegativeMessages; n > 0 && Negative(p, e) && int(negatives) >= n {
		out = append(out, Fired{schemas.SignalNegativeSentiment,
			fmt.Sprintf("%d negative messages (sentiment %.2f, threshold %.2f)", negatives, e.Sentiment.Value, p.Tripwires.NegativeSentiment)})
	}
	if HumanOnly(p, e) {
		out = append(out, Fired{schemas.SignalCaseTypeChange,
			fmt.Sprintf("the message is a %s (probability %.2f)", e.CaseType.Value, e.CaseTypeProbability.Value)})
	}
	if n := p.Tripwires.RepeatedQuestions; n > 0 && int(asked) >= n {
		out = append(out, Fired{schemas.SignalRepeatedQuestion, fmt.Sprintf("the customer asked the same question %d times", asked)})
	}
	if p.Tripwires.SupervisorRequest && e.SupervisorRequest {
		out = append(out, Fired{schemas.SignalSupervisorRequest, "the customer asked for a supervisor"})
	}
	if p.Tripwires.ThreatToLeave && e.ThreatToLeave {
		out = append(out, Fired{schemas.SignalThreatToLeave, "the customer threatened to leave"})
	}
	if p.Tripwires.ThreatToComplain && e.ThreatToComplain {
		out = append(out, Fired{schemas.SignalThreatToComplain, "the customer threatened to complain"})
	}
	return out
}

// HumanOnly tells whether a later message turns a case into one of a human-only type. It must be more certain than a
// first message: an answer out of context ("yes, the card") reads like many things.
func HumanOnly(p *guard.Policy, e *schemas.CaseEvent) bool {
	return e.CaseType.Set && p.HumanOnly(e.CaseType.Value) && e.CaseTypeProbability.Value >= p.Tripwires.CaseTypeChange
}

// Negative tells whether a message counts as negative under the policy.
func Negative(p *guard.Policy, e *schemas.CaseEvent) bool {
	return e.Sentiment.Set && e.Sentiment.Value <= p.Tripwires.NegativeSentiment
}

// Corrected is what a human fires by saying that a case which the AI has is of a type that no AI may have.
func Corrected(caseType string) Fired {
	return Fired{schemas.SignalCaseTypeChange, fmt.Sprintf("a human says that its type is %s", caseType)}
}

// Duration is what the timer fires on a case that the AI still has after the policy's time.
func Duration(p *guard.Policy) Fired {
	return Fired{schemas.SignalDuration, fmt.Sprintf("the case has been open for %v", p.Tripwires.Duration)}
}

// Deadline is when the duration tripwire fires on a case opened then, in milliseconds; false where it is off.
func Deadline(p *guard.Policy, openedAt int64) (int64, bool) {
	if p.Tripwires.Duration <= 0 {
		return 0, false
	}
	return openedAt + int64(p.Tripwires.Duration/time.Millisecond), true
}

// Breach is what an AI fires that writes or acts on a case that is not the AI's.
func Breach(e *schemas.CaseEvent, c *schemas.ConductCase) Fired {
	what := "wrote on"
	if e.Kind == schemas.EventKindResolved {
		what = "resolved"
	}
	return Fired{schemas.SignalGuardBreach, fmt.Sprintf("model %s %s a %s case that a human has", e.AIModelVersion.Value, what, c.CaseType)}
}
