package rerun

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
)

// Stage is a stage to run again.
type Stage struct {
	stage.Definition
	// Blank takes out of a value what the stage may say differently each time; nil where that is nothing.
	Blank func(topic string, value []byte) []byte
}

// Died is a place at which a stage may have died: what it had written by then.
type Died struct {
	Offset int64  // everything because of inputs before this one
	More   int64  // and some of what came because of so many more
	Topic  string // which of its topics had those
}

// Result is what was compared.
type Result struct{ Runs, Outputs int }

// Check runs a stage again over a log: for each partition from its start, and from random places where it might have
// died. Its error names the first thing that is not as it stands in the log.
func (l *Log) Check(s Stage, seed uint64, places int) (res Result, err error) {
	r := rand.New(rand.NewPCG(seed, 0xd1ed))
	n := l.partitions[s.Inputs[0]]
	if s.Single {
		n = 1
	}
	for p := range n {
		for i := range places + 1 {
			at := Died{}
			if i > 0 {
				at = l.place(r, s, p)
			}
			outputs, err := l.again(r, s, p, at)
			if err != nil {
				return res, fmt.Errorf("%s, partition %d, died at %+v (seed %d): %w", s.Name, p, at, seed, err)
			}
			res.Runs, res.Outputs = res.Runs+1, res.Outputs+outputs
		}
	}
	return res, nil
}

// own are the outputs of a task, by topic and partition.
func (l *Log) own(s Stage, partition int32) map[stage.TopicPartition][]stage.Record {
	out := map[stage.TopicPartition][]stage.Record{}
	for _, topic := range s.Outputs {
		for p := range l.partitions[topic] {
			tp := stage.TopicPartition{Topic: topic, Partition: p}
			for _, r := range l.records[tp] {
				mine := r.Position.Partition == partition
				if topic == pipelines.CaseStates { // its records have no positions, but for the last of each batch
					mine = p == partition
				}
				if r.Stage == s.Name && mine {
					out[tp] = append(out[tp], r)
				}
			}
		}
	}
	return out
}

// place draws a place to die at. A stage with a changelog dies after one of its batches.
func (l *Log) place(r *rand.Rand, s Stage, partition int32) Died {
	at := Died{More: r.Int64N(60), Topic: s.Outputs[r.IntN(len(s.Outputs))]}
	if states := l.batches(s, partition); len(states) > 0 {
		at.Offset = states[r.IntN(len(states))]
		return at
	}
	var ends []int64
	for _, all := range l.own(s, partition) {
		for _, x := range all {
			ends = append(ends, x.Position.Offset)
		}
	}
	if len(ends) > 0 {
		at.Offset = ends[r.IntN(len(ends))] + r.Int64N(2)
	}
	return at
}

// batches are the offsets before which everything is in the router's changelog, one for each batch of it.
func (l *Log) batches(s Stage, partition int32) (out []int64) {
	for _, r := range l.records[stage.TopicPartition{Topic: pipelines.CaseStates, Partition: partition}] {
		if slices.Contains(s.Outputs, pipelines.CaseStates) && len(r.Key) == 1 && r.Key[0] == 0 {
			out = append(out, r.Position.Offset+1)
		}
	}
	return out
}

// again runs one task from a place on, and returns how many outputs were as they should be.
func (l *Log) again(r *rand.Rand, s Stage, partition int32, at Died) (int, error) {
	want := l.own(s, partition)
	written := map[stage.TopicPartition]int{} // how many of want were
	for tp, all := range want {
		end := at.Offset
		if tp.Topic == at.Topic {
			end += at.More
		}
		written[tp] = len(all)
		if tp.Topic == pipelines.CaseStates {
			end = at.Offset
			i := slices.IndexFunc(all, func(x stage.Record) bool { return len(x.Key) == 1 && x.Key[0] == 0 && x.Position.Offset+1 == end })
			written[tp] = i + 1
			continue
		}
		if i := slices.IndexFunc(all, func(x stage.Record) bool { return x.Position.Offset >= end }); i >= 0 {
			written[tp] = i
		}
	}
	v := view{Log: l, name: s.Name, committed: at.Offset, written: func(x stage.Record) bool {
		all := want[stage.TopicPartition{Topic: x.Topic, Partition: x.Partition}]
		if len(all) == 0 || s.Spread && x.Position.Partition != partition {
			return true // another task's
		}
		n := written[stage.TopicPartition{Topic: x.Topic, Partition: x.Partition}]
		return n > 0 && x.Offset <= all[n-1].Offset
	}}
	var outputs []stage.TopicPartition
	for _, topic := range s.Outputs {
		for p := range l.partitions[topic] {
			if s.Spread || s.Single || p == partition {
				outputs = append(outputs, stage.TopicPartition{Topic: topic, Partition: p})
			}
		}
	}
	task, next, err := stage.Start(s.Definition, partition, outputs, v)
	if err != nil {
		return 0, err
	}
	c := &comparison{stage: s, want: want, done: written}
	for _, in := range l.steps(r, s, partition, next) {
		for len(in) > 0 { // a step that has much to write takes less than all
			out, state, err := task.Step(in, false)
			if err == nil {
				err = c.take(append(out, state...))
			}
			if err != nil {
				return 0, err
			}
			in = in[task.Taken:]
		}
	}
	for tp, all := range want {
		if n := c.done[tp]; n < len(all) {
			return 0, fmt.Errorf("%d outputs are not made again, the first is %s", len(all)-n, describe(all[n]))
		}
	}
	return c.count, nil
}

// steps cuts the inputs from the given offsets on into steps: as the changelog has them, where there is one, and at random otherwise,
// the partitions of several inputs in a random order.
func (l *Log) steps(r *rand.Rand, s Stage, partition int32, next map[stage.TopicPartition]int64) (out [][]stage.Record) {
	var left [][]stage.Record
	for _, topic := range s.Inputs {
		for p := range l.partitions[topic] {
			if tp := (stage.TopicPartition{Topic: topic, Partition: p}); s.Single || p == partition {
				all := l.records[tp]
				from, _ := slices.BinarySearchFunc(all, next[tp], func(x stage.Record, offset int64) int { return int(x.Offset - offset) })
				left = append(left, all[from:])
			}
		}
	}
	if ends := l.batches(s, partition); len(ends) > 0 {
		all := left[0]
		for _, end := range ends {
			n, _ := slices.BinarySearchFunc(all, end, func(x stage.Record, offset int64) int { return int(x.Offset - offset) })
			if n > 0 {
				out, all = append(out, all[:n]), all[n:]
			}
		}
		return out
	}
	for {
		left = slices.DeleteFunc(left, func(in []stage.Record) bool { return len(in) == 0 })
		if len(left) == 0 {
			return out
		}
		i := r.IntN(len(left))
		n := min(len(left[i]), 1+r.IntN(500))
		out, left[i] = append(out, left[i][:n]), left[i][n:]
	}
}

// comparison holds outputs against those in the log.
type comparison struct {
	stage Stage
	want  map[stage.TopicPartition][]stage.Record
	done  map[stage.TopicPartition]int
	count int
}

func (c *comparison) take(out []stage.Record) error {
	for _, got := range out {
		tp := stage.TopicPartition{Topic: got.Topic, Partition: got.Partition}
		n := c.done[tp]
		if n >= len(c.want[tp]) {
			return fmt.Errorf("one more output than in the log: %s", describe(got))
		}
		want := c.want[tp][n]
		a, b := got.Value, want.Value
		if c.stage.Blank != nil {
			a, b = c.stage.Blank(tp.Topic, a), c.stage.Blank(tp.Topic, b)
		}
		if !bytes.Equal(a, b) || (a == nil) != (b == nil) || !bytes.Equal(got.Key, want.Key) || got.Position != want.Position || got.Stage != want.Stage {
			return fmt.Errorf("made again as %s; offset %d is %s\n%x\n%x", describe(got), want.Offset, describe(want), a, b)
		}
		c.done[tp]++
		c.count++
	}
	return nil
}

// Intake blanks what intake may say differently each time: a salt and what follows from it, and when it rejected.
func Intake(codec *schemas.Codec) func(string, []byte) []byte {
	return func(topic string, value []byte) []byte {
		switch m, _ := codec.Decode(value); m := m.(type) {
		case *schemas.CaseEvent:
			m.CustomerSalt, m.CustomerCommitment = schemas.Optional[[]byte]{}, schemas.Optional[schemas.Hash]{}
			return codec.Append(nil, topic, m)
		case *schemas.ChatReject:
			m.RejectedAt = 0
			return codec.Append(nil, topic, m)
		}
		return value
	}
}
