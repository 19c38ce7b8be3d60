package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	kafkago "github.com/segmentio/kafka-go"
)

// Topic is a topic as it should be.
type Topic struct {
	Name       string
	Partitions int
	Replicas   int               // 0 is the cluster's default
	Config     map[string]string // Kafka's topic configuration; what is not in it is left to the cluster
}

// EnsureTopics makes the topics that are missing and checks those that are there: ErrTopic tells of every one whose
// partition count or configuration differs. It changes no existing topic: a partition count decides which partition a
// case belongs to, and a configuration may have been chosen by an operator.
func EnsureTopics(ctx context.Context, c *Client, topics []Topic) error {
	req := &kafkago.CreateTopicsRequest{}
	for _, t := range topics {
		tc := kafkago.TopicConfig{Topic: t.Name, NumPartitions: t.Partitions, ReplicationFactor: -1}
		if t.Replicas > 0 {
			tc.ReplicationFactor = t.Replicas
		}
		for _, k := range slices.Sorted(maps.Keys(t.Config)) {
			tc.ConfigEntries = append(tc.ConfigEntries, kafkago.ConfigEntry{ConfigName: k, ConfigValue: t.Config[k]})
		}
		req.Topics = append(req.Topics, tc)
	}
	quiet := nobody{}.Retry
	existing := map[string]bool{}
	err := retrying(ctx, "create topics", quiet, func() error {
		r, err := c.raw.CreateTopics(ctx, req)
		if err != nil {
			return c.explain("the broker", err)
		}
		var errs []error
		for name, err := range r.Errors {
			if errors.Is(err, kafkago.TopicAlreadyExists) {
				existing[name] = true
			} else if err != nil {
				errs = append(errs, fmt.Errorf("topic %s: %w", name, err))
			}
		}
		return errors.Join(errs...)
	})
	if err != nil {
		return err
	}
	names := make([]string, len(topics))
	for i, t := range topics {
		names[i] = t.Name
	}
	var counts map[string]int32
	err = retrying(ctx, "topics", quiet, func() error {
		counts, err = c.Partitions(ctx, names...)
		if errors.Is(err, ErrTopic) {
			return errors.New(err.Error()) // just made: the metadata does not show them yet
		}
		return err
	})
	if err != nil {
		return err
	}
	return c.compareTopics(ctx, topics, counts)
}

func (c *Client) compareTopics(ctx context.Context, topics []Topic, counts map[string]int32) error {
	req := &kafkago.DescribeConfigsRequest{}
	for _, t := range topics {
		req.Resources = append(req.Resources, kafkago.DescribeConfigRequestResource{
			ResourceType: kafkago.ResourceTypeTopic, ResourceName: t.Name, ConfigNames: slices.Sorted(maps.Keys(t.Config)),
		})
	}
	have := map[string]map[string]string{}
	err := retrying(ctx, "describe topics", nobody{}.Retry, func() error {
		r, err := c.raw.DescribeConfigs(ctx, req)
		if err != nil {
			return err
		}
		for _, res := range r.Resources {
			if res.Error != nil {
				return fmt.Errorf("topic %s: %w", res.ResourceName, res.Error)
			}
			have[res.ResourceName] = map[string]string{}
			for _, e := range res.ConfigEntries {
				have[res.ResourceName][e.ConfigName] = e.ConfigValue
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	var errs []error
	for _, t := range topics {
		if int(counts[t.Name]) != t.Partitions {
			errs = append(errs, fmt.Errorf("%w: %s has %d partitions, wanted %d", ErrTopic, t.Name, counts[t.Name], t.Partitions))
		}
		for _, k := range slices.Sorted(maps.Keys(t.Config)) {
			if v, ok := have[t.Name][k]; ok && v != t.Config[k] {
				errs = append(errs, fmt.Errorf("%w: %s has %s=%s, wanted %s", ErrTopic, t.Name, k, v, t.Config[k]))
			}
		}
	}
	return errors.Join(errs...)
}
