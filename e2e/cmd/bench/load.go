package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/casetrail/casetrail/cli/corpus"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/intake/classify"
)

// load makes the events of cases from the shipped conversations: what customers wrote, answers by whoever the guard
// would choose, the resolution and sometimes a rating. About ten events a case.
type load struct {
	codec  *schemas.Codec
	cases  []corpus.Conversation
	ai     []bool
	rand   *rand.Rand
	serial int
	name   string
}

func newLoad(codec *schemas.Codec, name string) (*load, error) {
	cs, err := corpus.Shipped()
	if err != nil {
		return nil, err
	}
	model, err := classify.Load()
	if err != nil {
		return nil, err
	}
	l := &load{codec: codec, cases: cs, ai: make([]bool, len(cs)), rand: rand.New(rand.NewPCG(1, 2)), name: name}
	for i, c := range cs {
		f := model.Classify(c.Messages[0].Text)
		for _, t := range classify.CaseTypes[:4] {
			l.ai[i] = l.ai[i] || f.CaseType == t
		}
	}
	return l, nil
}

// next gives the events of one more case; open leaves it without an end.
func (l *load) next(open bool) (id string, events []schemas.ChatEvent) {
	l.serial++
	k := l.rand.IntN(len(l.cases))
	c := l.cases[k]
	id = fmt.Sprintf("%s-%d", l.name, l.serial)
	now := time.Now().UnixMilli()
	add := func(kind schemas.EventKind, sender schemas.Sender) *schemas.ChatEvent {
		e := schemas.ChatEvent{EventID: fmt.Sprint(len(events)), CaseID: id, Kind: kind, Sender: sender, OccurredAt: now, Synthetic: true}
		if sender == schemas.SenderAI {
			e.AIModelVersion = schemas.Some("bench-bot-1")
		}
		events = append(events, e)
		return &events[len(events)-1]
	}
	agent := schemas.SenderHuman
	if l.ai[k] {
		agent = schemas.SenderAI
	}
	for i, m := range c.Messages {
		sender := agent
		if m.Sender == corpus.Customer {
			sender = schemas.SenderCustomer
		} else if i == 0 {
			continue
		}
		e := add(schemas.EventKindMessage, sender)
		e.Text = schemas.Some(m.Text)
		if sender == schemas.SenderCustomer {
			e.CustomerID = schemas.Some("customer-" + id)
		}
	}
	if open {
		return id, events
	}
	add(schemas.EventKindResolved, schemas.SenderHuman).Outcome = schemas.Some(schemas.OutcomeResolvedUnconfirmed)
	if l.rand.IntN(4) == 0 {
		add(schemas.EventKindRating, schemas.SenderCustomer).Rating = schemas.Some(int32(1 + l.rand.IntN(5)))
	}
	return id, events
}

// records are events as they go to chat.events.
func (l *load) records(events []schemas.ChatEvent) []stage.Record {
	out := make([]stage.Record, len(events))
	for i := range events {
		out[i] = stage.Record{Topic: pipelines.ChatEvents, Key: []byte(events[i].CaseID), Value: l.codec.Append(nil, pipelines.ChatEvents, &events[i])}
	}
	return out
}
