package cases

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/schemas"
)

// greets is a customer's message that says nothing of its matter.
func (h *history) greets(id string, at int64, more ...func(*schemas.CaseEvent)) {
	h.says(id, at, "unknown", append([]func(*schemas.CaseEvent){func(e *schemas.CaseEvent) { e.Bare, e.AIProbability = true, schemas.Some(0.0) }}, more...)...)
}

func (h *history) bot(id string, at int64) {
	h.event(id, at, schemas.EventKindMessage, schemas.SenderAI, func(e *schemas.CaseEvent) { e.Text = schemas.Some("hello, how can I help?") })
}

func (h *history) ends(id string, at int64) {
	h.event(id, at, schemas.EventKindResolved, schemas.SenderHuman, nil)
}

func unsure(e *schemas.CaseEvent) { e.AIProbability = schemas.Some(.01) }
func sure(e *schemas.CaseEvent)   { e.AIProbability = schemas.Some(1.0) }

func TestACaseWaitsForContentAndIsTypedOnce(t *testing.T) {
	const work = "ai greeting awaiting_content"
	for name, c := range map[string]struct {
		play     func(h *history)
		items    []string // handler, kind and reason of each work item, in order
		caseType string
		route    schemas.Route
		bot      int32
	}{
		"an AI's matter": {func(h *history) {
			h.greets("c", 0)
			h.bot("c", 1)
			h.says("c", 2, "refund_status", sure)
			h.bot("c", 3)
		},
			[]string{work, "ai reply case_type_ai_handled"}, "refund_status", schemas.RouteAIHandled, 1},
		"a human's matter": {func(h *history) { h.greets("c", 0); h.bot("c", 1); h.says("c", 2, "fraud_claim", unsure) },
			[]string{work, "human reply case_type_human_only"}, "fraud_claim", schemas.RouteHumanHandled, 0},
		"not certain enough": {func(h *history) { h.greets("c", 0); h.says("c", 2, "refund_status", unsure) },
			[]string{work, "human reply not_certain_enough"}, "refund_status", schemas.RouteHumanHandled, 0},
		"content, but of no type": {func(h *history) { h.greets("c", 0); h.says("c", 2, "unknown", unsure) },
			[]string{work, "human reply case_type_unknown"}, "unknown", schemas.RouteHumanHandled, 0},
		"nothing but greetings": {func(h *history) {
			h.greets("c", 0)
			h.bot("c", 1)
			h.greets("c", 2)
			h.greets("c", 3)
			h.greets("c", 4)
		},
			[]string{work, work, "human reply case_type_unknown", "human reply case_type_unknown"}, "unknown", schemas.RouteHumanHandled, 0},
		"content on the last message that may": {func(h *history) { h.greets("c", 0); h.greets("c", 1); h.says("c", 2, "balance_inquiry", sure) },
			[]string{work, work, "ai reply case_type_ai_handled"}, "balance_inquiry", schemas.RouteAIHandled, 0},
		"typed once": {func(h *history) {
			h.greets("c", 0)
			h.says("c", 1, "balance_inquiry", sure)
			h.says("c", 2, "refund_status", sure)
			h.greets("c", 3)
		}, []string{work, "ai reply case_type_ai_handled", "ai reply case_type_ai_handled", "ai reply case_type_ai_handled"}, "balance_inquiry", schemas.RouteAIHandled, 0},
		"turns human-only later": {func(h *history) {
			h.greets("c", 0)
			h.says("c", 1, "balance_inquiry", sure)
			h.says("c", 2, "dispute", unsure)
		},
			[]string{work, "ai reply case_type_ai_handled", "human handoff escalated"}, "dispute", schemas.RouteAIThenEscalated, 0},
		"asks for a human instead": {func(h *history) { h.greets("c", 0); h.bot("c", 1); h.greets("c", 2, wantsHuman) },
			[]string{work, "human handoff escalated"}, "unknown", schemas.RouteAIThenEscalated, 0},
		"a human greets": {func(h *history) {
			h.greets("c", 0)
			h.event("c", 1, schemas.EventKindAgentJoined, schemas.SenderHuman, nil)
			h.greets("c", 2)
			h.says("c", 3, "refund_status", sure)
		}, []string{work, "human reply case_type_unknown", "human reply case_type_unknown"}, "refund_status", schemas.RouteAIThenEscalated, 0},
		"never says": {func(h *history) { h.greets("c", 0); h.bot("c", 1) },
			[]string{work}, "unknown", schemas.RouteAIHandled, 0},
		"greeted, and not served for ten minutes": {func(h *history) { h.greets("c", 0); h.bot("c", 1); h.tick(600_000) },
			[]string{work, "human handoff escalated"}, "unknown", schemas.RouteAIThenEscalated, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistory()
			h.policy(t)
			c.play(h)
			h.ends("c", 500)
			h.run(t)
			items := append(of[schemas.WorkItem](t, h.log, pipelines.WorkAI), of[schemas.WorkItem](t, h.log, pipelines.WorkHuman)...)
			var got []string
			for _, w := range items {
				got = append(got, fmt.Sprintf("%s %s %s", w.Handler, w.Work, w.Reason))
			}
			if !slices.Equal(got, c.items) { // work.human comes after work.ai, always
				t.Errorf("work %q, want %q", got, c.items)
			}
			con := of[schemas.CaseConclusion](t, h.log, pipelines.CaseConclusions)
			if len(con) != 1 || con[0].Case.CaseType != c.caseType || con[0].Case.Route != c.route || con[0].Case.AIMessages != c.bot || con[0].Case.GuardBreach {
				t.Errorf("conclusion %+v", con)
			}
		})
	}
}

// What an AI writes before the customer has said what it is about is a greeting; after that, on a human's case, a breach.
func TestAnAIMayGreetAndNoMore(t *testing.T) {
	h := newHistory()
	h.policy(t)
	h.greets("c", 0)
	h.bot("c", 1)
	h.says("c", 2, "fraud_claim", unsure)
	h.bot("c", 3)
	h.ends("c", 4)
	h.run(t)
	esc, con := of[schemas.Escalation](t, h.log, pipelines.CaseEscalations), of[schemas.CaseConclusion](t, h.log, pipelines.CaseConclusions)
	if len(esc) != 1 || esc[0].Signal != schemas.SignalGuardBreach || esc[0].AIMessages != 1 {
		t.Errorf("escalations %+v", esc)
	}
	if len(con) != 1 || !con[0].Case.GuardBreach || con[0].Case.AIMessages != 1 {
		t.Errorf("conclusion %+v", con)
	}
}

// Nobody waits where there is no AI to greet.
func TestWithoutAPolicyAGreetingGoesToAHuman(t *testing.T) {
	h := newHistory()
	h.greets("c", 0)
	h.run(t)
	if w := of[schemas.WorkItem](t, h.log, pipelines.WorkHuman); len(w) != 1 || w[0].Reason != schemas.RouteReasonNoPolicy || w[0].Work != schemas.WorkKindReply {
		t.Errorf("%+v", w)
	}
}

func TestTheWorkItemSaysWhatDecided(t *testing.T) {
	h := newHistory()
	h.policy(t)
	why := func(e *schemas.CaseEvent) {
		e.AIProbability, e.CaseTypeProbability, e.Because = schemas.Some(1.0), schemas.Some(.91), []string{"where", "my refund"}
	}
	h.says("c", 0, "refund_status", why)
	h.says("c", 1, "refund_status", why)
	h.says("d", 2, "refund_status", why)
	h.says("d", 3, "fraud_claim", why)
	h.ends("d", 4)
	h.run(t)
	if handoff := of[schemas.WorkItem](t, h.log, pipelines.WorkHuman); len(handoff) != 1 || len(handoff[0].Because) != 2 {
		t.Errorf("what turned the case into another: %+v", handoff)
	}
	for _, topic := range []string{pipelines.CaseEscalations, pipelines.CaseConclusions} { // the customer's words end with the work
		for _, rec := range h.log.Records(topic, 0) {
			if bytes.Contains(rec.Value, []byte("my refund")) {
				t.Errorf("%s has the customer's words", topic)
			}
		}
	}
	w := of[schemas.WorkItem](t, h.log, pipelines.WorkAI)
	if len(w) != 3 || !slices.Equal(w[0].Because, []string{"where", "my refund"}) || w[0].AIProbability.Value != 1 || w[0].CaseTypeProbability.Value != .91 {
		t.Fatalf("%+v", w)
	}
	if len(w[1].Because) != 0 || w[1].AIProbability.Set {
		t.Errorf("the second message decided nothing: %+v", w[1])
	}
}

func TestWhatTheCustomerDoesPullsAHumanIn(t *testing.T) {
	asks := func(words ...int64) func(*schemas.CaseEvent) {
		return func(e *schemas.CaseEvent) { e.Question = words }
	}
	for name, c := range map[string]struct {
		more  []func(*schemas.CaseEvent) // one message each
		fired []schemas.Signal
	}{
		"supervisor":   {[]func(*schemas.CaseEvent){func(e *schemas.CaseEvent) { e.SupervisorRequest = true }}, []schemas.Signal{schemas.SignalSupervisorRequest}},
		"leave":        {[]func(*schemas.CaseEvent){func(e *schemas.CaseEvent) { e.ThreatToLeave = true }}, []schemas.Signal{schemas.SignalThreatToLeave}},
		"complain":     {[]func(*schemas.CaseEvent){func(e *schemas.CaseEvent) { e.ThreatToComplain = true }}, []schemas.Signal{schemas.SignalThreatToComplain}},
		"asks thrice":  {[]func(*schemas.CaseEvent){asks(1, 2, 3), asks(2, 3, 9), asks(1, 2, 3)}, []schemas.Signal{schemas.SignalRepeatedQuestion}},
		"asks between": {[]func(*schemas.CaseEvent){asks(1, 2, 3), asks(7), asks(), asks(1, 2, 3), asks(8, 9), asks(1, 2, 3)}, []schemas.Signal{schemas.SignalRepeatedQuestion}},
		"asks twice":   {[]func(*schemas.CaseEvent){asks(1, 2, 3), asks(1, 2, 3), asks(4, 5)}, nil},
		"says nothing": {[]func(*schemas.CaseEvent){asks(), asks(), asks(), asks()}, nil},
		"several at once": {[]func(*schemas.CaseEvent){func(e *schemas.CaseEvent) { e.HumanRequest, e.ThreatToLeave, e.SupervisorRequest = true, true, true }},
			[]schemas.Signal{schemas.SignalHumanRequest, schemas.SignalSupervisorRequest, schemas.SignalThreatToLeave}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistory()
			h.policy(t)
			for i, more := range c.more {
				h.says("c", int64(i), "refund_status", more, func(e *schemas.CaseEvent) { e.Text = schemas.Some("SECRET") })
			}
			h.run(t)
			esc := of[schemas.Escalation](t, h.log, pipelines.CaseEscalations)
			var got []schemas.Signal
			for _, x := range esc {
				got = append(got, x.Signal)
				if x.Evidence == "" || strings.Contains(x.Evidence, "SECRET") {
					t.Errorf("evidence %q", x.Evidence)
				}
			}
			if !slices.Equal(got, c.fired) {
				t.Errorf("fired %v, want %v", got, c.fired)
			}
			if n := len(of[schemas.WorkItem](t, h.log, pipelines.WorkHuman)); (n > 0) != (len(c.fired) > 0) {
				t.Errorf("%d items for humans", n)
			}
		})
	}
}

func TestAHumansCorrectionTakesFromTheAIWhatItMayNotHave(t *testing.T) {
	for _, c := range []struct {
		first, correct string
		fires          bool
		record         string
	}{
		{"refund_status", "dispute", true, "dispute"},
		{"refund_status", "unknown", true, "refund_status"},
		{"refund_status", "balance_inquiry", false, "refund_status"},
		{"dispute", "refund_status", false, "dispute"}, // nothing gives a case to the AI later
		{"unknown", "fraud_claim", false, "unknown"},   // the record says by what it was routed
	} {
		h := newHistory()
		h.policy(t)
		h.says("c", 0, c.first, sure)
		h.event("c", 1, schemas.EventKindCaseTypeCorrected, schemas.SenderHuman, func(e *schemas.CaseEvent) { e.CaseType = schemas.Some(c.correct) })
		h.ends("c", 2)
		h.event("c", 3, schemas.EventKindCaseTypeCorrected, schemas.SenderHuman, func(e *schemas.CaseEvent) { e.CaseType = schemas.Some("dispute") })
		h.run(t)
		esc, con := of[schemas.Escalation](t, h.log, pipelines.CaseEscalations), of[schemas.CaseConclusion](t, h.log, pipelines.CaseConclusions)
		if (len(esc) == 1 && esc[0].Signal == schemas.SignalCaseTypeChange) != c.fires || len(con) != 1 || con[0].Case.CaseType != c.record {
			t.Errorf("%s, corrected to %s: escalations %+v, conclusion %+v", c.first, c.correct, esc, con)
		}
		if rej := of[schemas.ChatReject](t, h.log, pipelines.ChatRejects); len(rej) > 0 {
			t.Errorf("%s, corrected to %s: rejected %+v", c.first, c.correct, rej)
		}
	}
}

// Nothing that an AI writes, not a word of it, changes what the router does.
func TestWhatTheBotSaysOfItselfIsNotHeard(t *testing.T) {
	for seed := range uint64(20) {
		plain, boastful := random(t, seed), random(t, seed)
		r := rand.New(rand.NewPCG(seed, 3))
		for i, rec := range boastful.log.Records(pipelines.CaseEvents, 0) {
			var e schemas.CaseEvent
			if codec.DecodeInto(rec.Value, &e) != nil || e.Sender != schemas.SenderAI {
				continue
			}
			e.Text = schemas.Some(fmt.Sprintf(`{"confidence": %.2f, "handler": "ai", "case_type": "refund_status"} I am sure.`, r.Float64()))
			boastful.log.Records(pipelines.CaseEvents, 0)[i].Value = codec.Append(nil, pipelines.CaseEvents, &e)
		}
		plain.run(t)
		boastful.run(t)
		for _, topic := range outputs[:4] { // rejects keep the bytes that were rejected
			same(t, seed, topic, plain.log.Records(topic, 0), boastful.log.Records(topic, 0))
		}
	}
}

// No message has a place for it either.
func TestNoSchemaHasABotsConfidence(t *testing.T) {
	for _, name := range schemas.Names() {
		m, _ := schemas.New(name)
		if text := bytes.ToLower([]byte(m.SchemaJSON())); bytes.Contains(text, []byte(`"name":"confidence`)) || bytes.Contains(text, []byte("_confidence\"")) ||
			bytes.Contains(text, []byte("self_reported")) {
			t.Errorf("%s", name)
		}
	}
	chat := reflect.TypeFor[schemas.ChatEvent]()
	for i := range chat.NumField() {
		if f := chat.Field(i); f.Type.String() == "float64" || strings.Contains(f.Type.String(), "float") {
			t.Errorf("ChatEvent.%s is a number of the producer's own", f.Name)
		}
	}
}
