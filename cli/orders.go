package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/cli/orders"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/intake/order"
)

// orderTime bounds the wait for every ledger to follow an order.
const orderTime = time.Minute

// ledgers finds what the ledgers' names begin with, and the generation of each partition's newest one, from the last checkpoints and records.
func ledgers(ctx context.Context, client *kafka.Client, codec *schemas.Codec) (prefix string, generations []int32, err error) {
	const frame = 5 // of the wire format's header
	for _, topic := range []string{pipelines.ConductCheckpoints, pipelines.ConductRecords} {
		bounds, err := client.Offsets(ctx, topic)
		if err != nil {
			return "", nil, err
		}
		generations = append(generations, make([]int32, max(0, len(bounds)-len(generations)))...)
		for p, b := range bounds {
			err := client.ReadRange(ctx, stage.TopicPartition{Topic: topic, Partition: p}, max(b.First, b.End-100), b.End, func(r stage.Record) error {
				if err := codec.Await(ctx, r.Value); err != nil {
					return err
				}
				var ledger string
				if m := (schemas.Checkpoint{}); topic == pipelines.ConductCheckpoints && codec.DecodeInto(r.Value, &m) == nil {
					ledger = m.Ledger
				} else if s, err := record.Decode(r.Value[min(frame, len(r.Value)):]); err == nil {
					ledger = s.Ledger
				}
				_, generation := record.Generation(ledger)
				if d := record.Deployment(ledger); generation > generations[p] && d != "" {
					prefix, generations[p] = d, generation
				}
				return nil
			})
			if err != nil {
				return "", nil, err
			}
		}
	}
	if prefix == "" {
		err = fmt.Errorf("%s is empty: there is no ledger yet", pipelines.ConductCheckpoints)
	}
	return prefix, generations, err
}

// obey publishes an order and waits until every ledger has a record of it, or somebody has refused it.
func obey(ctx context.Context, client *kafka.Client, codec *schemas.Codec, o *schemas.LedgerOrder, operator note.Signer) ([]orders.Record, error) {
	if err := order.Sign(o, operator); err != nil {
		return nil, err
	}
	from, err := orders.Ends(ctx, client, pipelines.ConductRecords, pipelines.ConductCheckpoints, pipelines.ChatRejects)
	if err != nil {
		return nil, err
	}
	pub := kafka.NewPublisher(client, nil)
	defer pub.Close()
	err = pub.Publish(ctx, []stage.Record{{Topic: pipelines.ChatEvents, Key: []byte("order"), Value: codec.Append(nil, pipelines.ChatEvents, o)}})
	if err != nil {
		return nil, fmt.Errorf("publish the order: %w", err)
	}
	out, err := (&orders.Follower{Client: client, Codec: codec, Order: o, From: from}).Wait(ctx, orderTime)
	if errors.Is(err, orders.ErrWaits) {
		err = fmt.Errorf("%w `casetrail keys show` tells when they have", err)
	}
	return out, err
}

type ledgerCommand struct {
	Seal sealCommand `cmd:"" help:"End the ledgers' generation, and begin the next: what is recorded after the seal is in new ledgers, which name it."`
}

type sealCommand struct {
	cluster  `embed:""`
	Operator string `name:"operator-key" default:"data/keys/operator.key" placeholder:"FILE" help:"The operator's signing key."`
}

// Run seals every ledger and says where, and which goes on.
func (c *sealCommand) Run(ctx context.Context) error {
	operator, err := readSigner(c.Operator)
	if err != nil {
		return err
	}
	client, codec, err := c.connect(ctx, "")
	if err != nil {
		return err
	}
	defer client.Close()
	prefix, generations, err := ledgers(ctx, client, codec)
	if err != nil {
		return err
	}
	newest := slices.Max(generations)
	for p, g := range generations {
		if g != newest && g > 0 {
			return fmt.Errorf("partition %d is at generation %d, and another at %d already: an earlier seal is not followed by all ledgers yet; wait until it is: is the record-signer running?", p, g, newest)
		}
	}
	done, err := obey(ctx, client, codec, &schemas.LedgerOrder{Order: schemas.OrderKindSeal, Ledgers: prefix, Generation: schemas.Some(newest)}, operator)
	for _, f := range done {
		series, generation := record.Generation(f.Ledger)
		fmt.Printf("ledger %s is sealed by record %d; %s/%d goes on\n", f.Ledger, f.Sequence, series, generation+1)
	}
	return err
}
