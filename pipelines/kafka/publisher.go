package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/casetrail/casetrail/pipelines/stage"
)

// maxWaiting bounds the records that wait for a Publisher's next round, in bytes.
const maxWaiting = 32 << 20

var errClosed = errors.New("publisher is closed")

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
	size    int
	waiting []*publication
	wake    chan struct{} // one token: something is waiting
	room    chan struct{} // closed and made anew when the waiting ones are taken
}

type publication struct {
	records []stage.Record
	size    int
	err     chan error
}

// NewPublisher starts a publisher. Close it when done. obs may be nil; only its Retry is called.
func NewPublisher(c *Client, obs Observer) *Publisher {
	if obs == nil {
		obs = nobody{}
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	p := &Publisher{client: c, retry: obs.Retry, ctx: ctx, cancel: cancel,
		done: make(chan struct{}), wake: make(chan struct{}, 1), room: make(chan struct{}), counts: map[string]int32{}}
	go p.run()
	return p
}

// Publish writes records to their topics, each to the partition that Murmur2Partition gives its key, and sets their
// Partition. It returns nil once all are on all replicas in sync. Records that one call gives to one partition keep
// their order. When ctx ends first, or the publisher is closed, whether they were written is unknown: publishing them
// again may duplicate them, which intake makes harmless by the event's id. The records must not be changed meanwhile.
func (p *Publisher) Publish(ctx context.Context, records []stage.Record) error {
	if len(records) == 0 {
		return nil
	}
	if err := p.assign(ctx, records); err != nil {
		return err
	}
	x := &publication{records: records, err: make(chan error, 1)}
	for i := range records {
		x.size += recordBound(&records[i])
	}
	if err := p.enqueue(ctx, x); err != nil {
		return err
	}
	select {
	case err := <-x.err:
		return err
	case <-ctx.Done():
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
func (p *Publisher) enqueue(ctx context.Context, x *publication) error {
	for {
		p.mu.Lock()
		if p.ctx.Err() != nil {
			p.mu.Unlock()
			return errClosed
		}
		if p.size == 0 || p.size+x.size <= maxWaiting {
			p.size += x.size
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
		select {
		case <-room:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-p.ctx.Done():
			return errClosed
		}
	}
}

func (p *Publisher) take() []*publication {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.waiting
	p.waiting, p.size = nil, 0
	close(p.room)
	p.room = make(chan struct{})
	return out
}

// run writes round after round; each takes all that came in during the one before.
func (p *Publisher) run() {
	defer close(p.done)
	var prod *producer
	for {
		select {
		case <-p.wake:
		case <-p.ctx.Done():
			for _, x := range p.take() {
				x.err <- errClosed
			}
			return
		}
		round := p.take()
		var all []stage.Record
		for _, x := range round {
			all = append(all, x.records...)
		}
		err := p.write(&prod, all)
		for _, x := range round {
			x.err <- err
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
