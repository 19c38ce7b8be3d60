package kafka

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/pipelines/stage"
)

const (
	maxStep = 2000 // records
	// tickEvery is how often a Ticker is stepped when there is nothing to read.
	tickEvery = time.Second
	// taskGrace is how long a step in flight may go on when its generation has ended.
	taskGrace = 2 * time.Second
)

// task drives one stage.Task through a generation.
type task struct {
	client    *Client
	def       stage.Definition
	partition int32
	inputs    []stage.TopicPartition
	outputs   []stage.TopicPartition
	obs       Observer
	commits   *committer

	stage    *stage.Task
	producer *producer
	ticks    bool
	renewed  time.Time
	next     map[stage.TopicPartition]int64 // of each input, for caughtUp
	high     map[stage.TopicPartition]int64
	stepped  time.Time
}

// run claims, recovers and steps until ctx ends or something fails for good. What is being written when ctx ends gets
// a moment to finish; if it does not, the next owner finds out how far it got.
func (t *task) run(ctx context.Context) error {
	next, err := t.start(ctx)
	if err != nil {
		return err
	}
	f := startFeed(ctx, t.client, next, t.obs.Retry)
	defer f.stop()
	tick := time.NewTicker(tickEvery / 4)
	defer tick.Stop()
	for {
		select {
		case c, ok := <-f.out:
			if !ok {
				return f.err
			}
			if err := t.take(ctx, c); err != nil {
				return err
			}
			f.recycle(c)
			f.pause(t.stage.Pause())
		case <-tick.C:
			if t.ticks && time.Since(t.stepped) >= tickEvery {
				if err := t.step(ctx, nil, t.caughtUp()); err != nil {
					return err
				}
			}
			if err := t.renew(ctx); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// start claims the outputs, recovers the handler and says where each input goes on.
func (t *task) start(ctx context.Context) (map[stage.TopicPartition]int64, error) {
	var ends map[stage.TopicPartition]int64
	if len(t.outputs) > 0 {
		var err error
		if t.producer, ends, err = claim(ctx, t.client, t.id(), t.outputs, t.obs.Retry); err != nil {
			return nil, fmt.Errorf("claiming the outputs of %s: %w", t.id(), err)
		}
	}
	inject.Claimed.Pass()
	t.renewed = time.Now()
	log := &taskLog{ctx: ctx, client: t.client, group: t.client.cfg.Prefix + t.def.Name, ends: ends, retry: t.obs.Retry}
	var next map[stage.TopicPartition]int64
	var err error
	def := t.def
	def.New = func(partition int32) (stage.Handler, error) {
		h, err := t.def.New(partition)
		_, t.ticks = h.(stage.Ticker)
		return h, err
	}
	if t.stage, next, err = stage.Start(def, t.partition, t.outputs, log); err != nil {
		return nil, fmt.Errorf("recovering %s: %w", t.id(), err)
	}
	t.stage.Over = func() bool { return ctx.Err() != nil }
	t.next, t.high = make(map[stage.TopicPartition]int64), make(map[stage.TopicPartition]int64)
	for _, tp := range t.inputs {
		offset, ok := next[tp]
		if inject.GroupOffset.Is() {
			if offset, ok, err = log.Committed(tp); err != nil {
				return nil, err
			}
		}
		if !ok {
			b, err := log.bounds(tp)
			if err != nil {
				return nil, err
			}
			offset = b[0]
		}
		t.next[tp], t.high[tp] = offset, -1
	}
	return maps.Clone(t.next), nil
}

// id is the task's transactional id.
func (t *task) id() string {
	return fmt.Sprintf("%s%s-%d", t.client.cfg.Prefix, t.def.Name, t.partition)
}

// take steps through a chunk.
func (t *task) take(ctx context.Context, c *chunk) error {
	for _, p := range c.parts {
		t.high[p.TopicPartition] = p.high
	}
	for _, p := range c.parts {
		t.next[p.TopicPartition] = p.next
	}
	for in := c.records; len(in) > 0; {
		n := min(len(in), maxStep)
		if err := t.step(ctx, in[:n], n == len(in) && t.caughtUp()); err != nil {
			return err
		}
		if in = in[t.stage.Taken:]; len(in) > 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	for _, p := range c.parts {
		t.obs.Lag(p.TopicPartition, p.high-p.next)
		t.commits.mark(p.TopicPartition, p.next)
	}
	return nil
}

// caughtUp tells whether the last fetch of every input reached its end.
func (t *task) caughtUp() bool {
	for tp, high := range t.high {
		if t.next[tp] < high || high < 0 {
			return false
		}
	}
	return true
}

// step runs the handler on as much of in as fits into a step, and makes what it gives durable. How much that was says
// t.stage.Taken: less than all where there is much to write, or ctx has ended.
func (t *task) step(ctx context.Context, in []stage.Record, caughtUp bool) error {
	t.stepped = time.Now()
	rejects, dropped := t.stage.Rejects, t.stage.Dropped
	out, state, err := t.stage.Step(in, caughtUp)
	if err != nil {
		return err
	}
	in = in[:t.stage.Taken]
	if len(out)+len(state) > 0 {
		if t.producer == nil {
			return fmt.Errorf("stage %s writes to %s but declares no outputs", t.def.Name, append(out, state...)[0].Topic)
		}
		if err := t.write(ctx, out, state); err != nil {
			return err
		}
	}
	s := Step{Partition: t.partition, In: len(in), Out: len(out) + len(state), Took: time.Since(t.stepped),
		Rejects: int(t.stage.Rejects - rejects), Dropped: int(t.stage.Dropped - dropped)}
	for i := range in {
		s.Age = max(s.Age, t.stepped.Sub(in[i].Time)+s.Took)
	}
	t.obs.Step(s)
	return nil
}

// write makes the outputs of a step durable, and then its changelog.
func (t *task) write(ctx context.Context, out, state []stage.Record) error {
	ctx, stop := afterwards(ctx, taskGrace)
	defer stop()
	inject.Handled.Pass()
	if inject.StateFirst.Is() {
		if err := t.producer.writeAtomic(ctx, state); err != nil {
			return err
		}
		state = nil
		inject.Written.Pass()
	}
	if len(out) > 0 {
		if err := t.producer.write(ctx, out); err != nil {
			return err
		}
		inject.Written.Pass()
	}
	if len(state) > 0 {
		if err := t.producer.writeAtomic(ctx, state); err != nil {
			return err
		}
	}
	inject.StateWritten.Pass()
	return nil
}

// renew keeps the claim from being forgotten. Nothing depends on its success until much later, so a failure is
// reported and mended at the next time.
func (t *task) renew(ctx context.Context) error {
	if t.producer == nil || time.Since(t.renewed) < renewEvery {
		return nil
	}
	t.renewed = time.Now()
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	err := t.producer.mark(ctx, t.id(), t.outputs)
	if err != nil && !fatal(err) {
		t.obs.Retry("claim", err)
		return nil
	}
	return err
}

// afterwards is a context that outlives ctx by grace.
func afterwards(ctx context.Context, grace time.Duration) (context.Context, func()) {
	late, cancel := context.WithCancelCause(context.Background())
	stop := context.AfterFunc(ctx, func() {
		t := time.NewTimer(grace)
		defer t.Stop()
		select {
		case <-t.C:
			cancel(errLate)
		case <-late.Done():
		}
	})
	return late, func() { stop(); cancel(nil) }
}
