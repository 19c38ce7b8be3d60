package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/casetrail/casetrail/cli/replay"
	"github.com/casetrail/casetrail/cli/world"
	"github.com/casetrail/casetrail/cli/world/chat"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/policies"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/intake/classify"
	"github.com/casetrail/casetrail/services/router/guard"
)

// pipeline puts a policy in force and plays the company's cases into a running Casetrail, under its event clock.
func (c *simulateCommand) pipeline(ctx context.Context, w world.Config) error {
	document, err := c.policy(policies.Before)
	if err != nil {
		return err
	}
	policy, err := guard.Parse(document)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Policy, err)
	}
	key, err := readSigner(c.Key)
	if err != nil {
		return err
	}
	model, err := classify.Load()
	if err != nil {
		return err
	}
	client, codec, err := c.connect(ctx, "")
	if err != nil {
		return err
	}
	defer client.Close()
	now, err := replay.Now(ctx, client, codec)
	if err != nil {
		return err
	}
	if now == 0 {
		now = time.Now().Add(-time.Duration(c.Days+8) * 24 * time.Hour).UnixMilli()
	}
	w.Start = (now+world.MaxOpen)/3_600_000 + 1
	cases, err := world.NewCases(w)
	if err != nil {
		return err
	}
	script, err := chat.New(fmt.Sprintf("simulated-%d", w.Start), model, policy)
	if err != nil {
		return err
	}
	version, err := applyPolicy(ctx, client, codec, document, key)
	if err != nil {
		return err
	}
	step("policy %s is in force in every partition, and stays so afterwards", version)
	none, every := script.Never()
	if len(none) > 0 {
		step("under it the AI gets no case of %s, so their segments with it can't drift: that's what a guard is for", strings.Join(none, ", "))
	}
	if len(every) > 0 {
		step("under it the AI gets every case of %s, also those that the company would have had a human for", strings.Join(every, ", "))
	}
	c.announce(w)
	return c.play(ctx, client, codec, chat.NewQueue(script, cases, c.Days*24), w.Start)
}

// batch is how many events are published at once.
const batch = 500

// play publishes the events in their order and moves the clock behind them, and prints the alerts that come of it.
func (c *simulateCommand) play(ctx context.Context, client *kafka.Client, codec *schemas.Codec, q *chat.Queue, start int64) (err error) {
	out, err := replay.NewKafka(ctx, client, codec)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	go func() {
		for range out.Work() { // the company's script needs no answer
		}
	}()
	stop, err := printAlerts(ctx, client, codec)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	pace := pace{perSecond: c.Speed, begin: time.Now()}
	events, told, said := make([]schemas.ChatEvent, 0, batch), time.Now(), 0
	last, n := int64(0), 0
	for more := true; more; {
		events = events[:0]
		for len(events) < batch {
			var e schemas.ChatEvent
			if e, more = q.Next(); !more {
				break
			}
			events = append(events, e)
			last = e.OccurredAt
		}
		if err := out.Publish(ctx, events); err != nil {
			return fmt.Errorf("publish to chat.events: %w", err)
		}
		n += len(events)
		if time.Since(told) >= clockEvery {
			if err := out.Clock(ctx, last); err != nil {
				return fmt.Errorf("publish the clock to chat.events: %w", err)
			}
			told = time.Now()
		}
		if d := int(last/3_600_000-start) / 24; d > said {
			said = d
			step("day %d of %d: %d events, %.0f a second", min(d, c.Days), c.Days, n, float64(n)/time.Since(pace.begin).Seconds())
		}
		if err := pace.wait(ctx, len(events)); err != nil {
			return err
		}
	}
	last += world.IdleClose + time.Minute.Milliseconds()
	if err := out.Clock(ctx, last); err != nil {
		return fmt.Errorf("publish the clock to chat.events: %w", err)
	}
	step("played %d cases, %d events, in %v; simulated time is %s; what the pipeline still has to say comes with: casetrail tail alerts", q.Cases(), n, time.Since(pace.begin).Round(time.Second), clock(last))
	return nil
}

// clockEvery bounds how often the clock is told: each tick makes checkpoints, and each checkpoint a block in ClickHouse.
const clockEvery = 250 * time.Millisecond

// printAlerts prints what comes to conduct.alerts from now on, but for updates of what has been said. stop ends it.
func printAlerts(ctx context.Context, client *kafka.Client, codec *schemas.Codec) (stop func() error, err error) {
	ends, err := client.Offsets(ctx, pipelines.ConductAlerts)
	if err != nil {
		return nil, err
	}
	from := map[stage.TopicPartition]int64{}
	for p, b := range ends {
		from[stage.TopicPartition{Topic: pipelines.ConductAlerts, Partition: p}] = b.End
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		done <- client.Tail(ctx, []string{pipelines.ConductAlerts}, from, nil, func(r stage.Record) error {
			if err := codec.Await(ctx, r.Value); err != nil {
				return err
			}
			var a schemas.SegmentAlert
			if err := codec.DecodeInto(r.Value, &a); err != nil {
				return fmt.Errorf("%s/%d offset %d: %w", r.Topic, r.Partition, r.Offset, err)
			}
			if a.Episode.Set && a.Episode.Value.State != schemas.EpisodeStateUpdated {
				fmt.Println(line(&a))
			}
			return nil
		})
	}()
	return func() error {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	}, nil
}
