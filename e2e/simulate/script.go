package simulate

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/intake/classify"
	"github.com/casetrail/casetrail/services/intake/order"
	"github.com/casetrail/casetrail/services/router/guard"
)

// scripted is one event, or an operator's word, and when it happens.
type scripted struct {
	at       int64
	event    schemas.ChatEvent
	operator schemas.Message // nil of an event
	to       int32           // the partition, of an operator's word
}

// policy is one with short times, so that every timer of a case goes off within the simulation.
const policy = `version: "%s"
workflow: customer_service
routes:
  ai_handles: [refund_status, balance_inquiry, shipment_tracking, basic_transaction_query]
  human_only: [dispute, fraud_claim, hardship_request, complex_multi_product]
classification: {max_leak: 0.005, ai_threshold: 0.5, wait_for_content: 2}
tripwires:
  human_request: true
  supervisor_request: true
  threat_to_leave: true
  threat_to_complain: true
  repeated_questions: 3
  negative_messages: 2
  negative_sentiment: -0.5
  duration: %dm
  case_type_change: 0.7
idle_close: %dm
amendments: 8m
`

// sayings are what customers say, of every case type and of none.
var sayings = []string{
	"Where is my refund? I sent the shoes back two weeks ago", "has my refund been processed yet", "What is my account balance?",
	"how much money do I have in my checking account", "Where is my parcel, the tracking has not moved since Monday", "when will my package arrive",
	"What was that payment of 12.50 on Friday?", "show me my last five transactions", "I want to dispute this direct debit, I never agreed to it",
	"Somebody used my card, these charges are not mine", "my card was stolen and there are payments I did not make", "I lost my job and can't pay the instalment this month",
	"I need to change my address and also my order never came and my card is blocked", "hello", "is anyone there?", "thanks", "yes, the blue one",
	"I want to talk to a human", "Please let me speak to a real person", "This is useless, you are not helping at all", "I am really angry, third time I ask this",
	"let me talk to your supervisor", "I will close my account and go to another bank", "I will complain to the ombudsman about you",
	"there is something on my statement", "my card", "it is about the thing I bought", "payment", "the refund and also something else entirely",
	"where is my refund", "I asked where my refund is", "refund status please", "nothing works with you people, this is ridiculous", "¿Dónde está mi reembolso?", "مرحبا أين طلبي", "",
}

func newScript(w *world) []scripted {
	var out []scripted
	r := w.rand
	span := int64(2+r.IntN(12)) * 60_000
	for v := range 1 + r.IntN(2) {
		doc := fmt.Sprintf(policy, fmt.Sprint("v", v), 1+r.IntN(3), 3+r.IntN(4))
		change, err := guard.Sign([]byte(doc), w.actual.writer)
		if err != nil {
			panic(err)
		}
		out = append(out, scripted{at: epoch + r.Int64N(span/2)*int64(v), operator: change, to: w.anywhere()})
	}
	out = append(out, orders(w, span)...)
	out = append(out, erasures(w, span)...)
	for c := range 4 + r.IntN(16) {
		out = append(out, conversation(w, fmt.Sprint("case-", c), epoch+r.Int64N(span))...)
	}
	slices.SortStableFunc(out, func(a, b scripted) int { return cmp.Compare(a.at, b.at) })
	return out
}

// orders are a rotation of the ledgers' key, likely, and the same one played again, which nobody may follow; and seals of one generation after
// another, by one partition, so that none overtakes the one before, and played again too.
func orders(w *world, span int64) (out []scripted) {
	f := w.actual
	at, to := epoch, w.anywhere()
	for range w.rand.IntN(4) {
		w.seals++
		o := &schemas.LedgerOrder{Order: schemas.OrderKindSeal, Ledgers: prefix, Generation: schemas.Some(w.seals)}
		if err := order.Sign(o, f.writer); err != nil {
			panic(err)
		}
		at += w.rand.Int64N(span / 3)
		out = append(out, scripted{at: at, operator: o, to: to})
		for range w.rand.IntN(2) {
			out = append(out, scripted{at: at + w.rand.Int64N(span), operator: o, to: w.anywhere()})
		}
	}
	for range w.rand.IntN(3) {
		o := &schemas.LedgerOrder{Order: schemas.OrderKindRotateKey, Ledgers: prefix, Replaces: schemas.Some(f.signer.VerifierKey()), PublicKey: schemas.Some(f.second.VerifierKey())}
		if err := order.Sign(o, f.writer); err != nil {
			panic(err)
		}
		out = append(out, scripted{at: epoch + w.rand.Int64N(span), operator: o, to: w.anywhere()})
	}
	return out
}

func (w *world) anywhere() int32 { return w.rand.Int32N(w.broker.partitions) }

// erasures are orders to erase, one after the other, each in every partition, that of partition 0 last; and old ones played again, by
// somebody who may write to chat.events.
func erasures(w *world, span int64) (out []scripted) {
	at := epoch
	for v := range w.rand.Int64N(3) {
		o := &schemas.LedgerOrder{Order: schemas.OrderKindErase, Ledgers: prefix, Erase: schemas.Some(schemas.ErasureOrder{
			Erasure: schemas.Erasure{CaseIDsSHA256: schemas.Hash{byte(v)}, ErasedAt: epoch + v}, CustomerKeyVersion: v + 1, CustomerKeySHA256: keySum(v + 1)})}
		if err := order.Sign(o, w.actual.writer); err != nil {
			panic(err)
		}
		for p := w.broker.partitions - 1; p >= 0; p-- {
			at += w.rand.Int64N(span / 8)
			out = append(out, scripted{at: at, operator: o, to: p})
		}
		w.erasures++
		for range w.rand.IntN(3) {
			out = append(out, scripted{at: at + w.rand.Int64N(span), operator: o, to: w.anywhere()})
		}
	}
	return out
}

// conversation is one case, likely or not.
func conversation(w *world, id string, at int64) []scripted {
	var out []scripted
	r, n := w.rand, 0
	add := func(kind schemas.EventKind, sender schemas.Sender, edit func(*schemas.ChatEvent)) {
		e := schemas.ChatEvent{EventID: fmt.Sprint(id, "-", n), CaseID: id, Kind: kind, Sender: sender, OccurredAt: at}
		if sender == schemas.SenderAI {
			e.AIModelVersion = schemas.Some("bot-1")
		}
		if r.IntN(2) == 0 {
			e.CustomerID = schemas.Some("customer of " + id)
		}
		if edit != nil {
			edit(&e)
		}
		n++
		out = append(out, scripted{at: at, event: e})
	}
	says := func(sender schemas.Sender) {
		add(schemas.EventKindMessage, sender, func(e *schemas.ChatEvent) { e.Text = schemas.Some(sayings[r.IntN(len(sayings))]) })
	}
	rates := func() {
		add(schemas.EventKindRating, schemas.SenderCustomer, func(e *schemas.ChatEvent) { e.Rating = schemas.Some(int32(1 + r.IntN(5))) })
	}
	human := r.IntN(3) == 0
	for range 1 + r.IntN(7) {
		says(schemas.SenderCustomer)
		at += r.Int64N(30_000)
		switch r.IntN(9) {
		case 0:
			add(schemas.EventKindAgentJoined, schemas.SenderHuman, nil)
			human = true
		case 2:
			add(schemas.EventKindCaseTypeCorrected, schemas.SenderHuman, func(e *schemas.ChatEvent) {
				e.CaseType = schemas.Some(classify.CaseTypes[r.IntN(len(classify.CaseTypes))])
			})
		case 1:
			rates()
		default:
			says([]schemas.Sender{schemas.SenderAI, schemas.SenderHuman}[map[bool]int{true: 1}[human]])
		}
		at += r.Int64N(40_000)
	}
	switch r.IntN(4) {
	case 0, 1:
		add(schemas.EventKindResolved, []schemas.Sender{schemas.SenderAI, schemas.SenderHuman, schemas.SenderCustomer}[r.IntN(3)], nil)
	case 2:
		add(schemas.EventKindClosed, schemas.SenderSystem, nil)
	}
	for range r.IntN(3) {
		at += r.Int64N(5 * 60_000)
		switch r.IntN(4) {
		case 0:
			says(schemas.SenderCustomer)
		case 1:
			add(schemas.EventKindComplaint, schemas.SenderCustomer, nil)
		default:
			rates()
		}
	}
	return out
}

// publish puts what is due into chat.events, as its producers do.
func (w *world) publish() {
	if w.said == len(w.script) {
		if w.faults.eventClock && w.rand.IntN(4) == 0 {
			w.ringClocks()
		}
		return
	}
	s := &w.script[w.said]
	if w.faults.eventClock {
		w.now = max(w.now, s.at)
	} else if s.at > w.now {
		return
	}
	w.said++
	if s.operator != nil {
		if o, ok := s.operator.(*schemas.LedgerOrder); ok && o.Erase.Set {
			w.keyVersion = max(w.keyVersion, o.Erase.Value.CustomerKeyVersion)
		}
		w.emit(s.to, nil, s.operator)
		return
	}
	p := kafka.Murmur2Partition([]byte(s.event.CaseID), w.broker.partitions)
	e := s.event
	if !w.faults.eventClock {
		e.OccurredAt = w.now - w.rand.Int64N(1000)
	}
	w.emit(p, []byte(e.CaseID), &e)
	w.dirt(p, &e)
	if w.faults.eventClock && w.rand.IntN(3) == 0 {
		w.ring(int32(w.rand.IntN(int(w.broker.partitions))), e.OccurredAt)
	}
}

func (w *world) emit(p int32, key []byte, m schemas.Message) {
	w.stats.Events++
	w.put(p, stage.Record{Key: key, Value: w.actual.codec.Append(nil, pipelines.ChatEvents, m)})
}

func (w *world) put(p int32, r stage.Record) {
	w.broker.topics[stage.TopicPartition{Topic: pipelines.ChatEvents, Partition: p}].append(w.now, r)
}

// dirt is what a careless producer does: it publishes again, and things that are no events, and aborts transactions.
func (w *world) dirt(p int32, e *schemas.ChatEvent) {
	value := w.actual.codec.Append(nil, pipelines.ChatEvents, e)
	if w.chance(w.faults.dirty) {
		w.emit(p, []byte(e.CaseID), e)
	}
	if w.chance(w.faults.dirty) {
		w.broker.topics[stage.TopicPartition{Topic: pipelines.ChatEvents, Partition: p}].hide()
	}
	if w.chance(w.faults.dirty) {
		value[w.rand.IntN(len(value))] ^= byte(1 + w.rand.IntN(255))
		// Under the event clock an event's time is taken as it is: one that is years ahead ends its case, as its time says.
		var now schemas.ChatEvent
		if w.actual.codec.DecodeInto(value, &now) != nil || !w.faults.eventClock || now.OccurredAt == e.OccurredAt {
			w.put(p, stage.Record{Key: []byte(e.CaseID), Value: value})
		}
	}
	if w.chance(w.faults.dirty) {
		w.put(p, stage.Record{Value: [][]byte{nil, {}, []byte("hello"), {0, 0, 0, 0, 99, 1}, value[:len(value)/2]}[w.rand.IntN(5)]})
	}
}

// ring says that a partition is complete up to a time: the clock of a replay of history.
func (w *world) ring(p int32, at int64) {
	w.emit(p, nil, &schemas.ChatEvent{Kind: schemas.EventKindClock, Sender: schemas.SenderSystem, OccurredAt: at})
}

func (w *world) ringClocks() {
	if w.faults.eventClock {
		for p := range w.broker.partitions {
			w.ring(p, w.now)
		}
	}
}
