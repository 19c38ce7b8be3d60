package recompute

import (
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

const day = 24 * 60 * minute

func concluded(at int64, edit func(c *record.Case)) record.Record {
	c := record.Case{CaseType: "refund", Route: record.RouteAIHandled, OpenedAt: at - 1000, ConcludedAt: at}
	if edit != nil {
		edit(&c)
	}
	return record.Record{Kind: record.KindCase, Case: c}
}

func amended(at int64, edit func(a *record.Amendment)) record.Record {
	a := record.Amendment{CaseType: "refund", Route: record.RouteAIHandled, AmendedAt: at}
	edit(&a)
	return record.Record{Kind: record.KindAmendment, Amendment: a}
}

func segment(edit func(s *schemas.Segment)) schemas.Segment {
	s := schemas.Segment{CSATCounts: make([]int64, 5), Signals: make([]int64, 9), Outcomes: make([]int64, 5)}
	edit(&s)
	return s
}

func recompute(t testing.TB, records ...record.Record) []schemas.MetricRecord {
	t.Helper()
	got, err := Recompute(records, math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// sums leaves nothing but what is counted.
func sums(s schemas.Segment) schemas.Segment {
	none := schemas.Optional[schemas.Estimate]{}
	s.Share, s.Enough, s.EnoughRatings, s.SignalRates = 0, false, false, nil
	s.CSAT, s.CSATBounds, s.ResponseRate, s.ComplaintRate, s.EscalationRate, s.RepeatRate, s.HumanInTimeRate = none, none, none, none, none, none, none
	s.Resolution, s.TimeToHuman = schemas.Optional[schemas.Percentiles]{}, schemas.Optional[schemas.Percentiles]{}
	return s
}

// TestWhatARecordAdds holds each rule of counting on its own, on the totals of the first window.
func TestWhatARecordAdds(t *testing.T) {
	at := int64(1000 * day)
	for name, c := range map[string]struct {
		rec  record.Record
		want func(s *schemas.Segment) // beside a case, its outcome and its second from opening to conclusion
	}{
		"a plain case": {concluded(at, nil), func(*schemas.Segment) {}},
		"a rating and a complaint before the conclusion": {concluded(at, func(c *record.Case) {
			c.CustomerSatisfactionScore, c.ComplaintLodged = record.Some(int32(4)), true
		}), func(s *schemas.Segment) { s.Ratings, s.CSATSum, s.CSATCounts[3], s.Complaints = 1, 4, 1, 1 }},
		"ratings out of range": {concluded(at, func(c *record.Case) { c.CustomerSatisfactionScore = record.Some(int32(6)) }),
			func(*schemas.Segment) {}},
		"an escalation by two signals": {concluded(at, func(c *record.Case) {
			c.EscalationTriggered = true
			c.EscalationSignals = []record.Signal{record.SignalDuration, record.SignalHumanRequest}
		}), func(s *schemas.Segment) { s.Escalated, s.Signals[0], s.Signals[2] = 1, 1, 1 }},
		"a breach, abandoned": {concluded(at, func(c *record.Case) { c.GuardBreach, c.ResolutionOutcome = true, record.OutcomeAbandoned }),
			func(s *schemas.Segment) { s.GuardBreaches, s.Outcomes[0], s.Outcomes[2] = 1, 0, 1 }},
		"a human asked for and none came": {concluded(at, func(c *record.Case) { c.HumanRequestedAt = record.Some(at) }),
			func(s *schemas.Segment) { s.HumanRequests = 1 }},
		"a human asked for after one had joined": {concluded(at, func(c *record.Case) {
			c.HumanJoinedAt, c.HumanRequestedAt = record.Some(at-1), record.Some(at)
		}), func(s *schemas.Segment) { s.HumanRequests, s.HumanInTime = 1, 1 }},
		"a human just under 3 minutes after": {concluded(at, func(c *record.Case) {
			c.HumanRequestedAt, c.EscalatedAt, c.HumanJoinedAt = record.Some(at-3*minute+1), record.Some(at-2*minute), record.Some(at)
		}), func(s *schemas.Segment) {
			s.HumanRequests, s.HumanRequestsMet, s.HumanInTime, s.TimeToHumanCases, s.TimeToHumanMSSum = 1, 1, 1, 1, 2*minute
		}},
		"a human after exactly 3 minutes": {concluded(at, func(c *record.Case) {
			c.HumanRequestedAt, c.HumanJoinedAt = record.Some(at-3*minute), record.Some(at)
		}), func(s *schemas.Segment) { s.HumanRequests, s.HumanRequestsMet = 1, 1 }},
		"a synthetic case, rated": {concluded(at, func(c *record.Case) {
			c.Synthetic, c.CustomerSatisfactionScore = true, record.Some(int32(1))
		}), func(s *schemas.Segment) { s.Synthetic, s.Ratings, s.CSATSum, s.CSATCounts[0] = 2, 1, 1, 1 }},
		"a late rating": {amended(at, func(a *record.Amendment) { a.CustomerSatisfactionScore = record.Some(int32(5)) }),
			func(s *schemas.Segment) {
				*s = segment(func(s *schemas.Segment) { s.Ratings, s.CSATSum, s.CSATCounts[4] = 1, 5, 1 })
			}},
		"a late complaint of a simulation": {amended(at, func(a *record.Amendment) { a.ComplaintLodged, a.Synthetic = true, true }),
			func(s *schemas.Segment) { *s = segment(func(s *schemas.Segment) { s.Complaints, s.Synthetic = 1, 1 }) }},
	} {
		t.Run(name, func(t *testing.T) {
			want := segment(func(s *schemas.Segment) { s.Cases, s.Outcomes[0], s.ResolutionMSSum = 1, 1, 1000 })
			c.want(&want)
			want.CaseType, want.Handler = "all", "ai"
			got := recompute(t, c.rec)[0]
			if len(got.Segments) != 4 || !reflect.DeepEqual(sums(got.Segments[0]), want) {
				t.Fatalf("\n got %+v\nwant %+v", got.Segments, want)
			}
		})
	}
}

func TestWindowsOfOneCase(t *testing.T) {
	at := int64(1000*day + 90*minute + 30_000)
	got := map[string][]int64{}
	for _, m := range recompute(t, concluded(at, nil)) {
		if m.Start > at || m.End <= at || m.End-m.Start != map[string]int64{"1h": 60 * minute, "24h": day, "7d": 7 * day, "30d": 30 * day}[m.Window] {
			t.Errorf("%s from %d to %d", m.Window, m.Start, m.End)
		}
		got[m.Window] = append(got[m.Window], m.End)
	}
	for name, want := range map[string]struct {
		n           int
		first, last int64
	}{
		"1h":  {60, 1000*day + 91*minute, 1000*day + 150*minute},
		"24h": {24, 1000*day + 120*minute, 1001*day + 60*minute},
		"7d":  {168, 1000*day + 120*minute, 1007*day + 60*minute},
		"30d": {30, 1001 * day, 1030 * day},
	} {
		if e := got[name]; len(e) != want.n || e[0] != want.first || e[len(e)-1] != want.last || !slices.IsSorted(e) {
			t.Errorf("%s: %d windows that end at %v, want %+v", name, len(e), e, want)
		}
	}
}

func TestTotalsAndOrder(t *testing.T) {
	of := func(caseType string, r record.Route) record.Record {
		return concluded(day, func(c *record.Case) { c.CaseType, c.Route = caseType, r })
	}
	got := recompute(t, of("z", record.RouteHumanHandled), of("a", record.RouteAIThenEscalated), of("a", record.RouteAIHandled),
		record.Record{Kind: record.KindPolicy}, amended(day, func(*record.Amendment) {}))[0]
	var names []string
	cases := int64(0)
	for _, s := range got.Segments {
		names = append(names, s.CaseType+"/"+s.Handler)
		cases += s.Cases
	}
	want := []string{"a/ai", "a/ai_then_escalated", "a/all", "all/ai", "all/ai_then_escalated", "all/all", "all/human", "z/all", "z/human"}
	if !slices.Equal(names, want) || cases != 12 {
		t.Errorf("%v, %d cases", names, cases)
	}
	if n := len(recompute(t)); n != 0 {
		t.Errorf("%d windows of nothing", n)
	}
}
