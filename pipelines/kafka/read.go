package kafka

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/casetrail/casetrail/pipelines/stage"
)

// Bounds are the first offset of a partition and the one after its last.
type Bounds struct{ First, End int64 }

// lookupTimeout is how long Offsets tries.
const lookupTimeout = 20 * time.Second

// Offsets returns the bounds of each of a topic's partitions. It retries what is transient for a while.
func (c *Client) Offsets(ctx context.Context, topic string) (map[int32]Bounds, error) {
	counts, err := c.Partitions(ctx, topic)
	if err != nil {
		return nil, err
	}
	tps := make([]stage.TopicPartition, counts[topic])
	for i := range tps {
		tps[i] = stage.TopicPartition{Topic: topic, Partition: int32(i)}
	}
	var b map[stage.TopicPartition][2]int64
	ctx, cancel := context.WithTimeoutCause(ctx, lookupTimeout, ErrUnreachable)
	defer cancel()
	err = retrying(ctx, "offsets", nobody{}.Retry, func() (err error) {
		b, err = c.bounds(ctx, tps)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make(map[int32]Bounds, len(b))
	for tp, x := range b {
		out[tp.Partition] = Bounds{x[0], x[1]}
	}
	return out, nil
}

// ReadAll calls fn for every committed record that a topic's partitions hold at the time of the call, one partition
// after the other, each in order. It retries what is transient and stops at fn's first error.
func (c *Client) ReadAll(ctx context.Context, topic string, fn func(stage.Record) error) error {
	all, err := c.Offsets(ctx, topic)
	if err != nil {
		return err
	}
	for _, p := range slices.Sorted(maps.Keys(all)) {
		tp := stage.TopicPartition{Topic: topic, Partition: p}
		if err := c.ReadRange(ctx, tp, all[p].First, all[p].End, fn); err != nil {
			return err
		}
	}
	return nil
}

// ReadRange calls fn for the committed records of a partition with offsets in [from, end), as ReadAll does.
func (c *Client) ReadRange(ctx context.Context, tp stage.TopicPartition, from, end int64, fn func(stage.Record) error) error {
	_, err := c.readRange(ctx, tp, from, end, false, nobody{}.Retry, fn)
	return err
}

// Tail calls fn for the committed records of topics as they come, from the given offsets on, until ctx ends (nil) or
// fn fails (its error). Partitions of topics that are not in from begin at their end. Records of one partition come
// in order, those of several in none. What is transient is retried and reported to obs, which may be nil.
func (c *Client) Tail(ctx context.Context, topics []string, from map[stage.TopicPartition]int64, obs Observer, fn func(stage.Record) error) error {
	if obs == nil {
		obs = nobody{}
	}
	next := maps.Clone(from)
	if next == nil {
		next = map[stage.TopicPartition]int64{}
	}
	for _, topic := range topics {
		all, err := c.Offsets(ctx, topic)
		if err != nil {
			return err
		}
		for p, b := range all {
			tp := stage.TopicPartition{Topic: topic, Partition: p}
			if _, ok := next[tp]; !ok {
				next[tp] = b.End
			}
		}
	}
	f := startFeed(ctx, c, next, obs.Retry)
	defer f.stop()
	for chunk := range f.out {
		for i := range chunk.records {
			if err := fn(chunk.records[i]); err != nil {
				return err
			}
		}
		for _, p := range chunk.parts {
			obs.Lag(p.TopicPartition, p.high-p.next)
		}
		f.recycle(chunk)
	}
	if ctx.Err() != nil {
		return nil
	}
	return f.err
}
