package kafka

import (
	"context"
	"sync"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/pipelines/stage"
)

// taskLog is what a task may read while it recovers. It implements stage.Log.
type taskLog struct {
	ctx    context.Context // of the recovery: stage.Log has none, since handlers do no I/O of their own
	client *Client
	group  string
	ends   map[stage.TopicPartition]int64 // of the outputs: after the claim's marker, beyond which nothing is final
	retry  func(what string, err error)
}

var _ stage.Log = (*taskLog)(nil)

// Read implements stage.Log. The end of an output is this owner's claim; of any other partition, what is decided at
// the time of the call.
func (l *taskLog) Read(tp stage.TopicPartition, from int64, fn func(stage.Record) error) (int64, error) {
	inject.Recovering.Pass()
	b, err := l.bounds(tp)
	if err != nil {
		return 0, err
	}
	end, ok := l.ends[tp]
	if !ok {
		end = b[1]
	}
	return l.client.readRange(l.ctx, tp, max(from, b[0]), end, ok, l.retry, func(r stage.Record) error {
		if r.Fault != nil {
			return &stage.InputError{Input: r, Err: r.Fault}
		}
		return fn(r)
	})
}

// Last implements stage.Log. It reads windows back from the end, each four times as large as the one before, so that
// it is quick where the stage has written lately and reads the log once at worst.
func (l *taskLog) Last(tp stage.TopicPartition, name string, source int32) (rec stage.Record, found bool, err error) {
	inject.Recovering.Pass()
	b, err := l.bounds(tp)
	if err != nil {
		return rec, false, err
	}
	end, ok := l.ends[tp]
	if !ok {
		end = b[1]
	}
	for window := int64(500); end > b[0] && !found; window *= 4 {
		start := max(b[0], end-window)
		_, err := l.client.readRange(l.ctx, tp, start, end, ok, l.retry, func(r stage.Record) error {
			if r.Offset < end && r.Stage == name && r.Position.Partition == source {
				rec, found = r, true
			}
			return nil
		})
		if err != nil {
			return rec, false, err
		}
		end = start
	}
	return rec, found, nil
}

// Committed implements stage.Log.
func (l *taskLog) Committed(tp stage.TopicPartition) (offset int64, ok bool, err error) {
	req := &kafkago.OffsetFetchRequest{GroupID: l.group, Topics: map[string][]int{tp.Topic: {int(tp.Partition)}}}
	err = retrying(l.ctx, "committed offset", l.retry, func() error {
		r, err := l.client.raw.OffsetFetch(l.ctx, req)
		if err == nil {
			err = r.Error
		}
		if err != nil {
			return err
		}
		for _, p := range r.Topics[tp.Topic] {
			if p.Partition != int(tp.Partition) {
				continue
			}
			offset, ok = p.CommittedOffset, p.CommittedOffset >= 0
			return p.Error
		}
		return nil
	})
	return offset, ok && err == nil, err
}

// Partitions implements stage.Log.
func (l *taskLog) Partitions(topic string) (int32, error) {
	var n int32
	err := retrying(l.ctx, "partitions", l.retry, func() error {
		m, err := l.client.Partitions(l.ctx, topic)
		n = m[topic]
		return err
	})
	return n, err
}

func (l *taskLog) bounds(tp stage.TopicPartition) (b [2]int64, err error) {
	err = retrying(l.ctx, "offsets", l.retry, func() error {
		m, err := l.client.bounds(l.ctx, []stage.TopicPartition{tp})
		b = m[tp]
		return err
	})
	return b, err
}

const (
	readBytes  = 1 << 20 // of one fetch while reading a range
	readBudget = 32 << 20
)

// stretch is what one fetch of a range brought.
type stretch struct {
	records []stage.Record
	next    int64 // the offset after its last batch
	decided bool
	err     error
}

// readRange calls fn for the records of a partition in [from, end) and returns the offset after the last batch read.
// It retries what is transient, and fetches the next stretch while fn works on one. wait says that everything up to end
// will be decided; without it an undecided transaction ends the range early.
func (c *Client) readRange(ctx context.Context, tp stage.TopicPartition, from, end int64, wait bool, retry func(string, error), fn func(stage.Record) error) (int64, error) {
	var fetching sync.WaitGroup
	defer fetching.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var d decoder
	var records []stage.Record // what the stretch before had, whose memory is free
	came := make(chan stretch, 1)
	fetch := func(from int64) {
		memory := records[:0]
		fetching.Go(func() { came <- c.stretch(ctx, tp, from, end, retry, &d, memory) })
	}
	if from < end {
		fetch(from)
	}
	for from < end {
		s := <-came
		if s.err != nil {
			return from, s.err
		}
		ahead := from < s.next && s.next < end
		if ahead {
			fetch(s.next)
		}
		for i := range s.records {
			if s.records[i].Offset >= end {
				return end, nil
			}
			if err := fn(s.records[i]); err != nil {
				return from, err
			}
		}
		if s.next == from && !s.decided && !wait {
			return from, nil
		}
		from, records = s.next, s.records
		if !ahead && from < end { // nothing came
			fetch(from)
		}
	}
	return from, nil
}

// stretch fetches once.
func (c *Client) stretch(ctx context.Context, tp stage.TopicPartition, from, end int64, retry func(string, error), d *decoder, memory []stage.Record) stretch {
	req := &fetchRequest{committed: true, minBytes: 1, maxBytes: readBytes, maxWait: idleWait, parts: []fetchPart{{tp, from, readBytes}}}
	s := stretch{next: from}
	s.err = retrying(ctx, "fetch", retry, func() error {
		parts, err := c.fetch(ctx, req)
		if err != nil {
			return err
		}
		for i := range parts {
			if parts[i].err != nil {
				return &partitionError{tp, from, parts[i].err}
			}
			s.decided = parts[i].stable >= end || parts[i].stable > from
			if s.records, s.next, err = d.append(memory, &parts[i], from, newBudget(readBudget)); err != nil {
				return err
			}
		}
		return nil
	})
	return s
}
