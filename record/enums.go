package record

import "fmt"

// Kind says what a record is. Values are the symbols' places in record_kind.avsc, as in all enumerations here.
type Kind int32

// The kinds. Each but genesis and seal has its own part in Record.
const (
	KindGenesis Kind = iota
	KindCase
	KindAmendment
	KindPolicy
	KindKeyRotation
	KindErasure
	KindSeal
)

// Route says how a case was handled, seen whole.
type Route int32

// The routes.
const (
	RouteAIHandled Route = iota
	RouteHumanHandled
	RouteAIThenEscalated
)

// Handler says who had a case at its conclusion.
type Handler int32

// The handlers.
const (
	HandlerAI Handler = iota
	HandlerHuman
)

// Outcome says how a case ended. Silence is never a success.
type Outcome int32

// The outcomes.
const (
	OutcomeResolvedConfirmed Outcome = iota
	OutcomeResolvedUnconfirmed
	OutcomeAbandoned
	OutcomeTransferred
	OutcomeUnresolved
)

// Signal is the tripwire that pulled a human in.
type Signal int32

// The signals.
const (
	SignalHumanRequest Signal = iota
	SignalNegativeSentiment
	SignalDuration
	SignalCaseTypeChange
	SignalGuardBreach
	SignalRepeatedQuestion
	SignalSupervisorRequest
	SignalThreatToLeave
	SignalThreatToComplain
)

var (
	kinds    = []string{"genesis", "case", "amendment", "policy", "key_rotation", "erasure", "seal"}
	routes   = []string{"ai_handled", "human_handled", "ai_then_escalated"}
	handlers = []string{"ai", "human"}
	outcomes = []string{"resolved_confirmed", "resolved_unconfirmed", "abandoned", "transferred", "unresolved"}
	signals  = []string{"human_request", "negative_sentiment", "duration", "case_type_change", "guard_breach",
		"repeated_question", "supervisor_request", "threat_to_leave", "threat_to_complain"}
)

func (k Kind) String() string    { return symbol(kinds, int32(k)) }
func (r Route) String() string   { return symbol(routes, int32(r)) }
func (h Handler) String() string { return symbol(handlers, int32(h)) }
func (o Outcome) String() string { return symbol(outcomes, int32(o)) }
func (s Signal) String() string  { return symbol(signals, int32(s)) }

// ParseKind is the inverse of Kind.String.
func ParseKind(s string) (Kind, error) { return parse[Kind](kinds, s) }

// ParseRoute is the inverse of Route.String.
func ParseRoute(s string) (Route, error) { return parse[Route](routes, s) }

// ParseHandler is the inverse of Handler.String.
func ParseHandler(s string) (Handler, error) { return parse[Handler](handlers, s) }

// ParseOutcome is the inverse of Outcome.String.
func ParseOutcome(s string) (Outcome, error) { return parse[Outcome](outcomes, s) }

// ParseSignal is the inverse of Signal.String.
func ParseSignal(s string) (Signal, error) { return parse[Signal](signals, s) }

func symbol(names []string, i int32) string {
	if i < 0 || int(i) >= len(names) {
		return fmt.Sprintf("unknown(%d)", i)
	}
	return names[i]
}

func parse[E ~int32](names []string, s string) (E, error) {
	for i, n := range names {
		if n == s {
			return E(i), nil
		}
	}
	return 0, fmt.Errorf("%q is none of %q", s, names)
}
