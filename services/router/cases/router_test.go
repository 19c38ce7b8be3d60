package cases

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/pipelines/stage/memory"
	"github.com/casetrail/casetrail/schemas"
)

var codec = schemas.NewOfflineCodec(pipelines.Subjects(pipelines.Router)...)

const t0 = int64(1_800_000_000_000)

// history writes case.events as intake would.
type history struct {
	log     *memory.Log
	offset  int64 // of the made-up source
	events  int
	current string
}

func newHistory() *history { return &history{log: memory.New(1)} }

func (h *history) put(m schemas.Message) {
	h.log.Append(stage.Record{Topic: pipelines.CaseEvents, Key: []byte(h.current), Value: codec.Append(nil, pipelines.CaseEvents, m),
		Stage: pipelines.Intake, Position: stage.Position{Offset: h.offset}})
	h.offset++
}

func (h *history) policy(t testing.TB) {
	doc, err := os.ReadFile("../../../pipelines/policies/default.yaml")
	if err != nil {
		t.Fatal(err)
	}
	h.put(&schemas.PolicyChange{Version: "2026-11-01", Document: string(doc)})
}

func (h *history) tick(at int64) { h.put(&schemas.Tick{Time: t0 + at, Sources: 1}) }

func (h *history) event(id string, at int64, kind schemas.EventKind, sender schemas.Sender, more func(*schemas.CaseEvent)) {
	h.events++
	e := &schemas.CaseEvent{EventID: fmt.Sprint("e", h.events), CaseID: id, Kind: kind, Sender: sender, OccurredAt: t0 + at, ObservedAt: t0 + at}
	if sender == schemas.SenderAI {
		e.AIModelVersion = schemas.Some("bot-1")
	}
	if more != nil {
		more(e)
	}
	h.current = id
	h.put(e)
}

func (h *history) says(id string, at int64, caseType string, more ...func(*schemas.CaseEvent)) {
	h.event(id, at, schemas.EventKindMessage, schemas.SenderCustomer, func(e *schemas.CaseEvent) {
		e.Text, e.CaseType, e.Sentiment = schemas.Some("…"), schemas.Some(caseType), schemas.Some(0.0)
		e.CaseTypeProbability = schemas.Some(.9)
		for _, m := range more {
			m(e)
		}
	})
}

func wantsHuman(e *schemas.CaseEvent) { e.HumanRequest = true }
func angry(e *schemas.CaseEvent)      { e.Sentiment = schemas.Some(-.9) }

// run drains the router over the history and returns what it wrote to a topic.
func (h *history) run(t testing.TB) {
	t.Helper()
	s, err := memory.Start(h.log, Definition(codec), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Drain(100); err != nil {
		t.Fatal(err)
	}
}

func of[M any, P interface {
	*M
	schemas.Message
}](t testing.TB, l *memory.Log, topic string) (out []M) {
	t.Helper()
	for _, r := range l.Records(topic, 0) {
		var m M
		if err := codec.DecodeInto(r.Value, P(&m)); err == nil {
			out = append(out, m)
		} else if !errors.Is(err, schemas.ErrWrongType) {
			t.Fatal(err)
		}
	}
	return out
}

func TestTheTypeDecidesWhoHandlesACase(t *testing.T) {
	for _, c := range []struct {
		caseType string
		ai       bool
		reason   schemas.RouteReason
	}{
		{"refund_status", true, schemas.RouteReasonCaseTypeAIHandled},
		{"balance_inquiry", true, schemas.RouteReasonCaseTypeAIHandled},
		{"shipment_tracking", true, schemas.RouteReasonCaseTypeAIHandled},
		{"basic_transaction_query", true, schemas.RouteReasonCaseTypeAIHandled},
		{"dispute", false, schemas.RouteReasonCaseTypeHumanOnly},
		{"fraud_claim", false, schemas.RouteReasonCaseTypeHumanOnly},
		{"hardship_request", false, schemas.RouteReasonCaseTypeHumanOnly},
		{"complex_multi_product", false, schemas.RouteReasonCaseTypeHumanOnly},
		{"unknown", false, schemas.RouteReasonCaseTypeUnknown},
		{"something_new", false, schemas.RouteReasonCaseTypeNotInPolicy},
	} {
		h := newHistory()
		h.policy(t)
		h.says("c", 0, c.caseType)
		h.run(t)
		ai, human := of[schemas.WorkItem](t, h.log, pipelines.WorkAI), of[schemas.WorkItem](t, h.log, pipelines.WorkHuman)
		if len(ai)+len(human) != 1 || (len(ai) == 1) != c.ai || append(ai, human...)[0].Reason != c.reason {
			t.Errorf("%s: work.ai %v, work.human %v", c.caseType, ai, human)
		}
	}
}

func TestWithoutAPolicyEverythingGoesToAHuman(t *testing.T) {
	h := newHistory()
	h.says("c", 0, "refund_status")
	h.run(t)
	if w := of[schemas.WorkItem](t, h.log, pipelines.WorkHuman); len(w) != 1 || w[0].Reason != schemas.RouteReasonNoPolicy {
		t.Fatalf("%v", w)
	}
}

func TestTripwires(t *testing.T) {
	for name, c := range map[string]struct {
		play   func(h *history)
		signal schemas.Signal
		at     int64
	}{
		"asks for a human":        {func(h *history) { h.says("c", 5, "refund_status", wantsHuman) }, schemas.SignalHumanRequest, 5},
		"second negative message": {func(h *history) { h.says("c", 5, "unknown", angry); h.says("c", 9, "unknown", angry) }, schemas.SignalNegativeSentiment, 9},
		"turns out a fraud":       {func(h *history) { h.says("c", 7, "fraud_claim") }, schemas.SignalCaseTypeChange, 7},
		"ten minutes, by tick":    {func(h *history) { h.tick(600_000) }, schemas.SignalDuration, 600_000},
		"ten minutes, by message": {func(h *history) { h.says("c", 700_000, "unknown") }, schemas.SignalDuration, 600_000},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistory()
			h.policy(t)
			h.says("c", 0, "refund_status")
			c.play(h)
			h.says("c", 800_000, "refund_status", wantsHuman, angry)
			h.run(t)
			esc := of[schemas.Escalation](t, h.log, pipelines.CaseEscalations)
			if len(esc) != 1 || esc[0].Signal != c.signal || esc[0].EscalatedAt != t0+c.at || esc[0].FromHandler != schemas.HandlerAI {
				t.Fatalf("escalations %+v", esc)
			}
			human := of[schemas.WorkItem](t, h.log, pipelines.WorkHuman)
			if len(human) < 2 || human[0].Work != schemas.WorkKindHandoff || human[len(human)-1].Work != schemas.WorkKindReply {
				t.Fatalf("work.human %+v", human)
			}
		})
	}
}

func TestAnAIOnAHumansCaseIsAGuardBreach(t *testing.T) {
	h := newHistory()
	h.policy(t)
	h.says("c", 0, "dispute")
	for at := range int64(2) {
		h.event("c", 10+at, schemas.EventKindMessage, schemas.SenderAI, func(e *schemas.CaseEvent) { e.Text = schemas.Some("hi") })
	}
	h.event("c", 20, schemas.EventKindResolved, schemas.SenderHuman, nil)
	h.run(t)
	esc := of[schemas.Escalation](t, h.log, pipelines.CaseEscalations)
	con := of[schemas.CaseConclusion](t, h.log, pipelines.CaseConclusions)
	if len(esc) != 1 || esc[0].Signal != schemas.SignalGuardBreach {
		t.Fatalf("escalations %+v", esc)
	}
	if len(con) != 1 || !con[0].Case.GuardBreach || con[0].Case.AIMessages != 2 || con[0].Case.Route != schemas.RouteHumanHandled {
		t.Fatalf("conclusion %+v", con)
	}
}

func TestConclusionAndAmendments(t *testing.T) {
	h := newHistory()
	h.policy(t)
	h.says("c", 0, "refund_status")
	h.says("idle", 0, "dispute")
	h.event("c", 10, schemas.EventKindResolved, schemas.SenderAI, func(e *schemas.CaseEvent) { e.Outcome = schemas.Some(schemas.OutcomeResolvedConfirmed) })
	h.event("c", 20, schemas.EventKindRating, schemas.SenderCustomer, func(e *schemas.CaseEvent) { e.Rating = schemas.Some(int32(2)) })
	h.event("c", 30, schemas.EventKindComplaint, schemas.SenderCustomer, nil)
	h.says("c", 40, "refund_status") // too late: a new matter is a new case
	h.event("nobody", 50, schemas.EventKindRating, schemas.SenderCustomer, func(e *schemas.CaseEvent) { e.Rating = schemas.Some(int32(2)) })
	h.tick(4*3_600_000 + 1)
	h.run(t)
	con, am := of[schemas.CaseConclusion](t, h.log, pipelines.CaseConclusions), of[schemas.CaseAmendment](t, h.log, pipelines.CaseConclusions)
	if len(con) != 2 || con[1].Case.ResolutionOutcome != schemas.OutcomeAbandoned || con[1].Case.ConcludedAt != t0+4*3_600_000 {
		t.Fatalf("conclusions %+v", con)
	}
	if len(am) != 2 || am[0].Amendment.CustomerSatisfactionScore.Value != 2 || !am[1].Amendment.ComplaintLodged || am[0].Amendment.Amends.Offset != 3 {
		t.Fatalf("amendments %+v", am)
	}
	rej := of[schemas.ChatReject](t, h.log, pipelines.ChatRejects)
	if len(rej) != 2 || rej[0].Reason != "case_closed" || rej[1].Reason != "no_case" {
		t.Fatalf("rejects %+v", rej)
	}
}

func TestAnEventPublishedTwiceCountsOnce(t *testing.T) {
	h := newHistory()
	h.policy(t)
	h.says("c", 0, "refund_status")
	again := h.log.Records(pipelines.CaseEvents, 0)[1]
	h.log.Append(again) // intake wrote it twice: the same position
	again.Position.Offset = 99
	h.log.Append(again) // the producer published it twice: the same event id
	h.run(t)
	if w := of[schemas.WorkItem](t, h.log, pipelines.WorkAI); len(w) != 1 {
		t.Fatalf("%d work items", len(w))
	}
}

// random is a history of many cases with everything in it.
func random(t testing.TB, seed uint64) *history {
	r := rand.New(rand.NewPCG(seed, 1))
	h := newHistory()
	types := []string{"refund_status", "dispute", "unknown", "fraud_claim", "balance_inquiry"}
	for i := range int64(400) {
		id, at := fmt.Sprint("case-", r.IntN(25)), i*20_000
		if i == 5 {
			h.policy(t)
		}
		switch r.IntN(13) {
		case 0:
			h.event(id, at, schemas.EventKindResolved, schemas.SenderHuman, nil)
		case 1:
			h.event(id, at, schemas.EventKindRating, schemas.SenderCustomer, func(e *schemas.CaseEvent) { e.Rating = schemas.Some(int32(1 + r.IntN(5))) })
		case 2:
			h.event(id, at, schemas.EventKindComplaint, schemas.SenderCustomer, nil)
		case 3, 4:
			h.event(id, at, schemas.EventKindMessage, schemas.SenderAI, func(e *schemas.CaseEvent) { e.Text = schemas.Some("…") })
		case 5:
			h.event(id, at, schemas.EventKindAgentJoined, schemas.SenderHuman, nil)
		case 6, 7:
			h.tick(at)
		case 8:
			h.event(id, at, schemas.EventKindCaseTypeCorrected, schemas.SenderHuman, func(e *schemas.CaseEvent) { e.CaseType = schemas.Some(types[r.IntN(len(types))]) })
		default:
			h.says(id, at, types[r.IntN(len(types))], func(e *schemas.CaseEvent) {
				e.HumanRequest = r.IntN(9) == 0
				e.Bare = r.IntN(3) == 0
				e.AIProbability = schemas.Some(r.Float64())
				e.SupervisorRequest, e.ThreatToLeave, e.ThreatToComplain = r.IntN(40) == 0, r.IntN(40) == 0, r.IntN(40) == 0
				for range r.IntN(3) {
					e.Question = append(e.Question, r.Int64N(3))
				}
				e.Sentiment = schemas.Some(r.Float64()*2 - 1)
			})
		}
	}
	h.tick(400*20_000 + 5*3_600_000)
	return h
}

var outputs = []string{pipelines.WorkAI, pipelines.WorkHuman, pipelines.CaseEscalations, pipelines.CaseConclusions, pipelines.ChatRejects}

// Wherever the router dies, however often, its outputs are the same bytes in the same order, once.
func TestDyingAnywhereChangesNothing(t *testing.T) {
	for seed := range uint64(60) {
		want, got := random(t, seed), random(t, seed)
		want.run(t)
		r := rand.New(rand.NewPCG(seed, 2))
		var s *memory.Stage
		for more := true; more; {
			if s == nil {
				var err error
				if s, err = memory.Start(got.log, Definition(codec), 0); err != nil {
					t.Fatal(err)
				}
			}
			var err error
			cut := memory.Cut{Dies: r.IntN(3) == 0, Outputs: r.IntN(20) - 8, State: r.IntN(2) == 0}
			if more, err = s.Step(1+r.IntN(30), cut); errors.Is(err, memory.ErrDied) {
				s, more = nil, true
			} else if err != nil {
				t.Fatal(err)
			}
		}
		for _, topic := range outputs {
			same(t, seed, topic, want.log.Records(topic, 0), got.log.Records(topic, 0))
		}
	}
}

func same(t *testing.T, seed uint64, topic string, want, got []stage.Record) {
	t.Helper()
	if !slices.EqualFunc(want, got, func(a, b stage.Record) bool {
		return bytes.Equal(a.Value, b.Value) && bytes.Equal(a.Key, b.Key) && a.Position == b.Position
	}) {
		t.Fatalf("seed %d: %s: %d records, want the same %d", seed, topic, len(got), len(want))
	}
}

// The guard's promise: no work for the AI on a case that a human has had, or that is human-only.
func TestNoAIWorkAfterAHuman(t *testing.T) {
	for seed := range uint64(60) {
		h := random(t, seed)
		h.run(t)
		lastHuman := map[string]int64{}
		for _, r := range h.log.Records(pipelines.WorkHuman, 0) {
			if _, ok := lastHuman[string(r.Key)]; !ok {
				lastHuman[string(r.Key)] = r.Position.Offset
			}
		}
		concluded := map[string]bool{}
		for _, c := range of[schemas.CaseConclusion](t, h.log, pipelines.CaseConclusions) {
			if concluded[c.Case.CaseID] {
				t.Fatalf("seed %d: %s concluded twice", seed, c.Case.CaseID)
			}
			concluded[c.Case.CaseID] = true
		}
		for _, r := range h.log.Records(pipelines.WorkAI, 0) {
			if at, ok := lastHuman[string(r.Key)]; ok && r.Position.Offset > at {
				t.Fatalf("seed %d: work for the AI on %s at %d, a human has it since %d", seed, r.Key, r.Position.Offset, at)
			}
		}
	}
}

// An operator's order goes on to the ledgers, once, where it stands; one that intake has not judged does not.
func TestOrdersArePassedOn(t *testing.T) {
	h := newHistory()
	h.policy(t)
	o := &schemas.LedgerOrder{Order: schemas.OrderKindSeal, Ledgers: "casetrail/test", Generation: schemas.Some(int32(1)), Note: "signed"}
	h.put(o)
	h.offset--
	h.put(o) // the same position again
	h.log.Append(stage.Record{Topic: pipelines.CaseEvents, Value: codec.Append(nil, pipelines.CaseEvents, o)})
	h.run(t)
	if got := of[schemas.LedgerOrder](t, h.log, pipelines.CaseConclusions); len(got) != 1 || got[0] != *o {
		t.Errorf("passed on: %+v", got)
	}
	if got := of[schemas.ChatReject](t, h.log, pipelines.ChatRejects); len(got) != 1 {
		t.Errorf("rejected: %+v", got)
	}
}
