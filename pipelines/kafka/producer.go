package kafka

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/pipelines/stage"
)

// maxRound bounds the bytes of one produce request.
const maxRound = 16 << 20

// producer writes for one producer id and epoch. Each topic-partition has its own sequence and at most one batch in
// flight, whose bytes are sent again, unchanged, until the broker has acknowledged them: so nothing is written twice or
// out of order, whatever gets lost on the way. It is for one goroutine.
type producer struct {
	client *Client
	id     int64
	epoch  int16
	retry  func(what string, err error)

	lanes []*lane // in order of first use: few, so a scan beats a map
	last  *lane
	parts []producePart
	busy  []*lane
}

// lane is what waits for one topic-partition.
type lane struct {
	stage.TopicPartition
	sequence int32
	enc      encoder
	queue    []encoded
	spare    [][]byte
	end      int64  // after what was acknowledged last
	acked    uint64 // the moment of that; 0 after a failure
}

type encoded struct {
	batch    []byte
	records  int32
	position stage.Position // of its first record, for errors
	resent   bool           // an earlier attempt may still be reading the bytes
}

func newProducer(c *Client, id int64, epoch int16, retry func(string, error)) *producer {
	return &producer{client: c, id: id, epoch: epoch, retry: retry}
}

// write makes recs durable. Records of one topic-partition keep their order; others have none. It returns once
// every one is acknowledged by all replicas in sync, and tries until ctx ends. ErrFenced, ErrSequence and ErrTooLarge
// are final: part of recs may have been written, and the producer must not be used again.
func (p *producer) write(ctx context.Context, recs []stage.Record) error {
	now := time.Now()
	for i := range recs {
		l := p.lane(recs[i].Topic, recs[i].Partition)
		if l.enc.records > 0 && len(l.enc.body)+recordBound(&recs[i]) > maxBatch {
			if err := p.close(l, now); err != nil {
				return err
			}
		}
		l.append(&recs[i])
	}
	return p.flush(ctx, now)
}

// writeAtomic makes recs, all of one topic-partition, durable as one batch: all or nothing. It is otherwise like write.
func (p *producer) writeAtomic(ctx context.Context, recs []stage.Record) error {
	now := time.Now()
	for i := range recs {
		l := p.lane(recs[i].Topic, recs[i].Partition)
		if l != p.lane(recs[0].Topic, recs[0].Partition) {
			return fmt.Errorf("changelog of one step for %s/%d and %s/%d: it must have one partition", recs[0].Topic, recs[0].Partition, l.Topic, l.Partition)
		}
		if len(l.enc.body)+recordBound(&recs[i]) > maxAtomic {
			return &partitionError{l.TopicPartition, -1, fmt.Errorf("%w: changelog of one step is beyond %d bytes", ErrTooLarge, maxAtomic)}
		}
		l.append(&recs[i])
		if inject.StateInPieces.Is() {
			if err := p.flush(ctx, now); err != nil {
				return err
			}
			inject.BetweenWrites.Pass()
		}
	}
	return p.flush(ctx, now)
}

func (p *producer) lane(topic string, partition int32) *lane {
	if l := p.last; l != nil && l.Partition == partition && l.Topic == topic {
		return l
	}
	for _, l := range p.lanes {
		if l.Partition == partition && l.Topic == topic {
			p.last = l
			return l
		}
	}
	l := &lane{TopicPartition: stage.TopicPartition{Topic: topic, Partition: partition}}
	l.enc.compression = p.client.cfg.Compression
	p.lanes = append(p.lanes, l)
	p.last = l
	return l
}

func (l *lane) append(r *stage.Record) {
	if l.enc.records == 0 {
		l.queue = append(l.queue, encoded{position: r.Position})
	}
	l.enc.append(r)
}

// close ends the lane's open batch.
func (p *producer) close(l *lane, now time.Time) error {
	n := l.enc.records
	if l.sequence > math.MaxInt32-n {
		// Brokers differ in how the sequence goes on after the largest number; a new claim starts again from 0.
		return &partitionError{l.TopicPartition, -1, fmt.Errorf("%w: all numbers are used", ErrSequence)}
	}
	var buf []byte
	if k := len(l.spare); k > 0 {
		buf, l.spare = l.spare[k-1][:0], l.spare[:k-1]
	}
	b, err := l.enc.finish(buf, p.id, p.epoch, l.sequence, now)
	if err != nil {
		return err
	}
	e := &l.queue[len(l.queue)-1]
	e.batch, e.records = b, n
	l.sequence += n
	return nil
}

// flush sends round after round, each with the first batch of every lane that still has one.
func (p *producer) flush(ctx context.Context, now time.Time) error {
	for _, l := range p.lanes {
		if l.enc.records > 0 {
			if err := p.close(l, now); err != nil {
				return err
			}
		}
	}
	wait := backoff{}
	for {
		p.round()
		if len(p.parts) == 0 {
			return nil
		}
		failed, err := p.send(ctx)
		switch {
		case err != nil:
			return err
		case failed == nil:
			wait = backoff{}
			inject.BetweenWrites.Pass()
			continue
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		p.retry("produce", failed)
		if err := wait.sleep(ctx); err != nil {
			return err
		}
	}
}

// send makes one attempt at the round. failed is why some of it has to be sent again; err is final.
func (p *producer) send(ctx context.Context) (failed, err error) {
	res, all := p.client.produce(ctx, p.parts)
	for i, l := range p.busy {
		e := all
		if all == nil {
			e = res.errs[i]
		}
		if e == nil && res.offsets[i] >= 0 {
			if e = l.acknowledged(res.offsets[i]); e == nil {
				l.acked = p.client.moments.next()
			}
		}
		if e == nil || errors.Is(e, kafkago.DuplicateSequenceNumber) {
			l.done()
			continue
		}
		l.queue[0].resent, l.acked = true, 0
		if inject.IdempotenceOff.Is() {
			l.renumber()
		}
		failed = &partitionError{l.TopicPartition, -1, fmt.Errorf("writing the output of %v: %w", l.queue[0].position, classify(e))}
		if fatal(failed) {
			return nil, failed
		}
	}
	return failed, nil
}

// round collects the next request's parts.
func (p *producer) round() {
	p.parts, p.busy = p.parts[:0], p.busy[:0]
	size := 0
	for _, l := range p.lanes {
		if len(l.queue) == 0 {
			continue
		}
		b := l.queue[0].batch
		if size += len(b); size > maxRound && len(p.parts) > 0 {
			return
		}
		p.parts = append(p.parts, producePart{l.TopicPartition, b, l.end, l.acked})
		p.busy = append(p.busy, l)
		if inject.BetweenWrites.Armed() {
			return // a request for each partition
		}
	}
}

// renumber gives the lane's first batch the next numbers, as if it were another one.
func (l *lane) renumber() {
	e := &l.queue[0]
	e.batch = slices.Clone(e.batch)
	be.PutUint32(e.batch[53:], uint32(l.sequence))
	be.PutUint32(e.batch[17:], crc32.Checksum(e.batch[21:], castagnoli))
	l.sequence += e.records
}

// acknowledged notes where the lane's first batch went. A log that ended further on before has lost acknowledged records: produceTo.tails
// looks for that before, and can't see a tail that is lost while the connection stands.
func (l *lane) acknowledged(offset int64) error {
	if offset < l.end {
		return fmt.Errorf("%w: the log has lost its tail: a batch went to offset %d, after one that ended at %d", ErrSequence, offset, l.end)
	}
	l.end = offset + int64(l.queue[0].records)
	return nil
}

const maxSpare = 4

// done drops the lane's first batch, which is durable, and keeps its buffer for another.
func (l *lane) done() {
	if !l.queue[0].resent && len(l.spare) < maxSpare && cap(l.queue[0].batch) <= 2*maxBatch {
		l.spare = append(l.spare, l.queue[0].batch)
	}
	n := copy(l.queue, l.queue[1:])
	l.queue[n] = encoded{}
	l.queue = l.queue[:n]
}
