// Package memory is a log in memory that drives stages in tests and simulations: the same Task, the same recovery, with
// crashes wherever a test wants them. Nothing in it is safe for concurrent use.
package memory

import (
	"fmt"
	"time"

	"github.com/casetrail/casetrail/pipelines/stage"
)

// Log holds topics, and the offsets that groups have committed.
type Log struct {
	partitions int32
	single     map[string]bool
	topics     map[stage.TopicPartition][]stage.Record
	starts     map[stage.TopicPartition]int64
	committed  map[string]map[stage.TopicPartition]int64
}

// New makes an empty log whose topics have so many partitions; those named have one.
func New(partitions int32, single ...string) *Log {
	l := &Log{partitions: partitions, single: map[string]bool{}, topics: map[stage.TopicPartition][]stage.Record{}, starts: map[stage.TopicPartition]int64{}, committed: map[string]map[stage.TopicPartition]int64{}}
	for _, t := range single {
		l.single[t] = true
	}
	return l
}

// Append writes records to the end of their partitions.
func (l *Log) Append(recs ...stage.Record) {
	for _, r := range recs {
		tp := stage.TopicPartition{Topic: r.Topic, Partition: r.Partition}
		r.Offset = int64(len(l.topics[tp]))
		if r.Time.IsZero() {
			r.Time = time.UnixMilli(0)
		}
		l.topics[tp] = append(l.topics[tp], r)
	}
}

// Records are a partition's records.
func (l *Log) Records(topic string, partition int32) []stage.Record {
	return l.topics[stage.TopicPartition{Topic: topic, Partition: partition}]
}

// Truncate cuts a partition's tail off.
func (l *Log) Truncate(topic string, partition int32, size int) {
	tp := stage.TopicPartition{Topic: topic, Partition: partition}
	l.topics[tp] = l.topics[tp][:size:size]
}

// Expire takes the records before an offset from a partition, as retention does.
func (l *Log) Expire(topic string, partition int32, before int64) {
	l.starts[stage.TopicPartition{Topic: topic, Partition: partition}] = before
}

// For is the log as one group sees it while it recovers.
func (l *Log) For(group string) stage.Log { return view{l, group} }

type view struct {
	*Log
	group string
}

func (v view) Read(tp stage.TopicPartition, from int64, fn func(stage.Record) error) (int64, error) {
	recs := v.topics[tp]
	for i := max(v.starts[tp], from); i < int64(len(recs)); i++ {
		if err := fn(recs[i]); err != nil {
			return i, err
		}
	}
	return int64(len(recs)), nil
}

func (v view) Last(tp stage.TopicPartition, name string, source int32) (stage.Record, bool, error) {
	recs := v.topics[tp]
	for i := len(recs) - 1; i >= 0; i-- {
		if recs[i].Stage == name && recs[i].Position.Partition == source {
			return recs[i], true, nil
		}
	}
	return stage.Record{}, false, nil
}

func (v view) Committed(tp stage.TopicPartition) (int64, bool, error) {
	o, ok := v.committed[v.group][tp]
	return o, ok, nil
}

func (v view) Partitions(topic string) (int32, error) {
	if v.single[topic] {
		return 1, nil
	}
	return v.partitions, nil
}

// Stage is one owner of one task: it forgets everything when it is dropped, as a process does that is killed.
type Stage struct {
	log       *Log
	def       stage.Definition
	partition int32
	task      *stage.Task
	next      map[stage.TopicPartition]int64
}

// Start recovers a task from the log.
func Start(l *Log, def stage.Definition, partition int32) (*Stage, error) {
	v := l.For(def.Name)
	var outputs []stage.TopicPartition
	for _, t := range def.Outputs {
		n, _ := v.Partitions(t)
		for p := range n {
			if def.Spread || p == partition || n == 1 {
				outputs = append(outputs, stage.TopicPartition{Topic: t, Partition: p})
			}
		}
	}
	task, next, err := stage.Start(def, partition, outputs, v)
	if err != nil {
		return nil, err
	}
	if next == nil {
		next = map[stage.TopicPartition]int64{}
	}
	return &Stage{l, def, partition, task, next}, nil
}

// Cut says where a step dies: nowhere, before it writes, after so many of its outputs, after all but the state, or after
// the state but before the commit.
type Cut struct {
	Dies    bool
	Outputs int // written before it dies; -1 for all
	State   bool
}

// ErrDied says that a step died where the test wanted it to.
var ErrDied = fmt.Errorf("the stage died where the test wanted it to")

// Step takes at most n records of each input and writes what they cause. It tells whether there was anything to read.
func (s *Stage) Step(n int, cut Cut) (bool, error) {
	var in []stage.Record
	for _, topic := range s.def.Inputs {
		parts := []int32{s.partition}
		if s.def.Single {
			total, _ := s.log.For("").Partitions(topic)
			parts = parts[:0]
			for p := range total {
				parts = append(parts, p)
			}
		}
		for _, p := range parts {
			tp := stage.TopicPartition{Topic: topic, Partition: p}
			recs := s.log.topics[tp]
			from := min(max(s.next[tp], s.log.starts[tp]), int64(len(recs)))
			to := min(from+int64(n), int64(len(recs)))
			in = append(in, recs[from:to]...)
			s.next[tp] = to
		}
	}
	out, state, err := s.task.Step(in, len(in) == 0)
	if err != nil {
		return false, err
	}
	for _, r := range in[s.task.Taken:] { // comes again
		tp := stage.TopicPartition{Topic: r.Topic, Partition: r.Partition}
		s.next[tp] = min(s.next[tp], r.Offset)
	}
	if cut.Dies && cut.Outputs >= 0 {
		s.log.Append(out[:min(cut.Outputs, len(out))]...)
		return false, ErrDied
	}
	s.log.Append(out...)
	if cut.Dies && !cut.State {
		return false, ErrDied
	}
	s.log.Append(state...)
	if cut.Dies {
		return false, ErrDied
	}
	if s.log.committed[s.def.Name] == nil {
		s.log.committed[s.def.Name] = map[stage.TopicPartition]int64{}
	}
	for tp, o := range s.next {
		s.log.committed[s.def.Name][tp] = o
	}
	return len(in) > 0, nil
}

// Drain steps until there is nothing left to read.
func (s *Stage) Drain(n int) error {
	for {
		more, err := s.Step(n, Cut{})
		if err != nil || !more {
			return err
		}
	}
}
