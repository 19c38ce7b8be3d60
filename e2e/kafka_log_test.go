package e2e

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/stage"
)

func TestEveryCodec(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, b *broker) {
		c := b.client(t)
		topic := b.topics(t, c, 1, "codecs")[0]
		var want []string
		for _, codec := range []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()} {
			k, err := kgo.NewClient(kgo.SeedBrokers(b.addrs...), kgo.ProducerBatchCompression(codec), kgo.DefaultProduceTopic(topic))
			if err != nil {
				t.Fatal(err)
			}
			for i := range 50 {
				v := fmt.Sprintf("%d of another client's records, which repeat themselves, repeat themselves", i)
				want = append(want, v)
				k.Produce(t.Context(), kgo.StringRecord(v), nil)
			}
			if err := k.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			k.Close()
		}
		for _, codec := range []kafka.Compression{kafka.CompressionNone, kafka.CompressionSnappy, kafka.CompressionLZ4, kafka.CompressionZstd} {
			cfg := b.config()
			cfg.Compression = codec
			own, err := kafka.NewClient(cfg)
			if err != nil {
				t.Fatal(err)
			}
			recs := make([]stage.Record, 50)
			for i := range recs {
				v := fmt.Sprintf("%d of our own records, which repeat themselves, repeat themselves", i)
				want = append(want, v)
				recs[i] = stage.Record{Topic: topic, Value: []byte(v)}
			}
			publish(t, own, recs)
			own.Close()
		}
		var got []string
		for _, r := range contents(t, c, topic) {
			got = append(got, string(r.Value))
		}
		if !slices.Equal(got, want) {
			t.Errorf("read %d records, want %d", len(got), len(want))
		}
		k, err := kgo.NewClient(kgo.SeedBrokers(b.addrs...), kgo.ConsumeTopics(topic))
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		got = got[:0]
		for len(got) < len(want) && ctx.Err() == nil {
			k.PollFetches(ctx).EachRecord(func(r *kgo.Record) { got = append(got, string(r.Value)) })
		}
		if !slices.Equal(got, want) {
			t.Errorf("another client read %d records, want %d", len(got), len(want))
		}
	})
}

func TestAppendTime(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, b *broker) {
		c := b.client(t)
		topic := b.topic(t, c, kafka.Topic{Name: "appended", Partitions: 1, Config: map[string]string{"message.timestamp.type": "LogAppendTime"}})
		k, err := kgo.NewClient(kgo.SeedBrokers(b.addrs...), kgo.DefaultProduceTopic(topic))
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close()
		long := time.Now().Add(-30 * 24 * time.Hour)
		if err := k.ProduceSync(t.Context(), &kgo.Record{Value: []byte("x"), Timestamp: long}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		for _, r := range contents(t, c, topic) {
			if age := time.Since(r.Time); age > time.Minute && b.kafka != nil {
				t.Errorf("a record just appended is %v old", age)
			}
		}
	})
}

// Aborted records are as if they had never been written, and undecided ones are waited for.
func TestTransactionsOnTheInput(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, b *broker) {
		c := b.client(t)
		names := b.topics(t, c, 1, "in", "out", "state")
		k, err := kgo.NewClient(kgo.SeedBrokers(b.addrs...), kgo.DefaultProduceTopic(names[0]), kgo.TransactionalID(names[0]))
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close()
		r := replicaOf(t, "r", b.config(), counting(names[0], names[1], names[2]))
		n := 0
		for round := range 20 {
			if err := k.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			commit := round%3 != 1
			for range 25 {
				v := binary.BigEndian.AppendUint64(nil, uint64(n))
				if commit {
					n++
				} else {
					v = []byte("aborted!")
				}
				if err := k.ProduceSync(t.Context(), &kgo.Record{Value: v}).FirstErr(); err != nil {
					t.Fatal(err)
				}
			}
			if commit && r.in() > n-25 {
				t.Fatal("an undecided record was taken")
			}
			if err := k.EndTransaction(t.Context(), kgo.TransactionEndTry(commit)); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "all counted", func() bool { return r.in() >= n })
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		verifyCounts(t, c, names[1], n)
	})
}

// A compacted topic is read to its end, whatever gaps there are.
func TestCompaction(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, b *broker) {
		c := b.client(t)
		topic := b.topic(t, c, kafka.Topic{Name: "compacted", Partitions: 1, Config: map[string]string{
			"cleanup.policy": "compact", "segment.bytes": "1048576", "min.cleanable.dirty.ratio": "0.01", "min.compaction.lag.ms": "0", "delete.retention.ms": "0"}})
		p := kafka.NewPublisher(c, nil)
		defer p.Close()
		const batches = 1500
		pad := make([]byte, 1500)
		for i := range batches {
			_, _ = rand.Read(pad)
			// What comes last in each batch is soon overwritten: so cleaned batches, and segments, lose their tails.
			if err := p.Publish(t.Context(), []stage.Record{
				{Topic: topic, Key: fmt.Append(nil, "kept", i), Value: fmt.Append(nil, i)},
				{Topic: topic, Key: []byte("tail"), Value: fmt.Appendf(nil, "%d %x", i, pad)},
			}); err != nil {
				t.Fatal(err)
			}
		}
		read := func() (map[string]string, int) {
			got, n := map[string]string{}, 0
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			err := c.ReadAll(ctx, topic, func(r stage.Record) error {
				n++
				got[string(r.Key)] = string(r.Value)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return got, n
		}
		eventually(t, "the log is compacted", func() bool {
			if b.fake != nil {
				b.fake.Compact()
			}
			_, n := read()
			return n < 2*batches*3/4
		})
		got, n := read()
		t.Logf("%d of %d records left", n, 2*batches)
		for i := range batches {
			if got[fmt.Sprint("kept", i)] != fmt.Sprint(i) {
				t.Errorf("key %d is not at its latest value", i)
			}
		}
		if !strings.HasPrefix(got["tail"], fmt.Sprint(batches-1, " ")) {
			t.Error("the last value is missing")
		}
	})
}

// A stage whose next input is gone says so and stops: it never skips.
func TestRetentionOvertakes(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, b *broker) {
		c := b.client(t)
		names := b.topics(t, c, 1, "in", "out", "state")
		def := counting(names[0], names[1], names[2])
		publish(t, c, numbered(names[0], 0, 100))
		r := replicaOf(t, "r", b.config(), def)
		eventually(t, "all counted", func() bool { return r.in() == 100 })
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		publish(t, c, numbered(names[0], 100, 100))
		k, err := kgo.NewClient(kgo.SeedBrokers(b.addrs...))
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close()
		deleteRecords(t, k, names[0], 150)
		r = replicaOf(t, "r", b.config(), def)
		select {
		case err := <-r.done:
			r.done <- err
			if !errors.Is(err, kafka.ErrOffsetLost) {
				t.Error(err)
			}
			t.Log(err)
		case <-time.After(30 * time.Second):
			t.Error("still running")
		}
	})
}

func TestTopicsAreChecked(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, b *broker) {
		c := b.client(t)
		want := kafka.Topic{Name: fmt.Sprint("checked-", time.Now().UnixNano()), Partitions: 3, Config: map[string]string{"cleanup.policy": "compact", "retention.ms": "-1"}}
		for range 2 {
			if err := kafka.EnsureTopics(t.Context(), c, []kafka.Topic{want}); err != nil {
				t.Fatal(err)
			}
		}
		want.Partitions = 4
		if err := kafka.EnsureTopics(t.Context(), c, []kafka.Topic{want}); !errors.Is(err, kafka.ErrTopic) {
			t.Error(err)
		}
		want.Partitions, want.Config = 3, map[string]string{"cleanup.policy": "delete"}
		if err := kafka.EnsureTopics(t.Context(), c, []kafka.Topic{want}); !errors.Is(err, kafka.ErrTopic) {
			t.Error(err)
		}
	})
}

// Java's client and ours must agree on where a key goes. kgo's murmur2 is checked against Java's.
func TestPartitionsLikeJava(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, b *broker) {
		c := b.client(t)
		topic := b.topics(t, c, 7, "keyed")[0]
		publish(t, c, numbered(topic, 0, 500))
		k, err := kgo.NewClient(kgo.SeedBrokers(b.addrs...), kgo.DefaultProduceTopic(topic))
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close()
		for _, r := range numbered(topic, 0, 500) {
			k.Produce(t.Context(), &kgo.Record{Key: r.Key, Value: r.Value}, nil)
		}
		if err := k.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		where := map[string]int32{}
		for _, r := range contents(t, c, topic) {
			if p, ok := where[string(r.Key)]; ok && p != r.Partition {
				t.Fatalf("key %s in partitions %d and %d", r.Key, p, r.Partition)
			}
			where[string(r.Key)] = r.Partition
		}
	})
}

func deleteRecords(t *testing.T, k *kgo.Client, topic string, before int64) {
	t.Helper()
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.TimeoutMillis = 10000
	rt := kmsg.NewDeleteRecordsRequestTopic()
	rt.Topic = topic
	rp := kmsg.NewDeleteRecordsRequestTopicPartition()
	rp.Offset = before
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	res, err := req.RequestWith(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	if code := res.Topics[0].Partitions[0].ErrorCode; code != 0 {
		t.Fatal("deleting records: code ", code)
	}
}
