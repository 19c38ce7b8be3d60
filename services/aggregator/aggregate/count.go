package aggregate

import (
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/services/aggregator/window"
)

// count is what a record adds to its segment; false where that is nothing. rec must have been decoded: its enumerations
// are in range.
func count(rec *record.Record) (f window.Fact, ok bool) {
	switch rec.Kind {
	case record.KindCase:
		f, ok = countCase(&rec.Case), true
	case record.KindAmendment:
		f, ok = countAmendment(&rec.Amendment)
	}
	f.Partition, f.Sequence = rec.Source.Partition, rec.Sequence
	return f, ok
}

// countCase is what a concluded case adds, at its conclusion: itself, and the rating and the complaint that came before it.
// What depends on the policy, or on other cases, is decided when its minute closes.
func countCase(c *record.Case) window.Fact {
	f := window.Fact{At: c.ConcludedAt, Type: c.CaseType, Handler: handler(c.Route), ToRequest: -1, ToHuman: window.NoBin}
	s := &f.Sums
	s[window.Cases] = 1
	opinion(s, c.CustomerSatisfactionScore, c.ComplaintLodged)
	if c.EscalationTriggered {
		s[window.Escalated] = 1
	}
	for _, sig := range c.EscalationSignals {
		s[window.Signals+int(sig)]++
	}
	if c.GuardBreach {
		s[window.GuardBreaches] = 1
	}
	s[window.Outcomes+int(c.ResolutionOutcome)] = 1
	s[window.ResolutionMS] = c.ConcludedAt - c.OpenedAt
	f.Resolution = window.BinOf(c.ConcludedAt - c.OpenedAt)
	if c.CustomerCommitment != (record.Hash{}) {
		s[window.Identified] = 1
		copy(f.Customer[:], c.CustomerCommitment[:])
	}
	if asked, joined := c.HumanRequestedAt, c.HumanJoinedAt; asked.Set {
		s[window.HumanRequests] = 1
		if joined.Set {
			f.ToRequest = max(0, joined.Value-asked.Value) // who was there already has not been waited for
		}
		if joined.Set && joined.Value >= asked.Value {
			s[window.HumanRequestsMet] = 1
		}
	}
	if at, joined := c.EscalatedAt, c.HumanJoinedAt; at.Set && joined.Set && joined.Value >= at.Value {
		s[window.TimeToHumanMS], s[window.TimeToHumanCases] = joined.Value-at.Value, 1
		f.ToHuman = window.BinOf(joined.Value - at.Value)
	}
	if c.Synthetic {
		s[window.Synthetic] = s[window.Cases] + s[window.Ratings] + s[window.Complaints]
	}
	return f
}

// countAmendment is what a late rating or complaint adds, when it came; false where it is neither.
func countAmendment(a *record.Amendment) (window.Fact, bool) {
	f := window.Fact{At: a.AmendedAt, Type: a.CaseType, Handler: handler(a.Route), ToRequest: -1, Resolution: window.NoBin, ToHuman: window.NoBin}
	opinion(&f.Sums, a.CustomerSatisfactionScore, a.ComplaintLodged)
	if a.Synthetic {
		f.Sums[window.Synthetic] = f.Sums[window.Ratings] + f.Sums[window.Complaints]
	}
	return f, !f.Sums.Empty()
}

// opinion counts a rating and a complaint. What is not 1 to 5 is no rating.
func opinion(s *window.Sums, score record.Optional[int32], complaint bool) {
	if v := score.Value; score.Set && v >= 1 && v <= window.CSATLevels {
		s[window.Ratings], s[window.CSATSum] = 1, int64(v)
		s[window.CSAT+int(v)-1] = 1
	}
	if complaint {
		s[window.Complaints] = 1
	}
}

func handler(r record.Route) window.Handler {
	switch r {
	case record.RouteAIHandled:
		return window.AI
	case record.RouteAIThenEscalated:
		return window.AIThenEscalated
	}
	return window.Human
}
