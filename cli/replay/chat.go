package replay

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
)

// Kafka is the way to Casetrail over its topics, as any chat platform would go.
type Kafka struct {
	client    *kafka.Client
	codec     *schemas.Codec
	publisher *kafka.Publisher
	clockKeys [][]byte // one for each partition of chat.events
	work      chan *schemas.WorkItem
	done      chan error
	stop      context.CancelFunc
}

// NewKafka connects to chat.events, and to work.ai and work.human from their ends on. Close it when done.
func NewKafka(ctx context.Context, client *kafka.Client, codec *schemas.Codec) (*Kafka, error) {
	n, err := client.Partitions(ctx, pipelines.ChatEvents)
	if err != nil {
		return nil, err
	}
	k := &Kafka{client: client, codec: codec, publisher: kafka.NewPublisher(client, nil), clockKeys: keys(n[pipelines.ChatEvents]),
		work: make(chan *schemas.WorkItem, 4096), done: make(chan error, 1)}
	from := map[stage.TopicPartition]int64{}
	for _, topic := range []string{pipelines.WorkAI, pipelines.WorkHuman} {
		ends, err := client.Offsets(ctx, topic)
		if err != nil {
			return nil, err
		}
		for p, b := range ends {
			from[stage.TopicPartition{Topic: topic, Partition: p}] = b.End
		}
	}
	ctx, k.stop = context.WithCancel(ctx)
	go func() {
		defer close(k.work)
		k.done <- client.Tail(ctx, []string{pipelines.WorkAI, pipelines.WorkHuman}, from, nil, func(r stage.Record) error { return k.take(ctx, r) })
	}()
	return k, nil
}

// keys finds a key for each of n partitions.
func keys(n int32) [][]byte {
	out := make([][]byte, n)
	for i, left := 0, n; left > 0; i++ {
		key := []byte("clock-" + strconv.Itoa(i))
		if p := kafka.Murmur2Partition(key, n); out[p] == nil {
			out[p] = key
			left--
		}
	}
	return out
}

func (k *Kafka) take(ctx context.Context, r stage.Record) error {
	var w schemas.WorkItem
	if err := k.codec.DecodeInto(r.Value, &w); err != nil {
		return fmt.Errorf("%s/%d offset %d: %w", r.Topic, r.Partition, r.Offset, err)
	}
	select {
	case k.work <- &w:
	case <-ctx.Done():
	}
	return nil
}

// Publish implements Chat.
func (k *Kafka) Publish(ctx context.Context, events []schemas.ChatEvent) error {
	recs := make([]stage.Record, len(events))
	for i := range events {
		recs[i] = stage.Record{Topic: pipelines.ChatEvents, Key: []byte(events[i].CaseID), Value: k.codec.Append(nil, pipelines.ChatEvents, &events[i])}
	}
	return k.publisher.Publish(ctx, recs)
}

// Clock implements Chat.
func (k *Kafka) Clock(ctx context.Context, at int64) error {
	e := schemas.ChatEvent{Kind: schemas.EventKindClock, Sender: schemas.SenderSystem, OccurredAt: at}
	value := k.codec.Append(nil, pipelines.ChatEvents, &e)
	recs := make([]stage.Record, len(k.clockKeys))
	for p, key := range k.clockKeys {
		recs[p] = stage.Record{Topic: pipelines.ChatEvents, Key: key, Value: value}
	}
	return k.publisher.Publish(ctx, recs)
}

// Work implements Chat.
func (k *Kafka) Work() <-chan *schemas.WorkItem { return k.work }

// Close ends reading and writing.
func (k *Kafka) Close() error {
	k.stop()
	err := <-k.done
	k.publisher.Close()
	if errors.Is(err, context.Canceled) { // by stop, before reading began
		return nil
	}
	return err
}

// Now is the latest time that chat.events holds; 0 where it is empty. A replay begins after it.
func Now(ctx context.Context, client *kafka.Client, codec *schemas.Codec) (int64, error) {
	bounds, err := client.Offsets(ctx, pipelines.ChatEvents)
	if err != nil {
		return 0, err
	}
	var now int64
	for p, b := range bounds {
		tp := stage.TopicPartition{Topic: pipelines.ChatEvents, Partition: p}
		err := client.ReadRange(ctx, tp, max(b.First, b.End-1000), b.End, func(r stage.Record) error {
			var e schemas.ChatEvent
			if err := codec.Await(ctx, r.Value); err != nil {
				return err
			}
			if codec.DecodeInto(r.Value, &e) == nil {
				now = max(now, e.OccurredAt)
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	return now, nil
}
