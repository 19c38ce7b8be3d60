package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/casetrail/casetrail/pipelines/stage"
)

// Run takes part in a stage's consumer group until ctx ends, with as many tasks as it gets partitions.
//
// For each task it claims the outputs (so that no earlier owner can write any more), recovers the handler from the log,
// and then steps: fetch, handle, write the outputs, write the changelog, commit. A step is over when its outputs are
// on all replicas in sync; outputs of one topic-partition keep the order of their inputs. Each output is written once
// in effect, and, save for a broker that lies, once in fact: after a crash a task goes on from what its outputs show.
//
// A broker that is away, a rebalance or a newer owner is retried with back-off and reported to obs, for as long as it
// takes. An error that trying again cannot mend ends Run and names topic, partition and offset: a handler's error
// (stage.InputError), ErrOffsetLost, ErrTooLarge, ErrCorrupt, ErrDenied, ErrCredentials, ErrTopic.
//
// When ctx ends, Run lets the steps in flight finish, commits, leaves the group and returns nil, within five seconds.
// obs may be nil.
func Run(ctx context.Context, cfg Config, def stage.Definition, obs Observer) error {
	if obs == nil {
		obs = nobody{}
	}
	c, err := NewClient(cfg)
	if err != nil {
		return err
	}
	defer c.Close()
	r := &runner{client: c, def: def, obs: obs, balancer: &balancer{single: def.Single}}
	err = r.run(ctx)
	if ctx.Err() != nil && !r.failed {
		return nil
	}
	return err
}

type runner struct {
	client     *Client
	def        stage.Definition
	obs        Observer
	balancer   *balancer
	partitions map[string]int32
	failed     bool // something ended the run before ctx did
}

func (r *runner) run(ctx context.Context) error {
	if err := r.check(ctx); err != nil {
		return r.fail(ctx, err)
	}
	m, err := r.client.join(r.client.cfg.Prefix+r.def.Name, r.def.Inputs, r.balancer)
	if err != nil {
		return r.fail(ctx, err)
	}
	// Leaving ends the generation, upon which the tasks finish their steps.
	left := make(chan struct{})
	ended, end := context.WithCancel(ctx)
	go func() {
		defer close(left)
		<-ended.Done()
		m.leave()
	}()
	err = r.generations(ctx, m)
	end()
	<-left
	r.obs.Rebalance(nil)
	return err
}

func (r *runner) generations(ctx context.Context, m *membership) error {
	var wait backoff
	for {
		gen, err := m.group.Next(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			if err = classify(err); fatal(err) {
				return r.fail(ctx, fmt.Errorf("consumer group %s: %w", r.client.cfg.Prefix+r.def.Name, err))
			}
			r.obs.Retry("join", err)
			continue
		}
		switch err := r.generation(gen); {
		case err == nil:
			wait = backoff{}
		case restartable(err):
			r.obs.Retry("task", err)
			if wait.sleep(ctx) != nil {
				return nil
			}
		default:
			return r.fail(ctx, err)
		}
	}
}

func (r *runner) fail(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		r.failed = true
	}
	return fmt.Errorf("stage %s: %w", r.def.Name, err)
}

// generation runs the tasks of one generation to its end and returns the first error that was not the end itself.
func (r *runner) generation(gen *kafkago.Generation) error {
	if missing := r.balancer.incomplete(); len(missing) > 0 {
		gen.Start(func(context.Context) {}) // its end is the generation's
		return fmt.Errorf("%w: %q", errIncomplete, missing)
	}
	assigned := r.assigned(gen)
	var ids []int32
	for id := range assigned {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	r.balancer.keep(ids)
	r.obs.Rebalance(ids)
	commits := &committer{generation: gen, retry: r.obs.Retry, next: map[stage.TopicPartition]int64{}}
	var tasks, all sync.WaitGroup
	var mu sync.Mutex
	var first error
	for _, id := range ids {
		t := &task{client: r.client, def: r.def, partition: id, inputs: assigned[id], outputs: r.outputs(id), obs: r.obs, commits: commits}
		tasks.Add(1)
		all.Add(1)
		gen.Start(func(ctx context.Context) {
			defer all.Done()
			defer tasks.Done()
			ctx, cancel := detach(ctx)
			defer cancel()
			err := t.run(ctx)
			if ctx.Err() != nil && !fatal(err) {
				return // the end of the generation, in whatever words
			}
			mu.Lock()
			defer mu.Unlock()
			if first == nil {
				first = err
			}
		})
	}
	all.Add(1)
	gen.Start(func(ctx context.Context) {
		defer all.Done()
		commits.run(ctx, &tasks)
	})
	all.Wait()
	return first
}

// detach turns kafka-go's generation context, which knows no cause, into an ordinary one.
func detach(gen context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.Background())
	stop := context.AfterFunc(gen, func() { cancel(kafkago.ErrGenerationEnded) })
	return ctx, func() { stop(); cancel(nil) }
}

// assigned groups a generation's partitions by task.
func (r *runner) assigned(gen *kafkago.Generation) map[int32][]stage.TopicPartition {
	out := map[int32][]stage.TopicPartition{}
	for topic, parts := range gen.Assignments {
		for _, p := range parts {
			id := int32(p.ID)
			if r.def.Single {
				id = 0
			}
			out[id] = append(out[id], stage.TopicPartition{Topic: topic, Partition: int32(p.ID)})
		}
	}
	return out
}

// outputs are the partitions that a task writes.
func (r *runner) outputs(task int32) []stage.TopicPartition {
	var out []stage.TopicPartition
	for _, topic := range r.def.Outputs {
		switch {
		case r.def.Spread:
			for p := range r.partitions[topic] {
				out = append(out, stage.TopicPartition{Topic: topic, Partition: p})
			}
		case r.def.Single:
			out = append(out, stage.TopicPartition{Topic: topic})
		default:
			out = append(out, stage.TopicPartition{Topic: topic, Partition: task})
		}
	}
	return out
}

// check waits for the cluster and the stage's topics, and holds the partition counts against each other.
func (r *runner) check(ctx context.Context) error {
	topics := append(slices.Clone(r.def.Inputs), r.def.Outputs...)
	err := retrying(ctx, "topics", r.obs.Retry, func() error {
		var err error
		r.partitions, err = r.client.Partitions(ctx, topics...)
		if errors.Is(err, ErrTopic) {
			err = fmt.Errorf("waiting: %v", err) // they may yet be made
		}
		return err
	})
	if err != nil || r.def.Spread || r.def.Single {
		return err
	}
	var most int32
	for _, in := range r.def.Inputs {
		most = max(most, r.partitions[in])
	}
	for _, o := range r.def.Outputs {
		if r.partitions[o] < most {
			return fmt.Errorf("%w: %s has %d partitions, the inputs %d", ErrTopic, o, r.partitions[o], most)
		}
	}
	return nil
}
