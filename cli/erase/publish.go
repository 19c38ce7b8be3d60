package erase

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
)

var errDone = errors.New("done")

// publish puts the order into every partition of chat.events, unless it is there or in the ledgers, and waits until every ledger has its
// record under a checkpoint.
func (e *erasure) publish() error {
	var order schemas.LedgerOrder
	if err := order.DecodeAvro(e.journal.Order); err != nil {
		return err
	}
	missing, err := e.missing(&order, false)
	if err != nil || len(missing) == 0 {
		return err
	}
	parts, err := e.Client.Partitions(e.ctx, pipelines.ChatEvents)
	if err != nil {
		return err
	}
	there := map[int32]bool{}
	if err := e.read(pipelines.ChatEvents, func(r stage.Record, m schemas.Message) error {
		if o, ok := m.(*schemas.LedgerOrder); ok && o.Note == order.Note {
			there[r.Partition] = true
		}
		return nil
	}); err != nil {
		return err
	}
	pub := kafka.NewPublisher(e.Client, nil)
	defer pub.Close()
	value := e.Codec.Append(nil, pipelines.ChatEvents, &order)
	n := parts[pipelines.ChatEvents]
	for p := n - 1; p >= 0; p-- { // that of partition 0 last: all intakes have theirs to read when the ledgers hear of it
		if there[p] {
			continue
		}
		if err := pub.Publish(e.ctx, []stage.Record{{Topic: pipelines.ChatEvents, Key: keyOf(p, n), Value: value}}); err != nil {
			return fmt.Errorf("publish the order: %w", err)
		}
		inject.OrderPublished.Pass()
	}
	if err := e.settled(); err != nil {
		return fmt.Errorf("the order to erase is published; an intake that stops does not have the new customer key (its log says so): %w", err)
	}
	_, err = e.missing(&order, true)
	return err
}

// keyOf is a message key that belongs to a partition.
func keyOf(p, n int32) []byte {
	for i := 0; ; i++ {
		if k := fmt.Appendf(nil, "order %d", i); kafka.Murmur2Partition(k, n) == p {
			return k
		}
	}
}

// missing are the ledgers that have no record of the order under a checkpoint yet. If wait is true, it returns when there are none.
func (e *erasure) missing(order *schemas.LedgerOrder, wait bool) (map[int32]bool, error) {
	ctx, cancel := context.WithTimeout(e.ctx, e.Wait)
	defer cancel()
	topics := []string{pipelines.ConductRecords, pipelines.ConductCheckpoints}
	from, until := map[stage.TopicPartition]int64{}, map[stage.TopicPartition]int64{}
	missing := map[int32]bool{}
	for _, topic := range topics {
		bounds, err := e.Client.Offsets(ctx, topic)
		if err != nil {
			return nil, err
		}
		for p, b := range bounds {
			from[stage.TopicPartition{Topic: topic, Partition: p}] = b.First
			until[stage.TopicPartition{Topic: topic, Partition: p}] = b.End
			missing[p] = true
		}
	}
	at, sizes := map[int32]int64{}, map[int32]int64{}
	take := func(r stage.Record) error {
		if err := e.Codec.Await(ctx, r.Value); err != nil {
			return err
		}
		m, err := e.Codec.Decode(r.Value)
		if err != nil {
			return nil // verify says so
		}
		switch m := m.(type) {
		case *schemas.SignedRecord:
			if x := m.Payload.Erasure; x.Set && x.Value == order.Erase.Value.Erasure {
				at[r.Partition] = m.Payload.Sequence + 1
			}
		case *schemas.Checkpoint:
			sizes[r.Partition] = max(sizes[r.Partition], m.Size)
		}
		if n := at[r.Partition]; n > 0 && n <= sizes[r.Partition] {
			delete(missing, r.Partition)
		}
		if wait && len(missing) == 0 {
			return errDone
		}
		return nil
	}
	if !wait {
		for tp, first := range from {
			if err := e.Client.ReadRange(ctx, tp, first, until[tp], take); err != nil {
				return nil, err
			}
		}
		return missing, nil
	}
	switch err := e.Client.Tail(ctx, topics, from, nil, take); {
	case errors.Is(err, errDone):
		return nil, nil
	case err != nil:
		return nil, err
	case e.ctx.Err() != nil:
		return nil, context.Cause(e.ctx)
	}
	var names []string
	for p := range missing {
		names = append(names, fmt.Sprint(p))
	}
	return nil, fmt.Errorf("the ledgers of partitions %s have no record of the erasure under a checkpoint within %v; are router and record-signer running? Run this again then", strings.Join(names, ", "), e.Wait)
}
