// Package deliver hands the alerts of conduct.alerts to receivers outside: a webhook, and Alertmanager. Each receiver has a
// consumer group of its own, whose offset goes on when the receiver has said that it has an alert: at least once, in
// order, and one receiver that is away holds up no other.
//
// A receiver that does not answer, answers 5xx, 408, 425 or 429, or says that address or credentials are wrong (3xx, 401, 403,
// 404, 405, 407, 410), is waited for as long as it takes, and the service is not ready meanwhile. Any other answer refuses
// this one alert: it is tried some times more, and then left out, logged and counted.
package deliver

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
)

// Alert is one message of conduct.alerts.
type Alert struct {
	// ID is the same whenever this alert is delivered, and another for any other alert of any deployment.
	ID string
	schemas.SegmentAlert
}

// Receiver is where alerts go. Not for concurrent use.
type Receiver interface {
	// Name is part of the consumer group's name.
	Name() string
	// Send hands an alert over once; nil when the receiver has it. Errors other than an *Answer are about the network.
	Send(ctx context.Context, a *Alert) error
	// Recall tells of an alert that was delivered before this process began.
	Recall(a *Alert)
	// Remind repeats what the receiver would forget otherwise, where that is due. It is called about once a second, and an
	// error has it called again.
	Remind(ctx context.Context) error
}

// Keeper hears what becomes of alerts.
type Keeper interface {
	Delivered(a *Alert)
	// Retry says that the receiver does not take anything now.
	Retry(a *Alert, wait time.Duration, err error)
	// Undeliverable says that an alert was left out, and why. a is nil where the message could not be read at all.
	Undeliverable(a *Alert, in *stage.Record, err error)
}

// Definition is the delivery to one receiver as a stage: it writes to no topic, and does the I/O of its output itself,
// within ctx.
func Definition(ctx context.Context, codec *schemas.Codec, to Receiver, keep Keeper, pace Pace) stage.Definition {
	return stage.Definition{
		Name:   pipelines.Delivery + "-" + to.Name(),
		Inputs: []string{pipelines.ConductAlerts},
		Learn:  func(value []byte) error { return learn(ctx, codec, value) },
		New: func(p int32) (stage.Handler, error) {
			return &handler{ctx: ctx, codec: codec, to: to, keep: keep, pace: pace, partition: p, seen: stage.Filter{}}, nil
		},
	}
}

// learn asks the registry for schemas of other releases. What is in no registry is the handler's to count.
func learn(ctx context.Context, codec *schemas.Codec, value []byte) error {
	if err := codec.Await(ctx, value); ctx.Err() != nil {
		return err
	}
	return nil
}

type handler struct {
	ctx       context.Context // of the service: Handle has none
	codec     *schemas.Codec
	to        Receiver
	keep      Keeper
	pace      Pace
	partition int32
	seen      stage.Filter
}

// errDone ends a read before its end.
var errDone = errors.New("done")

// Recover implements stage.Handler. It goes on after the last alert that the receiver has, and first tells the receiver of
// those before it.
func (h *handler) Recover(log stage.Log) (map[stage.TopicPartition]int64, error) {
	tp := stage.TopicPartition{Topic: pipelines.ConductAlerts, Partition: h.partition}
	offset, ok, err := log.Committed(tp)
	if err != nil || !ok {
		return nil, err
	}
	_, err = log.Read(tp, 0, func(in stage.Record) error {
		if in.Offset >= offset {
			return errDone
		}
		if a, err := h.read(&in); a != nil && err == nil {
			h.to.Recall(a)
		}
		return nil
	})
	if err != nil && !errors.Is(err, errDone) {
		return nil, err
	}
	return map[stage.TopicPartition]int64{tp: offset}, nil
}

// read gives the alert of a message; nil where it is a copy of an earlier one.
func (h *handler) read(in *stage.Record) (*Alert, error) {
	if in.Stage != pipelines.Aggregator {
		return nil, fmt.Errorf("written by %q, and not by the %s", in.Stage, pipelines.Aggregator)
	}
	a := &Alert{}
	if err := h.codec.DecodeInto(in.Value, &a.SegmentAlert); err != nil {
		return nil, err
	}
	if !h.seen.Accept(in.Position) {
		return nil, nil
	}
	sum := sha256.New()
	sum.Write(stage.AppendPosition(nil, in.Stage, in.Position))
	sum.Write(a.AppendAvro([]byte{0}))
	a.ID = "alert_" + hex.EncodeToString(sum.Sum(nil)[:16])
	return a, nil
}

// Handle implements stage.Handler: it returns when the receiver has the alert, or will never take it.
func (h *handler) Handle(in stage.Record) ([]stage.Record, error) {
	a, err := h.read(&in)
	if err != nil {
		h.keep.Undeliverable(nil, &in, err)
		return nil, nil
	}
	if a == nil {
		return nil, nil
	}
	return nil, h.deliver(a, &in)
}

// Tick implements stage.Ticker.
func (h *handler) Tick(bool) []stage.Record {
	if err := h.to.Remind(h.ctx); err != nil && h.ctx.Err() == nil {
		h.keep.Retry(nil, 0, err)
	}
	return nil
}
