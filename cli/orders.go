package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/intake/order"
)

// orderTime bounds the wait for every ledger to follow an order.
const orderTime = time.Minute

// followed is a ledger's record of an order.
type followed struct {
	ledger   string
	sequence int64
}

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
func obey(ctx context.Context, client *kafka.Client, codec *schemas.Codec, o *schemas.LedgerOrder, operator note.Signer, kind record.Kind) ([]followed, error) {
	if err := order.Sign(o, operator); err != nil {
		return nil, err
	}
	parts, err := client.Partitions(ctx, pipelines.ConductRecords)
	if err != nil {
		return nil, err
	}
	from := map[stage.TopicPartition]int64{}
	for _, topic := range []string{pipelines.ConductRecords, pipelines.ChatRejects} {
		bounds, err := client.Offsets(ctx, topic)
		if err != nil {
			return nil, err
		}
		for p, b := range bounds {
			from[stage.TopicPartition{Topic: topic, Partition: p}] = b.End
		}
	}
	pub := kafka.NewPublisher(client, nil)
	defer pub.Close()
	err = pub.Publish(ctx, []stage.Record{{Topic: pipelines.ChatEvents, Key: []byte("order"), Value: codec.Append(nil, pipelines.ChatEvents, o)}})
	if err != nil {
		return nil, fmt.Errorf("publish the order: %w", err)
	}
	wait, cancel := context.WithTimeout(ctx, orderTime)
	defer cancel()
	var out []followed
	err = client.Tail(wait, []string{pipelines.ConductRecords, pipelines.ChatRejects}, from, nil, func(r stage.Record) error {
		if err := codec.Await(wait, r.Value); err != nil {
			return err
		}
		m, err := codec.Decode(r.Value)
		if err != nil {
			return nil // not of these
		}
		switch m := m.(type) {
		case *schemas.SignedRecord:
			p := &m.Payload
			is := record.Kind(p.Kind) == kind && (kind != record.KindKeyRotation || p.Rotation.Value.PublicKey == o.PublicKey.Value)
			if is && !slices.ContainsFunc(out, func(f followed) bool { return f.ledger == p.Ledger }) {
				out = append(out, followed{p.Ledger, p.Sequence})
			}
		case *schemas.ChatReject:
			var refused schemas.LedgerOrder
			if codec.DecodeInto(m.Value.Value, &refused) == nil && refused.Note == o.Note {
				return fmt.Errorf("the order was refused (%s): %s", m.Reason, m.Detail)
			}
		}
		if len(out) == int(parts[pipelines.ConductRecords]) {
			return errDone
		}
		return nil
	})
	slices.SortFunc(out, func(a, b followed) int { return strings.Compare(a.ledger, b.ledger) })
	if errors.Is(err, errDone) {
		return out, nil
	}
	if err == nil || errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("the order is published, and stands; of %d ledgers %d have followed it within %v: are intake, router and record-signer running, and has the record-signer "+
			"the key that the order names (its log says so)? `casetrail keys show` tells when they have", parts[pipelines.ConductRecords], len(out), orderTime)
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
	done, err := obey(ctx, client, codec, &schemas.LedgerOrder{Order: schemas.OrderKindSeal, Ledgers: prefix, Generation: schemas.Some(generation)}, operator, record.KindSeal)
	for _, f := range done {
		fmt.Printf("ledger %s is sealed by record %d\n", f.ledger, f.sequence)
	}
	return err
}
