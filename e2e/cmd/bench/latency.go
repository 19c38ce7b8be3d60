package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
)

// watch remembers when something was published and how long it took to come out.
type watch struct {
	mu   sync.Mutex
	sent map[string]time.Time
	took []time.Duration
}

func (w *watch) begin(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent[id] = time.Now()
}

func (w *watch) end(id string, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t, ok := w.sent[id]; ok {
		w.took = append(w.took, at.Sub(t))
		delete(w.sent, id)
	}
}

func (w *watch) pending() (ids []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id := range w.sent {
		ids = append(ids, id)
	}
	return ids
}

func (w *watch) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.took) == 0 {
		return "nothing came out"
	}
	slices.Sort(w.took)
	at := func(q float64) time.Duration {
		return w.took[int(q*float64(len(w.took)-1))].Round(time.Millisecond / 10)
	}
	return fmt.Sprintf("p50 %v, p99 %v, max %v, n %d, not seen %d", at(.5), at(.99), at(1), len(w.took), len(w.sent))
}

// latency runs the pipeline at a steady load and times two ways through it.
func latency(ctx context.Context, bin, kind string, rate, seconds int) error {
	w, err := begin(ctx, bin, kind)
	if w != nil {
		defer w.end()
	}
	if err != nil {
		return err
	}
	if err := w.prepare(ctx); err != nil {
		return err
	}
	if err := w.startAll(ctx); err != nil {
		return err
	}
	escalations, rows := &watch{sent: map[string]time.Time{}}, &watch{sent: map[string]time.Time{}}
	watching, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	errs := make(chan error, 2)
	group.Go(func() { errs <- w.watchEscalations(watching, escalations) })
	group.Go(func() { errs <- w.watchRows(watching, rows) })
	err = w.steady(ctx, rate, seconds, escalations, rows)
	for until := time.Now().Add(5 * time.Second); err == nil && time.Now().Before(until) && len(escalations.pending())+len(rows.pending()) > 0; {
		err = pause(ctx)
	}
	cancel()
	group.Wait()
	if err = errors.Join(err, <-errs, <-errs); err != nil {
		return err
	}
	fmt.Printf("\n## Latency, %s, at %d events a second for %d s\n\nmessage published -> escalation in the topic: %v\n\nresolution published -> row in ClickHouse:  %v\n", kind, rate, seconds, escalations, rows)
	return nil
}

// steady publishes cases at a rate; in every fifth the customer asks for a human after the AI has answered.
func (w *world) steady(ctx context.Context, rate, seconds int, escalations, rows *watch) error {
	l, err := newLoad(w.codec, "steady")
	if err != nil {
		return err
	}
	pub := kafka.NewPublisher(w.client, nil)
	defer pub.Close()
	begin, sent := time.Now(), 0
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for n := 0; time.Since(begin) < time.Duration(seconds)*time.Second; {
		for sent < int(time.Since(begin).Seconds()*float64(rate)) {
			id, events := l.next(false)
			if n++; n%5 == 0 {
				events = asks(id)
				escalations.begin(id)
			}
			rows.begin(id)
			if err := pub.Publish(ctx, l.records(events)); err != nil {
				return err
			}
			sent += len(events)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// asks is a case that the AI has until the customer asks for a human.
func asks(id string) []schemas.ChatEvent {
	now := time.Now().UnixMilli()
	say := func(n int, sender schemas.Sender, text string) schemas.ChatEvent {
		e := schemas.ChatEvent{EventID: fmt.Sprint(n), CaseID: id, Sender: sender, OccurredAt: now, Text: schemas.Some(text), Synthetic: true}
		if sender == schemas.SenderAI {
			e.AIModelVersion = schemas.Some("bench-bot-1")
		}
		return e
	}
	end := schemas.ChatEvent{EventID: "4", CaseID: id, Kind: schemas.EventKindResolved, Sender: schemas.SenderHuman, OccurredAt: now, Synthetic: true}
	return []schemas.ChatEvent{
		say(1, schemas.SenderCustomer, "I am still waiting for my refund, has it been processed yet?"),
		say(2, schemas.SenderAI, "It is on its way."),
		say(3, schemas.SenderCustomer, "Please let me speak to a human agent."), end,
	}
}

func (w *world) watchEscalations(ctx context.Context, to *watch) error {
	return w.client.Tail(ctx, []string{pipelines.CaseEscalations}, nil, nil, func(r stage.Record) error {
		to.end(string(r.Key), time.Now())
		return nil
	})
}

func (w *world) watchRows(ctx context.Context, to *watch) error {
	for ctx.Err() == nil {
		if ids := to.pending(); len(ids) > 0 {
			rows, err := w.db.Query(ctx, "SELECT case_id FROM records WHERE kind = 'case' AND case_id IN (?)", ids)
			if err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return err
			}
			now := time.Now()
			for rows.Next() {
				var id string
				if err := rows.Scan(&id); err != nil {
					return err
				}
				to.end(id, now)
			}
			_ = rows.Close() // a broken read shows as rows that are not seen
		}
		if pause(ctx) != nil {
			return nil
		}
	}
	return nil
}
