package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/cli/orders"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/intake/order"
)

// orderTime bounds the wait for every ledger to follow an order.
const orderTime = time.Minute

// ledgers finds what the ledgers' names begin with, and their generation, from a checkpoint of theirs.
func ledgers(ctx context.Context, client *kafka.Client, codec *schemas.Codec) (prefix string, generation int32, err error) {
	bounds, err := client.Offsets(ctx, pipelines.ConductCheckpoints)
	if err != nil {
		return "", 0, err
	}
	for p, b := range bounds {
		err := client.ReadRange(ctx, stage.TopicPartition{Topic: pipelines.ConductCheckpoints, Partition: p}, max(b.First, b.End-100), b.End, func(r stage.Record) error {
			var m schemas.Checkpoint
			if err := codec.Await(ctx, r.Value); err != nil {
				return err
			}
			if codec.DecodeInto(r.Value, &m) != nil {
				return nil
			}
			if parts := strings.Split(m.Ledger, "/"); len(parts) > 2 {
				if n, err := strconv.ParseInt(parts[len(parts)-1], 10, 32); err == nil {
					prefix, generation = strings.Join(parts[:len(parts)-2], "/"), int32(n)
				}
			}
			return nil
		})
		if err != nil || prefix != "" {
			return prefix, generation, err
		}
	}
	return "", 0, fmt.Errorf("%s is empty: there is no ledger yet", pipelines.ConductCheckpoints)
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
	Seal sealCommand `cmd:"" help:"End the ledgers' generation: after the seal they take no more records."`
}

type sealCommand struct {
	cluster  `embed:""`
	Operator string `name:"operator-key" default:"data/keys/operator.key" placeholder:"FILE" help:"The operator's signing key."`
}

// Run seals every ledger and says where.
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
	prefix, generation, err := ledgers(ctx, client, codec)
	if err != nil {
		return err
	}
	done, err := obey(ctx, client, codec, &schemas.LedgerOrder{Order: schemas.OrderKindSeal, Ledgers: prefix, Generation: schemas.Some(generation)}, operator)
	for _, f := range done {
		fmt.Printf("ledger %s is sealed by record %d\n", f.Ledger, f.Sequence)
	}
	return err
}
