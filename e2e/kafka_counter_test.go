package e2e

import (
	"encoding/binary"
	"testing"

	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/stage"
)

// counter numbers the records of its partition and keeps the number in a changelog: whatever is lost, doubled or out
// of order shows in the numbers.
type counter struct {
	out, state string
	partition  int32
	count      uint64
	last       stage.Record
}

func counting(in, out, state string) stage.Definition {
	return stage.Definition{
		Name: "count-" + in, Inputs: []string{in}, Outputs: []string{out, state},
		New: func(p int32) (stage.Handler, error) { return &counter{out: out, state: state, partition: p}, nil },
	}
}

func (c *counter) Recover(log stage.Log) (map[stage.TopicPartition]int64, error) {
	next := map[stage.TopicPartition]int64{}
	_, err := log.Read(stage.TopicPartition{Topic: c.state, Partition: c.partition}, 0, func(r stage.Record) error {
		c.count = binary.BigEndian.Uint64(r.Value)
		next[stage.TopicPartition{Topic: string(r.Key), Partition: c.partition}] = int64(binary.BigEndian.Uint64(r.Value[8:]))
		return nil
	})
	return next, err
}

func (c *counter) Handle(in stage.Record) ([]stage.Record, error) {
	c.count++
	c.last = in
	return []stage.Record{{Topic: c.out, Partition: c.partition, Key: in.Key, Value: append(binary.BigEndian.AppendUint64(nil, c.count), in.Value...),
		Position: stage.Position{Partition: in.Partition, Offset: in.Offset}}}, nil
}

func (c *counter) Checkpoint() []stage.Record {
	v := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, c.count), uint64(c.last.Offset+1))
	return []stage.Record{{Topic: c.state, Partition: c.partition, Key: []byte(c.last.Topic), Value: v,
		Position: stage.Position{Partition: c.partition, Offset: c.last.Offset}}}
}

// verifyCounts checks that out holds each of n inputs once, and that the numbers of each partition run from 1.
func verifyCounts(t *testing.T, c *kafka.Client, out string, n int) {
	t.Helper()
	counts := map[int32]uint64{}
	seen := map[uint64]bool{}
	lost, doubled, disorder := n, 0, 0
	for _, r := range contents(t, c, out) {
		counts[r.Partition]++
		if binary.BigEndian.Uint64(r.Value) != counts[r.Partition] {
			disorder++
		}
		v := binary.BigEndian.Uint64(r.Value[8:])
		if seen[v] {
			doubled++
		} else {
			lost--
		}
		seen[v] = true
	}
	if lost != 0 || doubled != 0 || disorder != 0 {
		t.Errorf("%d inputs: %d lost, %d twice, %d out of order", n, lost, doubled, disorder)
	}
}

// spreader sends each input to a partition of its own choice, as intake does. It has no state.
type spreader struct {
	in, out    string
	partition  int32
	partitions int32
}

func spreading(in, out string) stage.Definition {
	return stage.Definition{
		Name: "spread-" + in, Inputs: []string{in}, Outputs: []string{out}, Spread: true,
		New: func(p int32) (stage.Handler, error) { return &spreader{in: in, out: out, partition: p}, nil },
	}
}

// Recover goes on at the earliest input whose output is missing somewhere; what is there already is dropped.
func (s *spreader) Recover(log stage.Log) (map[stage.TopicPartition]int64, error) {
	var err error
	if s.partitions, err = log.Partitions(s.out); err != nil {
		return nil, err
	}
	in := stage.TopicPartition{Topic: s.in, Partition: s.partition}
	next, ok, err := log.Committed(in)
	if err != nil || !ok {
		return nil, err
	}
	return map[stage.TopicPartition]int64{in: next}, nil
}

func (s *spreader) Handle(in stage.Record) ([]stage.Record, error) {
	return []stage.Record{{Topic: s.out, Partition: int32(binary.BigEndian.Uint64(in.Value)) % s.partitions, Value: in.Value,
		Position: stage.Position{Partition: in.Partition, Offset: in.Offset}}}, nil
}
