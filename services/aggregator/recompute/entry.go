package recompute

import (
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

const all = "all"

// The handlers of a segment, and their names. 0 is the total.
const (
	total = iota
	ai
	human
	escalated
	handlers
)

var names = [handlers]string{all, "ai", "human", "ai_then_escalated"}

// signalKinds is how many signals there are.
const signalKinds = 9

// entry is what one record says for metrics, and when.
type entry struct {
	at                        int64
	sequence                  int64
	partition, generation     int32
	resolution                int64
	toHuman                   int64 // from the escalation to the human; -1 where that did not happen
	waited                    int64 // for the human who was asked for; 0 where one was there already, -1 where none came
	resolutionBin, toHumanBin int16
	caseType                  int32
	handler                   int8
	cases                     int8
	rating                    int8 // 1 to 5, or 0
	outcome                   int8
	signals                   [signalKinds]int32
	complaint                 bool
	escalated                 bool
	requested                 bool
	met                       bool // by a human who joined after the request
	breach                    bool
	synthetic                 bool
	identified                bool
	customer                  [32]byte
	inTime                    bool // decided by decide, as is repeat
	repeat                    bool
}

func ofCase(c *record.Case) entry {
	e := entry{at: c.ConcludedAt, resolution: c.ConcludedAt - c.OpenedAt, handler: route(c.Route), cases: 1,
		rating: rating(c.CustomerSatisfactionScore), outcome: int8(c.ResolutionOutcome), complaint: c.ComplaintLodged,
		escalated: c.EscalationTriggered, requested: c.HumanRequestedAt.Set, breach: c.GuardBreach, synthetic: c.Synthetic,
		toHuman: between(c.EscalatedAt, c.HumanJoinedAt), waited: waited(c.HumanRequestedAt, c.HumanJoinedAt), met: between(c.HumanRequestedAt, c.HumanJoinedAt) >= 0,
		customer: c.CustomerCommitment, identified: c.CustomerCommitment != record.Hash{}}
	for _, s := range c.EscalationSignals { // at most 4096, see schemas
		e.signals[s]++
	}
	return e
}

func ofAmendment(a *record.Amendment) entry {
	return entry{at: a.AmendedAt, handler: route(a.Route), rating: rating(a.CustomerSatisfactionScore), complaint: a.ComplaintLodged,
		synthetic: a.Synthetic}
}

func route(r record.Route) int8 {
	return [...]int8{record.RouteAIHandled: ai, record.RouteHumanHandled: human, record.RouteAIThenEscalated: escalated}[r]
}

func rating(score record.Optional[int32]) int8 {
	if !score.Set || score.Value < 1 || score.Value > 5 {
		return 0
	}
	return int8(score.Value)
}

// between is the time from one event to a later one; -1 where one of them is missing or the order is another.
func between(from, to record.Optional[int64]) int64 {
	if !from.Set || !to.Set || to.Value < from.Value {
		return -1
	}
	return to.Value - from.Value
}

// waited is how long a customer who asked for a human waited.
func waited(asked, joined record.Optional[int64]) int64 {
	if asked.Set && joined.Set && joined.Value < asked.Value {
		return 0
	}
	return between(asked, joined)
}

func one(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func (e *entry) addTo(s *schemas.Segment) {
	if s.CSATCounts == nil {
		s.CSATCounts, s.Signals, s.Outcomes = make([]int64, 5), make([]int64, signalKinds), make([]int64, 5)
	}
	if e.rating > 0 {
		s.Ratings++
		s.CSATSum += int64(e.rating)
		s.CSATCounts[e.rating-1]++
	}
	s.Complaints += one(e.complaint)
	if e.synthetic {
		s.Synthetic += int64(e.cases) + one(e.rating > 0) + one(e.complaint)
	}
	if e.cases == 0 {
		return
	}
	s.Cases++
	s.Outcomes[e.outcome]++
	s.ResolutionMSSum += e.resolution
	s.Escalated += one(e.escalated)
	s.GuardBreaches += one(e.breach)
	s.HumanRequests += one(e.requested)
	s.Identified += one(e.identified)
	s.Repeats += one(e.repeat)
	for i, n := range e.signals {
		s.Signals[i] += int64(n)
	}
	s.HumanRequestsMet += one(e.met)
	s.HumanInTime += one(e.inTime)
	if e.toHuman >= 0 {
		s.TimeToHumanMSSum += e.toHuman
		s.TimeToHumanCases++
	}
}
