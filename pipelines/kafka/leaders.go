package kafka

import (
	"context"
	"fmt"
	"slices"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/casetrail/casetrail/pipelines/stage"
)

// Partitions returns how many partitions each of topics has. ErrTopic names those that the cluster does not know (yet:
// metadata may be some seconds old).
func (c *Client) Partitions(ctx context.Context, topics ...string) (map[string]int32, error) {
	meta, err := c.raw.Metadata(ctx, &kafkago.MetadataRequest{Topics: topics})
	if err != nil {
		return nil, c.explain("the broker", err)
	}
	out := make(map[string]int32, len(topics))
	var missing []string
	for _, t := range meta.Topics {
		if t.Error != nil || len(t.Partitions) == 0 {
			missing = append(missing, t.Name)
			continue
		}
		out[t.Name] = int32(len(t.Partitions))
	}
	if len(missing) > 0 {
		return out, fmt.Errorf("%w: %q are missing", ErrTopic, missing)
	}
	return out, nil
}

// byLeader groups partitions by the broker that leads them: indexes into tps, in their order. One without a leader
// fails it.
func (c *Client) byLeader(ctx context.Context, tps []stage.TopicPartition) ([][]int, error) {
	var topics []string
	for _, tp := range tps {
		if !slices.Contains(topics, tp.Topic) {
			topics = append(topics, tp.Topic)
		}
	}
	meta, err := c.raw.Metadata(ctx, &kafkago.MetadataRequest{Topics: topics})
	if err != nil {
		return nil, c.explain("the broker", err)
	}
	leaders := map[stage.TopicPartition]int{}
	for _, t := range meta.Topics {
		for _, p := range t.Partitions {
			if p.Leader.Host != "" {
				leaders[stage.TopicPartition{Topic: t.Name, Partition: int32(p.ID)}] = p.Leader.ID
			}
		}
	}
	var out [][]int
	index := map[int]int{}
	for k, tp := range tps {
		id, ok := leaders[tp]
		if !ok {
			return nil, noLeader(tp.Topic, tp.Partition)
		}
		i, ok := index[id]
		if !ok {
			i = len(out)
			index[id] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], k)
	}
	return out, nil
}

const pollWait = 100 * time.Millisecond

// poll fetches once from each partition, undecided records included, and calls fn for what came. fn may change from.
func (c *Client) poll(ctx context.Context, from map[stage.TopicPartition]int64, fn func(*fetched) error) error {
	tps := make([]stage.TopicPartition, 0, len(from))
	for tp := range from {
		tps = append(tps, tp)
	}
	groups, err := c.byLeader(ctx, tps)
	if err != nil {
		return err
	}
	for _, group := range groups {
		req := &fetchRequest{minBytes: 1, maxBytes: fetchBytes, maxWait: pollWait}
		for _, k := range group {
			req.parts = append(req.parts, fetchPart{tps[k], from[tps[k]], fetchBytes})
		}
		parts, err := c.fetch(ctx, req)
		if err != nil {
			return err
		}
		for i := range parts {
			if err := parts[i].err; err != nil {
				return &partitionError{parts[i].TopicPartition, from[parts[i].TopicPartition], err}
			}
			if err := fn(&parts[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// bounds returns the first offset of each partition and the one after its last.
func (c *Client) bounds(ctx context.Context, tps []stage.TopicPartition) (map[stage.TopicPartition][2]int64, error) {
	req := &kafkago.ListOffsetsRequest{Topics: map[string][]kafkago.OffsetRequest{}}
	for _, tp := range tps {
		p := int(tp.Partition)
		req.Topics[tp.Topic] = append(req.Topics[tp.Topic], kafkago.FirstOffsetOf(p), kafkago.LastOffsetOf(p))
	}
	r, err := c.raw.ListOffsets(ctx, req)
	if err != nil {
		return nil, err
	}
	out := make(map[stage.TopicPartition][2]int64, len(tps))
	for topic, parts := range r.Topics {
		for _, p := range parts {
			tp := stage.TopicPartition{Topic: topic, Partition: int32(p.Partition)}
			if p.Error != nil {
				return nil, &partitionError{tp, -1, p.Error}
			}
			if p.FirstOffset < 0 || p.LastOffset < 0 {
				return nil, noLeader(tp.Topic, tp.Partition)
			}
			out[tp] = [2]int64{p.FirstOffset, p.LastOffset}
		}
	}
	if len(out) < len(tps) {
		return nil, fmt.Errorf("offsets of %d partitions asked for, %d answered", len(tps), len(out))
	}
	return out, nil
}

// ends returns the offset after the last record of each partition.
func (c *Client) ends(ctx context.Context, tps []stage.TopicPartition, retry func(string, error)) (map[stage.TopicPartition]int64, error) {
	out := make(map[stage.TopicPartition]int64, len(tps))
	err := retrying(ctx, "offsets", retry, func() error {
		b, err := c.bounds(ctx, tps)
		for tp, x := range b {
			out[tp] = x[1]
		}
		return err
	})
	return out, err
}
