package erase

import (
	"errors"
	"fmt"

	"github.com/casetrail/casetrail/cli/orders"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
)

// publish puts the order into every partition of chat.events, unless it is there or in the ledgers, and waits until every ledger has its
// record under a checkpoint.
func (e *erasure) publish() error {
	var order schemas.LedgerOrder
	if err := order.DecodeAvro(e.journal.Order); err != nil {
		return err
	}
	f := orders.Follower{Client: e.Client, Codec: e.Codec, Order: &order, Covered: true}
	if has, err := f.Has(e.ctx); has || err != nil {
		return err
	}
	var err error
	if f.From, err = orders.Ends(e.ctx, e.Client, pipelines.ChatRejects); err != nil {
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
	if _, err = f.Wait(e.ctx, e.Wait); errors.Is(err, orders.ErrWaits) {
		err = fmt.Errorf("%w Run this again then", err)
	}
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
