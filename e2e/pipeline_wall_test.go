package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/casetrail/casetrail/e2e/harness"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
)

// TestPipelineByTheWall runs the whole by the wall clock, as in live use, while what comes in is bad and ClickHouse is
// away from the start.
func TestPipelineByTheWall(t *testing.T) {
	onBothStacks(t, func(t *testing.T, kind harness.Kind) {
		p := harness.Start(t, kind, harness.Options{Without: []string{pipelines.Sink}})
		away := harness.Address(t)
		sink := p.Add(pipelines.Sink, "--clickhouse-url", "http://"+away+"/casetrail")
		w := &wall{sink: sink, address: away}
		for _, part := range []struct {
			name string
			run  func(*testing.T)
		}{{"bad input", w.badInput}, {"bad policies", w.badPolicies}, {"http", w.http}, {"clickhouse away", w.away}} {
			t.Run(part.name, func(t *testing.T) {
				w.p = p.In(t)
				part.run(t)
			})
		}
	})
}

// wall is the pipeline and what is known to be in it.
type wall struct {
	p       *harness.Pipeline
	sink    *harness.Service
	address string   // at which the sink looks for ClickHouse
	cases   []string // that are good and ended
	// rejects are the reasons that must be in chat.rejects, by message key.
	rejects map[string]string
}

// says is a customer's first message.
func says(id, text string) *schemas.ChatEvent {
	return &schemas.ChatEvent{EventID: id + "-1", CaseID: id, Kind: schemas.EventKindMessage, Sender: schemas.SenderCustomer,
		OccurredAt: time.Now().UnixMilli(), Text: schemas.Some(text), CustomerID: schemas.Some("customer of " + id)}
}

// ends is a human's word that the case is resolved.
func ends(id string) *schemas.ChatEvent {
	return &schemas.ChatEvent{EventID: id + "-2", CaseID: id, Kind: schemas.EventKindResolved, Sender: schemas.SenderHuman,
		OccurredAt: time.Now().UnixMilli(), Outcome: schemas.Some(schemas.OutcomeResolvedConfirmed)}
}

func (w *wall) encode(m schemas.Message) []byte {
	return w.p.Codec.Append(nil, pipelines.ChatEvents, m)
}

// good publishes a case from its beginning to its end.
func (w *wall) good(t *testing.T, id string) {
	t.Helper()
	if err := w.p.Publish(pipelines.ChatEvents, id, w.encode(says(id, "where is my refund?")), w.encode(ends(id))); err != nil {
		t.Fatal(err)
	}
	w.cases = append(w.cases, id)
}

// bad publishes a value that must come back with a reason.
func (w *wall) bad(t *testing.T, key, reason string, value []byte) {
	t.Helper()
	if err := w.p.Publish(pipelines.ChatEvents, key, value); err != nil {
		t.Fatal(err)
	}
	w.expect(key, reason)
}

func (w *wall) expect(key, reason string) {
	if w.rejects == nil {
		w.rejects = map[string]string{}
	}
	w.rejects[key] = reason
}

// rejected are the reasons in chat.rejects, by message key.
func (w *wall) rejected() map[string][]string {
	out := map[string][]string{}
	w.p.Read(pipelines.ChatRejects, func(_ stage.Record, m schemas.Message) {
		x := m.(*schemas.ChatReject)
		out[string(x.Key.Value)] = append(out[string(x.Key.Value)], x.Reason)
	})
	return out
}

// settled waits until everything that must come back has, and checks that it did so once, and that nothing else did.
func (w *wall) settled(t *testing.T) {
	t.Helper()
	harness.Eventually(t, "all that is bad comes back", patience, func() bool { return len(w.rejected()) >= len(w.rejects) })
	got := w.rejected()
	for key, reason := range w.rejects {
		if fmt.Sprint(got[key]) != "["+reason+"]" {
			t.Errorf("%s: rejected for %v, want one %s", key, got[key], reason)
		}
		delete(got, key)
	}
	if len(got) > 0 {
		t.Errorf("rejected and should not be: %v", got)
	}
}
