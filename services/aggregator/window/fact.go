// Package window adds up what the ledger says, per segment, into the rolling windows of a policy. It is pure and counts in
// integers only, so its results depend on the facts and on nothing else: not on their order, not on how often it was asked.
// What a fact means is its caller's business (package aggregate).
package window

// Handler is how a case was handled, seen whole, in the order in which segments are sorted.
type Handler uint8

// The handlers of a segment.
const (
	AI Handler = iota
	AIThenEscalated
	Human
	handlers
)

// All is the case type, and the handler, of a total.
const All = "all"

// String gives the name that a segment has in a metric record.
func (h Handler) String() string {
	switch h {
	case AI:
		return "ai"
	case AIThenEscalated:
		return "ai_then_escalated"
	case Human:
		return "human"
	}
	return All
}

// ParseHandler finds a handler by its name.
func ParseHandler(name string) (Handler, bool) {
	for h := AI; h < handlers; h++ {
		if h.String() == name {
			return h, true
		}
	}
	return handlers, false
}

// How many counts the sums that are counts by kind have.
const (
	CSATLevels   = 5
	SignalKinds  = 9
	OutcomeKinds = 5
)

// The places of the figures in Sums.
const (
	Cases            = 0
	Ratings          = Cases + 1
	CSATSum          = Ratings + 1
	CSAT             = CSATSum + 1 // ratings of 1, 2, 3, 4, 5
	Complaints       = CSAT + CSATLevels
	Escalated        = Complaints + 1
	Signals          = Escalated + 1 // by schemas.Signal
	GuardBreaches    = Signals + SignalKinds
	Outcomes         = GuardBreaches + 1 // by schemas.Outcome
	ResolutionMS     = Outcomes + OutcomeKinds
	HumanRequests    = ResolutionMS + 1
	HumanRequestsMet = HumanRequests + 1
	HumanInTime      = HumanRequestsMet + 1
	TimeToHumanMS    = HumanInTime + 1
	TimeToHumanCases = TimeToHumanMS + 1
	Synthetic        = TimeToHumanCases + 1
	Identified       = Synthetic + 1  // cases whose customer is known
	Repeats          = Identified + 1 // those after another of the same customer and type
	size             = Repeats + 1
)

// Sums are the figures of one segment over some time. They add up, in any order.
type Sums [size]int64

func (s *Sums) add(o *Sums) {
	for i := range s {
		s[i] += o[i]
	}
}

func (s *Sums) sub(o *Sums) {
	for i := range s {
		s[i] -= o[i]
	}
}

// Empty tells whether a segment has no case, no rating and no complaint.
func (s *Sums) Empty() bool { return s[Cases] == 0 && s[Ratings] == 0 && s[Complaints] == 0 }

// Fact is what one record of the ledger adds, and to which segment.
type Fact struct {
	At         int64 // milliseconds since 1970: when it counts
	Type       string
	Handler    Handler
	Sums       Sums
	Resolution Bin // of a case; NoBin otherwise
	ToHuman    Bin // where a human joined after an escalation
	// What a policy decides about when the minute closes: see New.
	ToRequest int64    // how long the customer waited for the human who was asked for, in milliseconds; negative where none came
	Customer  [16]byte // of the commitment; zeros where there is none
	Partition int32
	Sequence  int64 // among all records of the partition: those of its earlier ledgers come before
}

// Hour is the start of the hour that a time lies in, both in milliseconds.
func Hour(ms int64) int64 { return floor(ms, 3_600_000) * 3_600_000 }

// Minute is the minute since 1970 that a time in milliseconds lies in.
func Minute(ms int64) int64 { return floor(ms, 60_000) }

func floor(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
