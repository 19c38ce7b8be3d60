// Package rerun shows that a stage is a function of its log: it takes the topics that a run has left, however often its
// processes were killed, runs a stage's real core over them again, from its start and from any place at which it might
// have died, and holds what the core gives against what stands in the log, byte for byte.
package rerun

import (
	"errors"
	"fmt"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
)

// Log is what a run has left: all topics whole, with their offsets, each message once.
type Log struct {
	codec      *schemas.Codec
	records    map[stage.TopicPartition][]stage.Record
	partitions map[string]int32
}

// Source is where a log is read from.
type Source interface {
	Partitions(topic string) (int32, error)
	Read(topic string, fn func(stage.Record) error) error
}

// Load reads all topics, and drops copies by the rule of every reader.
func Load(codec *schemas.Codec, from Source) (*Log, error) {
	l := &Log{codec: codec, records: map[stage.TopicPartition][]stage.Record{}, partitions: map[string]int32{}}
	for _, t := range pipelines.Topology() {
		n, err := from.Partitions(t.Name)
		if err != nil {
			return nil, err
		}
		l.partitions[t.Name] = n
		type writer struct {
			stage.TopicPartition
			name   string
			source int32
		}
		last := map[writer]stage.Position{}
		err = from.Read(t.Name, func(r stage.Record) error {
			tp := stage.TopicPartition{Topic: r.Topic, Partition: r.Partition}
			w := writer{tp, r.Stage, r.Position.Partition}
			before, ok := last[w]
			changelog := t.Name == pipelines.CaseStates // its records have no positions of their own
			if ok && !r.Position.After(before) && r.Stage != "" && !changelog {
				return nil
			}
			last[w] = r.Position
			l.records[tp] = append(l.records[tp], r)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return l, nil
}

// view is a log as a stage finds it that died: without what it had not written yet.
type view struct {
	*Log
	name      string
	written   func(stage.Record) bool // tells whether a record of the stage's own was
	committed int64                   // -1 where nothing was
}

func (v view) Read(tp stage.TopicPartition, from int64, fn func(stage.Record) error) (int64, error) {
	next := int64(0)
	for _, r := range v.records[tp] {
		if r.Stage == v.name && !v.written(r) {
			continue
		}
		next = r.Offset + 1
		if r.Offset >= from {
			if err := fn(r); err != nil {
				return r.Offset, err
			}
		}
	}
	return next, nil
}

func (v view) Last(tp stage.TopicPartition, name string, source int32) (last stage.Record, ok bool, err error) {
	_, err = v.Read(tp, 0, func(r stage.Record) error {
		if r.Stage == name && r.Position.Partition == source {
			last, ok = r, true
		}
		return nil
	})
	return last, ok, err
}

func (v view) Committed(stage.TopicPartition) (int64, bool, error) {
	return max(0, v.committed), v.committed >= 0, nil
}

func (v view) Partitions(topic string) (int32, error) {
	n, ok := v.partitions[topic]
	if !ok {
		return 0, errors.New("no topic " + topic)
	}
	return n, nil
}

func describe(r stage.Record) string {
	return fmt.Sprintf("%s/%d key %q position %v, %d bytes", r.Topic, r.Partition, r.Key, r.Position, len(r.Value))
}
