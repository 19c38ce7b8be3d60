package chat

import (
	"testing"

	"github.com/casetrail/casetrail/cli/world"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/policies"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/pipelines/stage/memory"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/intake/classify"
	"github.com/casetrail/casetrail/services/intake/signals"
	"github.com/casetrail/casetrail/services/router/cases"
	"github.com/casetrail/casetrail/services/router/guard"
)

func script(t *testing.T, policy []byte) *Script {
	t.Helper()
	model, err := classify.Load()
	if err != nil {
		t.Fatal(err)
	}
	p, err := guard.Parse(policy)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New("sim", model, p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The shipped classifier gives every sentence its type. Without the guard the AI gets the hard types too, and humans some of
// them; with it the AI gets none, and that's what it is for.
func TestThePolicyDecidesWhatTheAIGets(t *testing.T) {
	ai, human := script(t, policies.Before).Never()
	if len(ai) != 0 || len(human) != 4 || human[0] != "balance_inquiry" {
		t.Errorf("before the guard, no AI has %v and no human has %v", ai, human)
	}
	ai, human = script(t, policies.Default).Never()
	if len(ai) != 4 || ai[0] != "complex_multi_product" || len(human) != 0 {
		t.Errorf("with the guard, no AI has %v and no human has %v", ai, human)
	}
}

// What customers say for a human to be pulled in is heard as that.
func TestCallsAreHeard(t *testing.T) {
	d, err := signals.Load()
	if err != nil {
		t.Fatal(err)
	}
	for signal, list := range calls {
		for _, text := range list {
			f := d.Detect(text)
			heard := map[schemas.Signal]bool{schemas.SignalHumanRequest: f.HumanRequest && !f.SupervisorRequest, schemas.SignalSupervisorRequest: f.SupervisorRequest,
				schemas.SignalThreatToLeave: f.ThreatToLeave, schemas.SignalThreatToComplain: f.ThreatToComplain}
			if !heard[signal] {
				t.Errorf("%q is heard as %+v, not as %s", text, f, signal)
			}
		}
	}
}

// The router, given what the customers of the company wrote and what the classifier makes of it, concludes the cases that
// were drawn: each with its type, its handler, its end, its rating and its complaint.
func TestTheRouterConcludesTheCasesThatWereDrawn(t *testing.T) {
	for name, policy := range map[string][]byte{"before": policies.Before, "guard": policies.Default} {
		t.Run(name, func(t *testing.T) { concludes(t, policy) })
	}
}

func concludes(t *testing.T, policy []byte) {
	t.Helper()
	const hours = 10
	config := world.Config{Seed: 3, Start: 2900 * 168, Cases: 60_000}
	w, err := world.NewCases(config)
	if err != nil {
		t.Fatal(err)
	}
	s := script(t, policy)
	q := NewQueue(s, w, hours)
	log := memory.New(1)
	codec := schemas.NewOfflineCodec(pipelines.Subjects(pipelines.Router)...)
	put := func(key string, m schemas.Message) {
		n := int64(len(log.Records(pipelines.CaseEvents, 0)))
		log.Append(stage.Record{Topic: pipelines.CaseEvents, Key: []byte(key), Value: codec.Append(nil, pipelines.CaseEvents, m), Stage: pipelines.Intake, Position: stage.Position{Offset: n}})
	}
	put("", &schemas.PolicyChange{Version: "simulated", Document: string(policy)})
	model, _ := classify.Load()
	heard, _ := signals.Load()
	last := int64(0)
	for e, ok := q.Next(); ok; e, ok = q.Next() {
		if e.OccurredAt < last || !e.Synthetic {
			t.Fatalf("%+v after %d", e, last)
		}
		if e.OccurredAt > last {
			put("", &schemas.Tick{Time: e.OccurredAt - 1, Sources: 1})
		}
		last = e.OccurredAt
		x := &schemas.CaseEvent{EventID: e.EventID, CaseID: e.CaseID, Kind: e.Kind, Sender: e.Sender, OccurredAt: e.OccurredAt, ObservedAt: e.OccurredAt,
			Text: e.Text, AIModelVersion: e.AIModelVersion, Outcome: e.Outcome, Rating: e.Rating, Synthetic: true}
		if e.Sender == schemas.SenderCustomer && e.Text.Set {
			f, h := model.Classify(e.Text.Value), heard.Detect(e.Text.Value)
			x.CaseType, x.CaseTypeProbability, x.AIProbability, x.Bare = schemas.Some(f.CaseType), schemas.Some(f.Probability), schemas.Some(f.AIProbability), f.Bare
			x.HumanRequest, x.SupervisorRequest, x.ThreatToLeave, x.ThreatToComplain = h.HumanRequest, h.SupervisorRequest, h.ThreatToLeave, h.ThreatToComplain
			x.Sentiment = schemas.Some(0.0)
		}
		put(e.CaseID, x)
	}
	put("", &schemas.Tick{Time: last + 24*hour, Sources: 1})
	stage, err := memory.Start(log, cases.Definition(codec), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := stage.Drain(1000); err != nil {
		t.Fatal(err)
	}
	if n := len(log.Records(pipelines.ChatRejects, 0)); n > 0 {
		t.Fatalf("%d events were sent back", n)
	}
	type end struct {
		caseType, route string
		opened, at      int64
		outcome         schemas.Outcome
		signals         int
		rating          int32
		complaint       bool
	}
	got := map[string]end{}
	for _, r := range log.Records(pipelines.CaseConclusions, 0) {
		m, err := codec.Decode(r.Value)
		if err != nil {
			t.Fatal(err)
		}
		switch m := m.(type) {
		case *schemas.CaseConclusion:
			c := &m.Case
			got[c.CaseID] = end{c.CaseType, c.Route.String(), c.OpenedAt, c.ConcludedAt, c.ResolutionOutcome, len(c.EscalationSignals), c.CustomerSatisfactionScore.Value, c.ComplaintLodged}
		case *schemas.CaseAmendment:
			e := got[m.Amendment.CaseID]
			if m.Amendment.CustomerSatisfactionScore.Set {
				e.rating = m.Amendment.CustomerSatisfactionScore.Value
			}
			e.complaint = e.complaint || m.Amendment.ComplaintLodged
			got[m.Amendment.CaseID] = e
		}
	}
	again, err := world.NewCases(config)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	routes := map[string]string{world.AI: "ai_handled", world.Human: "human_handled", world.Escalated: "ai_then_escalated"}
	for range hours {
		_, cs := again.Next()
		for i := range cs {
			c := cs[i]
			s.open(&c)
			want := end{c.CaseType, routes[c.Handler], c.Opened, c.Concluded, c.Outcome, 0, c.Rating, c.Complained > 0}
			if c.Escalated > 0 {
				want.signals = 1
			}
			if c.Escalated > 0 && c.Signal == schemas.SignalSupervisorRequest {
				want.signals = 2 // it is a request for a human, too
			}
			if g := got[s.ID(&c)]; g != want {
				t.Fatalf("%+v\nbecame %+v", c, g)
			}
			n++
		}
	}
	if n != len(got) || n < 300 {
		t.Errorf("%d cases were drawn and %d concluded", n, len(got))
	}
}
