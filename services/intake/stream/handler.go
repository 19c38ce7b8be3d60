// Package stream is intake's core: it takes chat events from one partition of chat.events, validates them, adds what the
// models find, and spreads them over case.events by case. It has no state; what is not deterministic (arrival, findings,
// commitments) is decided here, once, and is data from here on.
package stream

import (
	"errors"
	"fmt"
	"math"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/intake/classify"
	"github.com/casetrail/casetrail/services/intake/order"
	"github.com/casetrail/casetrail/services/intake/signals"
	"github.com/casetrail/casetrail/services/intake/validate"
	"github.com/casetrail/casetrail/services/router/guard"
)

// Faults that only intake knows; each is a reason code of chat.rejects.
var (
	errPolicy = errors.New("bad_policy")
	errOrder  = errors.New("bad_order")
	errClock  = errors.New("clock_refused")
	errType   = errors.New("wrong_type")
)

// reasons are intake's own codes, the most telling first.
var reasons = []pipelines.Reason{{Err: validate.ErrTooLarge, Code: "too_large"}, {Err: validate.ErrTime, Code: "bad_time"},
	{Err: validate.ErrEvent, Code: "bad_event"}, {Err: errPolicy, Code: "bad_policy"}, {Err: errOrder, Code: "bad_order"}, {Err: errClock, Code: "clock_refused"}}

// maxValue bounds a message's value: an event of the largest text, with room for the rest.
const maxValue = 128 << 10

// Classifier finds the case type of a customer's message.
type Classifier interface {
	// Find never fails and takes a bounded time: a message that it can't type is unknown, and a human's. version names
	// whatever found it, in every record.
	Find(text string) (found classify.Finding, version string)
}

// Customers is the secret that commitments are made with.
type Customers interface {
	// Commitment is what ties the cases of a customer to each other, and to nobody.
	Commitment(id string) [32]byte
	// Erased is called where the log says that customers were erased, and what the secret is since. An error ends the stage.
	Erased(version int64, sum [32]byte) error
}

// Options are what a deployment decides.
type Options struct {
	Codec *schemas.Codec
	// Model types customers' messages, Signals hears what else they say.
	Model   Classifier
	Signals *signals.Detector
	// PolicyKey is the operator's key; a policy or an order that it did not sign is refused.
	PolicyKey note.Verifier
	// EventClock takes time from the events and from clock events, for the replay of history. Otherwise time is the
	// wall's.
	EventClock bool
	// Learn makes the codec know the schema of a value: a producer may have its own version.
	Learn func(value []byte) error
	// Now is the wall clock.
	Now func() time.Time
	// Customers knows the commitments of customers.
	Customers Customers
}

// Handler is the stage.Handler of one partition of chat.events.
type Handler struct {
	Options
	partition int32
	sources   int32
	targets   int32
	time      int64 // the last time promised to case.events, or given to an event
	ticked    int64 // the last tick
	arrived   int64 // of the last input
	offset    int64 // of the last input
	in        stage.Record
	out       []stage.Record
	event     schemas.ChatEvent
	found     schemas.CaseEvent
	version   versions
}

// Definition is intake as a stage.
func Definition(o Options) stage.Definition {
	return stage.Definition{
		Name: pipelines.Intake, Inputs: []string{pipelines.ChatEvents},
		Outputs: []string{pipelines.CaseEvents, pipelines.ChatRejects}, Spread: true, Learn: o.Learn,
		New: func(partition int32) (stage.Handler, error) { return &Handler{Options: o, partition: partition}, nil },
		Reject: func(in stage.Record, err error) stage.Record {
			return pipelines.Reject(o.Codec, in, err, o.Now().UnixMilli(), reasons...)
		},
	}
}

// Recover implements stage.Handler: the committed offset says where to go on. Up to when this source has promised to be
// complete, case.events says under the wall clock, and under the event clock the clock events before that offset: there the
// times of events say nothing, since events may run ahead of the clock.
func (h *Handler) Recover(log stage.Log) (map[stage.TopicPartition]int64, error) {
	var err error
	if h.sources, err = log.Partitions(pipelines.ChatEvents); err != nil {
		return nil, err
	}
	if h.targets, err = log.Partitions(pipelines.CaseEvents); err != nil {
		return nil, err
	}
	tp := stage.TopicPartition{Topic: pipelines.ChatEvents, Partition: h.partition}
	next, ok, err := log.Committed(tp)
	if err != nil {
		return nil, err
	}
	if !ok {
		next = 0
	}
	h.offset = next - 1
	promised := h.lastWritten
	if h.EventClock {
		promised = func(log stage.Log) error { return h.lastClock(log, tp, next) }
	}
	if err := promised(log); err != nil {
		return nil, err
	}
	h.ticked = h.time
	return map[stage.TopicPartition]int64{tp: next}, nil
}

// lastWritten takes time from what this source has written last to each partition.
func (h *Handler) lastWritten(log stage.Log) error {
	for p := range h.targets {
		rec, ok, err := log.Last(stage.TopicPartition{Topic: pipelines.CaseEvents, Partition: p}, pipelines.Intake, h.partition)
		if err != nil {
			return err
		}
		if ok {
			h.remember(rec)
		}
	}
	return nil
}

var errEnough = errors.New("enough")

// lastClock takes time from the clock events before an offset, going back from there to the first of them.
func (h *Handler) lastClock(log stage.Log, tp stage.TopicPartition, before int64) error {
	for window := int64(500); before > 0 && h.time == 0; window *= 4 {
		from := max(0, before-window)
		_, err := log.Read(tp, from, func(in stage.Record) error {
			if in.Offset >= before {
				return errEnough
			}
			if h.Codec.DecodeInto(in.Value, &h.event) == nil && h.event.Kind == schemas.EventKindClock {
				h.time = max(h.time, h.event.OccurredAt)
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			return err
		}
		before = from
	}
	return nil
}

func (h *Handler) remember(rec stage.Record) {
	switch m, _ := h.Codec.Decode(rec.Value); m := m.(type) {
	case *schemas.Tick:
		h.time = max(h.time, m.Time)
	case *schemas.CaseEvent:
		h.time = max(h.time, m.ObservedAt)
	}
}

// Handle implements stage.Handler.
func (h *Handler) Handle(in stage.Record) ([]stage.Record, error) {
	h.in, h.out, h.offset = in, h.out[:0], in.Offset
	h.arrived = min(in.Time.UnixMilli(), h.Now().UnixMilli())
	err := h.take(in)
	if key := (*keyError)(nil); errors.As(err, &key) {
		return nil, err
	}
	if err != nil {
		err = fmt.Errorf("%w: %w", err, stage.ErrReject)
	}
	return h.out, err
}

func (h *Handler) take(in stage.Record) error {
	if len(in.Value) > maxValue {
		return fmt.Errorf("%w: the message has %d bytes; at most %d", validate.ErrTooLarge, len(in.Value), maxValue)
	}
	name, _, err := h.Codec.Name(in.Value)
	if err != nil {
		return err
	}
	switch name {
	case "casetrail.ChatEvent":
		if err := h.Codec.DecodeInto(in.Value, &h.event); err != nil {
			return err
		}
		return h.chat(&h.event)
	case "casetrail.PolicyChange":
		var c schemas.PolicyChange
		if err := h.Codec.DecodeInto(in.Value, &c); err != nil {
			return err
		}
		return h.policy(&c)
	case "casetrail.LedgerOrder":
		var o schemas.LedgerOrder
		if err := h.Codec.DecodeInto(in.Value, &o); err != nil {
			return err
		}
		return h.order(&o)
	}
	return fmt.Errorf("%w: chat.events takes casetrail.ChatEvent, not %s", errType, name)
}

// policy passes a valid, signed policy to every partition of case.events.
func (h *Handler) policy(c *schemas.PolicyChange) error {
	if h.PolicyKey == nil {
		return fmt.Errorf("%w: intake has no operator's key to check it with; start it with --policy-key", errPolicy)
	}
	if _, err := guard.Verify(c, h.PolicyKey); err != nil {
		return fmt.Errorf("%w: %w", errPolicy, err)
	}
	h.toAll(c)
	return nil
}

// order passes a signed order to every partition of case.events.
func (h *Handler) order(o *schemas.LedgerOrder) error {
	if h.PolicyKey == nil {
		return fmt.Errorf("%w: intake has no operator's key to check it with; start it with --policy-key", errOrder)
	}
	if err := order.Verify(o, h.PolicyKey); err != nil {
		return fmt.Errorf("%w: %w", errOrder, err)
	}
	if o.Order == schemas.OrderKindErase {
		// It stands in every partition, for every intake to see; one of them tells the ledgers.
		if err := h.Customers.Erased(o.Erase.Value.CustomerKeyVersion, o.Erase.Value.CustomerKeySHA256); err != nil {
			return &keyError{err}
		}
		if h.partition != 0 {
			return nil
		}
	}
	h.toAll(o)
	return nil
}

// keyError is a fault of the customer key, and not of the order: it ends the stage.
type keyError struct{ error }

func (h *Handler) toAll(m schemas.Message) {
	value := h.Codec.Append(nil, pipelines.CaseEvents, m)
	for p := range h.targets {
		h.emit(p, nil, value)
	}
}

func (h *Handler) chat(e *schemas.ChatEvent) error {
	if err := validate.Event(e); err != nil {
		return err
	}
	if e.Kind == schemas.EventKindClock {
		return h.clock(e)
	}
	observed := e.OccurredAt
	if !h.EventClock {
		// By the log's time alone: if two replicas with different clocks judged differently, what the one was about to
		// reject could be what the other takes for written.
		at := h.in.Time.UnixMilli()
		if inject.ReplicaClock.Is() {
			at = h.arrived
		}
		if err := validate.Time(e, at); err != nil {
			return err
		}
		observed = h.arrived
	}
	if err := h.find(e, max(observed, h.ticked)); err != nil {
		return err
	}
	key := []byte(e.CaseID)
	h.emit(kafka.Murmur2Partition(key, h.targets), key, h.Codec.Append(nil, pipelines.CaseEvents, &h.found))
	return nil
}

// clock takes a producer's word that its partition is complete up to a time.
func (h *Handler) clock(e *schemas.ChatEvent) error {
	if !h.EventClock {
		return fmt.Errorf("%w: this intake reckons by the wall clock; start it with --clock event to replay history", errClock)
	}
	if e.OccurredAt > h.ticked {
		h.ticked = e.OccurredAt
		h.tick(h.ticked, 0)
	}
	return nil
}

// Tick implements stage.Ticker: under the wall clock, this source is complete up to now where it has caught up, and up
// to the last arrival where it has not.
func (h *Handler) Tick(caughtUp bool) []stage.Record {
	h.out = h.out[:0]
	if h.EventClock {
		return nil
	}
	t := h.arrived
	if caughtUp {
		t = h.Now().UnixMilli()
	}
	if t < h.ticked+tickEvery && (caughtUp || t <= h.ticked) {
		return nil
	}
	h.ticked = t
	h.tick(t, math.MaxInt32)
	return h.out
}

// tickEvery is the least time between two ticks of a source that has caught up, in milliseconds.
const tickEvery = 500

func (h *Handler) tick(t int64, ordinal int32) {
	value := h.Codec.Append(nil, pipelines.CaseEvents, &schemas.Tick{Time: t, Source: h.partition, Sources: h.sources})
	for p := range h.targets {
		h.emit(p, nil, value)
		h.out[len(h.out)-1].Position.Ordinal = ordinal
	}
}

func (h *Handler) emit(partition int32, key, value []byte) {
	h.out = append(h.out, stage.Record{Topic: pipelines.CaseEvents, Partition: partition, Key: key, Value: value, Trace: h.in.Trace,
		Position: stage.Position{Partition: h.partition, Offset: h.offset}})
}
