package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/pipelines/stage"
)

const (
	// transactionTimeout bounds how long a claim that stopped half-way is left open.
	transactionTimeout = 60 * time.Second
	// claimTimeout is how long a claim may take before it is begun anew.
	claimTimeout = 60 * time.Second
	// renewEvery keeps a claim known to the brokers, which forget a transactional id after 7 days without a transaction
	// and a producer id after a day without a write. A forgotten owner could not be fenced any more.
	renewEvery = time.Hour
)

// claim makes the caller the only writer to outputs under a transactional id and says where each output ends.
//
// A producer id's epoch rises with every claim, but a partition refuses the older epoch only once it has seen the
// newer one. So the claim runs an empty transaction over all outputs: the broker then puts a control marker with the
// new epoch into each, which no consumer ever sees. Once the marker shows up in the log, the partition refuses every
// older owner, and what stands before the marker is final. ends holds the offset after each marker.
//
// The writes that follow are idempotent but not transactional, so they hold no read-committed consumer up. One limit
// remains: after some 32,000 claims of one id the epochs are used up, and the claim after that does not fence the one
// before it. Readers drop what such an owner might repeat, as they drop any position seen before.
func claim(ctx context.Context, c *Client, id string, outputs []stage.TopicPartition, retry func(string, error)) (p *producer, ends map[stage.TopicPartition]int64, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, claimTimeout, errClaim)
	defer cancel()
	session, err := c.initProducer(ctx, id, retry)
	if err != nil {
		return nil, nil, err
	}
	p = newProducer(c, int64(session.ProducerID), int16(session.ProducerEpoch), retry)
	from, err := c.ends(ctx, outputs, retry)
	if err != nil {
		return nil, nil, err
	}
	if inject.FenceOff.Is() {
		return p, from, nil
	}
	if err := p.mark(ctx, id, outputs); err != nil {
		return nil, nil, err
	}
	if inject.ClaimNotAwaited.Is() {
		return p, from, nil
	}
	ends, err = p.findMarkers(ctx, from)
	return p, ends, err
}

func (c *Client) initProducer(ctx context.Context, id string, retry func(string, error)) (*kafkago.ProducerSession, error) {
	req := &kafkago.InitProducerIDRequest{TransactionalID: id, ProducerID: -1, ProducerEpoch: -1, TransactionTimeoutMs: int(transactionTimeout.Milliseconds())}
	var session *kafkago.ProducerSession
	err := retrying(ctx, "claim", retry, func() error {
		r, err := c.raw.InitProducerID(ctx, req)
		if err == nil {
			err = r.Error
		}
		if err == nil {
			session = r.Producer
			return nil
		}
		if errors.Is(err, kafkago.ProducerFenced) || errors.Is(err, kafkago.InvalidProducerEpoch) {
			return fmt.Errorf("claimed by two at once: %v", err) // not about an epoch of ours: try again
		}
		return err
	})
	return session, err
}

// mark has the broker put a control marker into each output. The markers may come after it returns.
func (p *producer) mark(ctx context.Context, id string, outputs []stage.TopicPartition) error {
	topics := map[string][]kafkago.AddPartitionToTxn{}
	for _, tp := range outputs {
		topics[tp.Topic] = append(topics[tp.Topic], kafkago.AddPartitionToTxn{Partition: int(tp.Partition)})
	}
	add := &kafkago.AddPartitionsToTxnRequest{TransactionalID: id, ProducerID: int(p.id), ProducerEpoch: int(p.epoch), Topics: topics}
	end := &kafkago.EndTxnRequest{TransactionalID: id, ProducerID: int(p.id), ProducerEpoch: int(p.epoch), Committed: true}
	err := retrying(ctx, "claim", p.retry, func() error {
		r, err := p.client.raw.AddPartitionsToTxn(ctx, add)
		if err != nil {
			return err
		}
		for topic, parts := range r.Topics {
			for _, x := range parts {
				if x.Error == nil {
					continue
				}
				// The others only say "not attempted" then: show the one that is at fault.
				e := &partitionError{stage.TopicPartition{Topic: topic, Partition: int32(x.Partition)}, -1, classify(x.Error)}
				if err == nil || !errors.Is(x.Error, operationNotAttempted) {
					err = e
				}
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	return retrying(ctx, "claim", p.retry, func() error {
		r, err := p.client.raw.EndTxn(ctx, end)
		if err == nil {
			err = r.Error
		}
		return err
	})
}

const operationNotAttempted = kafkago.Error(55)

// findMarkers reads each output from an offset on until it meets this producer's marker.
func (p *producer) findMarkers(ctx context.Context, from map[stage.TopicPartition]int64) (map[stage.TopicPartition]int64, error) {
	ends := make(map[stage.TopicPartition]int64, len(from))
	for len(from) > 0 {
		err := retrying(ctx, "claim", p.retry, func() error {
			return p.client.poll(ctx, from, func(f *fetched) error {
				at, found, err := p.findMarker(f, from[f.TopicPartition])
				from[f.TopicPartition] = at
				if found {
					ends[f.TopicPartition] = at
					delete(from, f.TopicPartition)
				}
				return err
			})
		})
		if err != nil {
			return nil, err
		}
	}
	return ends, nil
}

func (p *producer) findMarker(f *fetched, from int64) (next int64, found bool, err error) {
	for b, next := f.batches, from; ; {
		bt, rest, ok, err := nextBatch(b)
		if err != nil || !ok {
			return next, false, err
		}
		b, next = rest, max(next, bt.last+1)
		if bt.control() && bt.producer == p.id && bt.epoch == p.epoch && bt.last >= from {
			return next, true, nil
		}
	}
}
