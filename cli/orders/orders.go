// Package orders waits until every ledger has followed an operator's order.
package orders

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
)

// ErrWaits says that an order was published, and that not every ledger has followed it yet.
var ErrWaits = errors.New("the order is published, and stands")

// Record is a ledger's record of an order.
type Record struct {
	Partition int32
	Ledger    string
	Sequence  int64
}

// Follower looks for the ledgers' records of an order. Not for concurrent use.
type Follower struct {
	Client *kafka.Client
	Codec  *schemas.Codec
	Order  *schemas.LedgerOrder // signed
	// Covered says that a record counts when a checkpoint covers it.
	Covered bool
	// From is where to begin; partitions that it leaves out are read from their start. A refusal counts from there on, too.
	From map[stage.TopicPartition]int64

	ledgers int
	records map[int32]Record
	sizes   map[string]int64 // of the ledgers, by their checkpoints
}

var errAll = errors.New("all of them")

// Ends are the ends of topics.
func Ends(ctx context.Context, client *kafka.Client, topics ...string) (map[stage.TopicPartition]int64, error) {
	return offsets(ctx, client, topics, func(b kafka.Bounds) int64 { return b.End })
}

func offsets(ctx context.Context, client *kafka.Client, topics []string, of func(kafka.Bounds) int64) (map[stage.TopicPartition]int64, error) {
	out := map[stage.TopicPartition]int64{}
	for _, topic := range topics {
		bounds, err := client.Offsets(ctx, topic)
		if err != nil {
			return nil, err
		}
		for p, b := range bounds {
			out[stage.TopicPartition{Topic: topic, Partition: p}] = of(b)
		}
	}
	return out, nil
}

// Has tells whether every ledger has followed the order by now.
func (f *Follower) Has(ctx context.Context) (bool, error) {
	err := f.begin(ctx)
	for _, topic := range []string{pipelines.ConductRecords, pipelines.ConductCheckpoints} {
		if err == nil {
			err = f.Client.ReadAll(ctx, topic, func(r stage.Record) error { return f.take(ctx, r) })
		}
	}
	if errors.Is(err, errAll) {
		return true, nil
	}
	return false, err
}

// Wait waits until every ledger has followed the order, and returns their records, by partition. ErrWaits says that they have not within a
// time; the records are those of the ledgers that have. Where somebody has refused the order, the error says why.
func (f *Follower) Wait(ctx context.Context, most time.Duration) ([]Record, error) {
	if err := f.begin(ctx); err != nil {
		return nil, err
	}
	wait, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	topics := []string{pipelines.ConductRecords, pipelines.ConductCheckpoints, pipelines.ChatRejects}
	from, err := offsets(ctx, f.Client, topics, func(b kafka.Bounds) int64 { return b.First })
	if err != nil {
		return nil, err
	}
	maps.Copy(from, f.From)
	err = f.Client.Tail(wait, topics, from, nil, func(r stage.Record) error { return f.take(wait, r) })
	var out []Record
	var missing []string
	for p := range int32(f.ledgers) {
		if r, ok := f.records[p]; ok && f.counts(r) {
			out = append(out, r)
		} else {
			missing = append(missing, fmt.Sprint(p))
		}
	}
	switch {
	case errors.Is(err, errAll):
		return out, nil
	case ctx.Err() != nil:
		return out, context.Cause(ctx)
	case err == nil, errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("%w: the ledgers of partitions %s have not followed it within %v; are intake, router and record-signer running, and does one of them say in its log what it lacks?",
			ErrWaits, strings.Join(missing, ", "), most)
	}
	return out, err
}

func (f *Follower) begin(ctx context.Context) error {
	parts, err := f.Client.Partitions(ctx, pipelines.ConductRecords)
	f.ledgers, f.records, f.sizes = int(parts[pipelines.ConductRecords]), map[int32]Record{}, map[string]int64{}
	return err
}

// take learns from a message. errAll ends the reading.
func (f *Follower) take(ctx context.Context, r stage.Record) error {
	if err := f.Codec.Await(ctx, r.Value); err != nil {
		return err
	}
	m, err := f.Codec.Decode(r.Value)
	if err != nil {
		return nil // verify says so
	}
	switch m := m.(type) {
	case *schemas.SignedRecord:
		if _, ok := f.records[r.Partition]; !ok && f.is(&m.Payload) {
			f.records[r.Partition] = Record{r.Partition, m.Payload.Ledger, m.Payload.Sequence}
		}
	case *schemas.Checkpoint:
		f.sizes[m.Ledger] = max(f.sizes[m.Ledger], m.Size)
	case *schemas.ChatReject:
		var refused schemas.LedgerOrder
		if f.Codec.DecodeInto(m.Value.Value, &refused) == nil && refused.Note == f.Order.Note {
			return fmt.Errorf("the order was refused (%s): %s", m.Reason, m.Detail)
		}
	}
	have := 0
	for _, x := range f.records {
		if f.counts(x) {
			have++
		}
	}
	if have == f.ledgers {
		return errAll
	}
	return nil
}

func (f *Follower) counts(r Record) bool { return !f.Covered || r.Sequence < f.sizes[r.Ledger] }

// is tells whether a record is of the order.
func (f *Follower) is(p *schemas.ConductRecord) bool {
	switch o := f.Order; o.Order {
	case schemas.OrderKindRotateKey:
		return p.Kind == schemas.RecordKindKeyRotation && p.Rotation.Value.PublicKey == o.PublicKey.Value
	case schemas.OrderKindSeal:
		return p.Kind == schemas.RecordKindSeal && strings.HasSuffix(p.Ledger, fmt.Sprintf("/%d", o.Generation.Value))
	case schemas.OrderKindErase:
		return p.Kind == schemas.RecordKindErasure && p.Erasure.Value == o.Erase.Value.Erasure
	}
	return false
}
