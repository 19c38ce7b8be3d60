package erase

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
)

// causes are the topics that others are made from, made are those others. What is in both goes from the causes first: who checks
// derives what is made from what is left.
var (
	causes = []string{pipelines.ChatEvents, pipelines.CaseEvents}
	made   = []string{pipelines.WorkAI, pipelines.WorkHuman, pipelines.ChatRejects}
)

// rounds is how often messages that came meanwhile are deleted too.
const rounds = 3

// trim deletes what the topics hold up to the last message of theirs: that is how Kafka deletes. Nothing goes that a group of consumers
// has not come to.
func (e *erasure) trim() error {
	for range rounds {
		before, err := e.plan()
		if err != nil || len(before) == 0 {
			return err
		}
		if err := e.await(before); err != nil {
			return err
		}
		for _, topics := range [][]string{causes, made} {
			for tp, offset := range before {
				if !slices.Contains(topics, tp.Topic) {
					continue
				}
				if err := e.Client.DeleteBefore(e.ctx, tp, offset); err != nil {
					return err
				}
			}
			inject.TopicsTrimmed.Pass()
		}
		if inject.RejectsKept.Is() {
			return nil
		}
	}
	if before, err := e.plan(); err != nil || len(before) == 0 {
		return err
	}
	return errors.New("messages of these customers, or in their cases, still come: have the chat platform stop sending them, and run this again")
}

// plan is what to delete: everything before these offsets. It is empty where nothing of theirs is left.
func (e *erasure) plan() (map[stage.TopicPartition]int64, error) {
	last := map[stage.TopicPartition]int64{}
	for _, topic := range slices.Concat(causes, made) {
		err := e.read(topic, func(r stage.Record, m schemas.Message) error {
			if e.theirs(r.Key, r.Value, m) {
				last[stage.TopicPartition{Topic: topic, Partition: r.Partition}] = r.Offset
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	before := map[stage.TopicPartition]int64{}
	for _, topics := range [][]string{made, causes} {
		for tp, offset := range maps.Clone(last) {
			if !slices.Contains(topics, tp.Topic) {
				continue
			}
			end, err := e.Client.BatchEnd(e.ctx, tp, offset)
			if err != nil {
				return nil, err
			}
			before[tp] = end
			if err := e.withCauses(tp, end, last); err != nil {
				return nil, err
			}
		}
	}
	return before, nil
}

// withCauses adds what caused that which goes from a topic: if it stayed, it would look as if the pipeline had lost what it made of it.
func (e *erasure) withCauses(tp stage.TopicPartition, end int64, last map[stage.TopicPartition]int64) error {
	if !slices.Contains(made, tp.Topic) {
		return nil
	}
	bounds, err := e.Client.Offsets(e.ctx, tp.Topic)
	if err != nil {
		return err
	}
	return e.Client.ReadRange(e.ctx, tp, bounds[tp.Partition].First, end, func(r stage.Record) error {
		cause := stage.TopicPartition{Topic: map[string]string{pipelines.Intake: pipelines.ChatEvents, pipelines.Router: pipelines.CaseEvents}[r.Stage], Partition: r.Position.Partition}
		if cause.Topic == "" {
			return nil
		}
		if first, err := e.first(cause); err != nil || r.Position.Offset < first {
			return err
		}
		if offset, ok := last[cause]; !ok || offset < r.Position.Offset {
			last[cause] = r.Position.Offset
		}
		return nil
	})
}

func (e *erasure) first(tp stage.TopicPartition) (int64, error) {
	if first, ok := e.starts[tp]; ok {
		return first, nil
	}
	bounds, err := e.Client.Offsets(e.ctx, tp.Topic)
	if e.starts == nil {
		e.starts = map[stage.TopicPartition]int64{}
	}
	e.starts[tp] = bounds[tp.Partition].First
	return bounds[tp.Partition].First, err
}

// stages are the groups without which what they read must not go, by topic.
var stages = map[string]string{pipelines.ChatEvents: pipelines.Intake, pipelines.CaseEvents: pipelines.Router, pipelines.CaseConclusions: pipelines.RecordSigner}

// settled waits until every stage has come to what is in its topics now.
func (e *erasure) settled() error {
	for _, topic := range []string{pipelines.ChatEvents, pipelines.CaseEvents, pipelines.CaseConclusions} {
		bounds, err := e.Client.Offsets(e.ctx, topic)
		if err != nil {
			return err
		}
		ends := map[stage.TopicPartition]int64{}
		for p, b := range bounds {
			if b.End > b.First {
				ends[stage.TopicPartition{Topic: topic, Partition: p}] = b.End
			}
		}
		if err := e.await(ends); err != nil {
			return err
		}
	}
	return nil
}

// await waits until every group of consumers of a topic has come to these offsets.
func (e *erasure) await(before map[stage.TopicPartition]int64) error {
	ctx, cancel := context.WithTimeout(e.ctx, e.Wait)
	defer cancel()
	topics := map[string]bool{}
	for tp := range before {
		topics[tp.Topic] = true
	}
	if len(topics) == 0 {
		return nil
	}
	for {
		groups, err := e.Client.Groups(ctx, slices.Sorted(maps.Keys(topics))...)
		if err != nil {
			return err
		}
		behind := e.behind(groups, before)
		if len(behind) == 0 {
			return nil
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			if e.ctx.Err() != nil {
				return context.Cause(e.ctx)
			}
			return fmt.Errorf("nothing is deleted that a consumer has not come to, and after %v these have not: %s; start them, or delete a group that is not used any more, and run this again", e.Wait, strings.Join(behind, "; "))
		}
	}
}

// behind names the groups that have not come to these offsets.
func (e *erasure) behind(groups map[string]map[stage.TopicPartition]int64, before map[stage.TopicPartition]int64) (out []string) {
	for tp, want := range before {
		if s, ok := stages[tp.Topic]; ok {
			if _, ok := groups[e.Prefix+s][tp]; !ok {
				out = append(out, fmt.Sprintf("group %s, which has never been at %s/%d", e.Prefix+s, tp.Topic, tp.Partition))
			}
		}
		for name, at := range groups {
			if offset, ok := at[tp]; ok && offset < want {
				out = append(out, fmt.Sprintf("group %s at %s/%d offset %d, not %d", name, tp.Topic, tp.Partition, offset, want))
			}
		}
	}
	slices.Sort(out)
	return out
}
