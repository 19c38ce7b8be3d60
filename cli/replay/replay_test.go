package replay

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/casetrail/casetrail/cli/corpus"
	"github.com/casetrail/casetrail/schemas"
)

// desk answers as a router would: by the type that it is told, with a timer after ten minutes.
type desk struct {
	work   chan *schemas.WorkItem
	human  map[string]bool
	opened map[string]int64
	events []schemas.ChatEvent
	clock  int64
	t      *testing.T
}

func (d *desk) Publish(_ context.Context, events []schemas.ChatEvent) error {
	for _, e := range events {
		if e.OccurredAt < d.clock {
			d.t.Errorf("%s at %d, after the clock said %d", e.EventID, e.OccurredAt, d.clock)
		}
		if d.opened[e.CaseID] == 0 {
			d.opened[e.CaseID] = e.OccurredAt
		}
		if e.Kind == schemas.EventKindMessage && e.Sender == schemas.SenderCustomer {
			w := &schemas.WorkItem{CaseID: e.CaseID, EventID: e.EventID, Handler: schemas.HandlerAI}
			if d.human[e.CaseID] || len(e.CaseID)%3 == 0 {
				d.human[e.CaseID], w.Handler = true, schemas.HandlerHuman
			}
			d.work <- w
		} else if e.Sender == schemas.SenderAI && d.human[e.CaseID] && e.Text.Value != "I can take care of that for you right away, no need to wait for an agent." {
			d.t.Errorf("%s: the bot acts on a human's case", e.EventID)
		}
	}
	d.events = append(d.events, events...)
	return nil
}

func (d *desk) Clock(_ context.Context, at int64) error {
	d.clock = at
	for id, opened := range d.opened {
		if !d.human[id] && at >= opened+600_000 {
			d.human[id] = true
			d.work <- &schemas.WorkItem{CaseID: id, Handler: schemas.HandlerHuman, AssignedAt: opened + 600_000}
		}
	}
	return nil
}

func (d *desk) Work() <-chan *schemas.WorkItem { return d.work }

func play(t *testing.T, seed uint64) []schemas.ChatEvent {
	shipped, err := corpus.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	cs := corpus.Sample(shipped, 400, seed)
	p := New(cs, Options{Seed: seed, Start: 1_800_000_000_000, Span: 24 * time.Hour, Ahead: 6 * time.Hour, Misbehaves: .05, BotVersion: "bot-1", Duration: 10 * time.Minute})
	d := &desk{work: make(chan *schemas.WorkItem, 1e5), human: map[string]bool{}, opened: map[string]int64{}, t: t}
	if _, err := Run(t.Context(), p, d, Pace{Patience: 5 * time.Second}, func(int, int) {}); err != nil {
		t.Fatal(err)
	}
	return d.events
}

func TestReplayPlaysEveryConversationInOrder(t *testing.T) {
	events := play(t, 7)
	last, ids, cases, kinds := map[string]int64{}, map[string]bool{}, map[string]bool{}, map[schemas.EventKind]int{}
	for _, e := range events {
		if e.OccurredAt < last[e.CaseID] {
			t.Errorf("%s goes back in time", e.EventID)
		}
		if ids[e.EventID] {
			t.Errorf("%s twice", e.EventID)
		}
		if last[e.CaseID] == 0 && (e.Kind != schemas.EventKindMessage || e.Sender != schemas.SenderCustomer) {
			t.Errorf("%s opens a case with a %s of %s", e.EventID, e.Kind, e.Sender)
		}
		last[e.CaseID], ids[e.EventID], cases[e.CaseID] = e.OccurredAt, true, true
		kinds[e.Kind]++
	}
	if len(cases) != 400 || kinds[schemas.EventKindResolved] < 350 || kinds[schemas.EventKindRating] < 100 || kinds[schemas.EventKindComplaint] == 0 {
		t.Errorf("%d cases, %v", len(cases), kinds)
	}
}

func TestReplayRepeatsItself(t *testing.T) {
	set := func(events []schemas.ChatEvent) map[string]string {
		m := map[string]string{}
		for _, e := range events {
			m[e.EventID] = fmt.Sprint(e)
		}
		return m
	}
	a, b := set(play(t, 3)), set(play(t, 3))
	if len(a) != len(b) {
		t.Fatalf("%d and %d events", len(a), len(b))
	}
	for id, e := range a {
		if b[id] != e {
			t.Fatalf("%s and %s", e, b[id])
		}
	}
}

func TestReplayGivesUpOnASilentRouter(t *testing.T) {
	cs := []corpus.Conversation{{ID: "c", CaseType: "dispute", Messages: []corpus.Message{{Sender: corpus.Customer, Text: "hi"}}}}
	p := New(cs, Options{Start: 1, Span: time.Hour, Ahead: time.Hour})
	d := &desk{work: make(chan *schemas.WorkItem), t: t, opened: map[string]int64{}, human: map[string]bool{"c": true}}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := Run(ctx, p, silent{d}, Pace{Patience: 50 * time.Millisecond}, func(int, int) {})
	if err == nil {
		t.Fatal("no error")
	}
}

type silent struct{ *desk }

func (silent) Publish(context.Context, []schemas.ChatEvent) error { return nil }
