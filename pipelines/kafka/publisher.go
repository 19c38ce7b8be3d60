package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/pipelines/stage"
)

// MaxHeld bounds what a Publisher holds that is not durable yet, in bytes. What it writes at once takes as much again while it
// is encoded and sent.
const MaxHeld = 32 << 20

var errClosed = errors.New("publisher is closed")

// ErrFull says that a Publisher holds as much as it may. Nothing of what was given to it was taken.
var ErrFull = errors.New("as much as is allowed is waiting to be written")

// Publisher writes records from outside of a stage: HTTP intake, the CLI. It is idempotent, so a lost
// acknowledgement duplicates nothing, and batches what several callers publish at once. It is safe for concurrent use.
type Publisher struct {
	client *Client
	retry  func(what string, err error)
	ctx    context.Context
	cancel context.CancelCauseFunc
	done   chan struct{}

	mu      sync.Mutex
	counts  map[string]int32
	held    int            // bytes of waiting and writing
	waiting []*publication // for the next round, oldest first
	writing []*publication // the round in flight
	failing error          // why the last attempt to write failed; nil once one succeeds
	rate    float64        // bytes a second that the last rounds made durable
	wake    chan struct{}  // one token: something is waiting
	room    chan struct{}  // closed and made anew when held shrinks
}

type publication struct {
	records []stage.Record
	size    int
	since   time.Time
	err     chan error
}

// Load is how a Publisher is doing.
type Load struct {
	Held    int           // bytes that are not durable yet
	Oldest  time.Duration // how long the oldest of them has been waiting; 0 where there are none
	Rate    float64       // bytes a second that become durable, over the last rounds; 0 before the first one
	Failing error         // why the last attempt to write failed; nil where it did not
}

// NewPublisher starts a publisher. Close it when done. obs may be nil; only its Retry is called.
func NewPublisher(c *Client, obs Observer) *Publisher {
	if obs == nil {
		obs = nobody{}
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	p := &Publisher{client: c, ctx: ctx, cancel: cancel,
		done: make(chan struct{}), wake: make(chan struct{}, 1), room: make(chan struct{}), counts: map[string]int32{}}
	p.retry = func(what string, err error) {
		p.mu.Lock()
		p.failing = err
		p.mu.Unlock()
		obs.Retry(what, err)
	}
	go p.run()
	return p
}

// Publish writes records to their topics, each to the partition that Murmur2Partition gives its key, and sets their
// Partition. It waits while the Publisher holds MaxHeld, and returns nil once all of records are on all replicas in sync.
// Records that one call gives to one partition keep their order. When ctx ends first, or the publisher is closed, whether
// they were written is unknown, and what has not been begun is not: publishing them again may duplicate them, which
// intake makes harmless by the event's id. The records must not be changed meanwhile.
func (p *Publisher) Publish(ctx context.Context, records []stage.Record) error {
	return p.publish(ctx, records, true)
}

// Offer is Publish, but it returns ErrFull at once where Publish would wait for room.
func (p *Publisher) Offer(ctx context.Context, records []stage.Record) error {
	return p.publish(ctx, records, false)
}

// Load tells how the publisher is doing.
func (p *Publisher) Load() Load {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := Load{Held: p.held, Rate: p.rate, Failing: p.failing}
	for _, q := range [][]*publication{p.writing, p.waiting} {
		if len(q) > 0 {
			l.Oldest = max(l.Oldest, time.Since(q[0].since))
		}
	}
	return l
}

func (p *Publisher) publish(ctx context.Context, records []stage.Record, wait bool) error {
	if len(records) == 0 {
		return nil
	}
	if err := p.assign(ctx, records); err != nil {
		return err
	}
	x := &publication{records: records, since: time.Now(), err: make(chan error, 1)}
	for i := range records {
		x.size += recordBound(&records[i])
	}
	if err := p.enqueue(ctx, x, wait); err != nil {
		return err
	}
	if inject.AckBeforeDurable.Is() {
		return nil
	}
	select {
	case err := <-x.err:
		return err
	case <-ctx.Done():
		p.withdraw(x)
		return context.Cause(ctx)
	}
}

func (p *Publisher) assign(ctx context.Context, records []stage.Record) error {
	var topic string
	var n int32
	for i := range records {
		r := &records[i]
		if r.Topic != topic || n == 0 {
			var err error
			if n, err = p.partitions(ctx, r.Topic); err != nil {
				return err
			}
			topic = r.Topic
		}
		r.Partition = Murmur2Partition(r.Key, n)
	}
	return nil
}

// partitions is looked up once a topic: were the number to change, keys would move.
func (p *Publisher) partitions(ctx context.Context, topic string) (int32, error) {
	p.mu.Lock()
	n := p.counts[topic]
	p.mu.Unlock()
	if n > 0 {
		return n, nil
	}
	counts, err := p.client.Partitions(ctx, topic)
	if err != nil {
		return 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[topic] = counts[topic]
	return counts[topic], nil
}

// enqueue waits for room: that is the back-pressure on callers.
func (p *Publisher) enqueue(ctx context.Context, x *publication, wait bool) error {
	for {
		p.mu.Lock()
		if p.ctx.Err() != nil {
			p.mu.Unlock()
			return errClosed
		}
		if p.held == 0 || p.held+x.size <= MaxHeld || inject.PublisherUnbounded.Is() {
			p.held += x.size
			p.waiting = append(p.waiting, x)
			p.mu.Unlock()
			select {
			case p.wake <- struct{}{}:
			default:
			}
			return nil
		}
		room := p.room
		p.mu.Unlock()
		if !wait {
			return ErrFull
		}
		select {
		case <-room:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-p.ctx.Done():
			return errClosed
		}
	}
}

// withdraw takes out what nobody waits for any more, unless it is being written.
func (p *Publisher) withdraw(x *publication) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.waiting, x); i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
		p.release(x.size)
	}
}

// release makes room. p.mu is held.
func (p *Publisher) release(size int) {
	p.held -= size
	close(p.room)
	p.room = make(chan struct{})
}

// begin takes what is waiting for a round.
func (p *Publisher) begin() (records []stage.Record) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writing, p.waiting = p.waiting, nil
	for _, x := range p.writing {
		records = append(records, x.records...)
	}
	return records
}

// end lets go of a round.
func (p *Publisher) end(took time.Duration, err error) {
	p.mu.Lock()
	size := 0
	for _, x := range p.writing {
		size += x.size
		x.err <- err
	}
	p.writing, p.failing = nil, err
	if err == nil {
		rate := float64(size) / max(took, time.Microsecond).Seconds()
		if p.rate > 0 {
			rate = 0.8*p.rate + 0.2*rate
		}
		p.rate = rate
	}
	p.release(size)
	p.mu.Unlock()
}

// run writes round after round; each takes all that came in during the one before.
func (p *Publisher) run() {
	defer close(p.done)
	var prod *producer
	for {
		select {
		case <-p.wake:
		case <-p.ctx.Done():
			p.begin()
			p.end(0, errClosed)
			return
		}
		if records := p.begin(); len(records) > 0 {
			began := time.Now()
			err := p.write(&prod, records)
			p.end(time.Since(began), err)
		}
	}
}

func (p *Publisher) write(prod **producer, records []stage.Record) error {
	if *prod == nil {
		s, err := p.client.initProducer(p.ctx, "", p.retry)
		if err != nil {
			return fmt.Errorf("publish: %w", err)
		}
		*prod = newProducer(p.client, int64(s.ProducerID), int16(s.ProducerEpoch), p.retry)
	}
	err := (*prod).write(p.ctx, records)
	if err != nil {
		*prod = nil // its sequences are unknown now: the next round begins with a new id
		return fmt.Errorf("publish: %w", err)
	}
	return nil
}

// Close ends the publisher. Calls in flight return an error; whether their records were written is unknown.
func (p *Publisher) Close() {
	p.mu.Lock()
	p.cancel(errClosed)
	p.mu.Unlock()
	<-p.done
}
