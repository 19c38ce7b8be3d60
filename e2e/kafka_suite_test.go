package e2e

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/casetrail/casetrail/e2e/realkafka"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/stage"
)

// The suite holds pipelines/kafka to its contract, on the broker that is embedded and on Apache Kafka alike.

// broker is one of the two. kafka and fake are for the tests that need to break it.
type broker struct {
	addrs []string
	fake  *kfake.Cluster
	kafka *realkafka.Cluster
}

func onBothBrokers(t *testing.T, test func(t *testing.T, b *broker)) {
	t.Helper()
	onTheFakeBroker(t, test)
	t.Run("kafka", func(t *testing.T) {
		if testing.Short() {
			t.Skip("starts Apache Kafka")
		}
		k := realkafka.Shared(t)
		test(t, &broker{addrs: k.Brokers, kafka: k})
	})
}

func onTheFakeBroker(t *testing.T, test func(t *testing.T, b *broker)) {
	t.Helper()
	t.Run("kfake", func(t *testing.T) {
		k, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.GroupMinSessionTimeout(time.Second))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(k.Close)
		test(t, &broker{addrs: k.ListenAddrs(), fake: k})
	})
}

func (b *broker) config() kafka.Config {
	return kafka.Config{Brokers: b.addrs, SessionTimeout: 2 * time.Second}
}

func (b *broker) client(t *testing.T) *kafka.Client {
	t.Helper()
	c, err := kafka.NewClient(b.config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// topics makes topics whose names begin with the test's own.
func (b *broker) topics(t *testing.T, c *kafka.Client, partitions int, names ...string) []string {
	t.Helper()
	var out []string
	for _, n := range names {
		out = append(out, b.topic(t, c, kafka.Topic{Name: n, Partitions: partitions}))
	}
	return out
}

func (b *broker) topic(t *testing.T, c *kafka.Client, topic kafka.Topic) string {
	t.Helper()
	topic.Name = fmt.Sprintf("%s-%d", topic.Name, time.Now().UnixNano())
	if err := kafka.EnsureTopics(t.Context(), c, []kafka.Topic{topic}); err != nil {
		t.Fatal(err)
	}
	return topic.Name
}

// numbered makes records with the values from, from+1, ...
func numbered(topic string, from, n int) []stage.Record {
	recs := make([]stage.Record, n)
	for i := range recs {
		recs[i] = stage.Record{Topic: topic, Key: fmt.Appendf(nil, "k%d", (from+i)%100), Value: binary.BigEndian.AppendUint64(nil, uint64(from+i))}
	}
	return recs
}

func publish(t *testing.T, c *kafka.Client, recs []stage.Record) {
	t.Helper()
	p := kafka.NewPublisher(c, nil)
	defer p.Close()
	if err := p.Publish(t.Context(), recs); err != nil {
		t.Fatal(err)
	}
}

func contents(t *testing.T, c *kafka.Client, topic string) (out []stage.Record) {
	t.Helper()
	if err := c.ReadAll(t.Context(), topic, func(r stage.Record) error { out = append(out, r); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// replica is a Run in the background, and what it reports.
type replica struct {
	cancel context.CancelFunc
	done   chan error

	mu      sync.Mutex
	sum     kafka.Step
	owned   []int32
	retries map[string]int
	fenced  int
	name    string
	t       *testing.T
}

func replicaOf(t *testing.T, name string, cfg kafka.Config, def stage.Definition) *replica {
	ctx, cancel := context.WithCancel(context.Background())
	r := &replica{cancel: cancel, done: make(chan error, 1), retries: map[string]int{}, name: name, t: t}
	go func() { r.done <- kafka.Run(ctx, cfg, def, r) }()
	t.Cleanup(func() { _ = r.stop() })
	return r
}

func (r *replica) stop() error {
	r.cancel()
	err := <-r.done
	r.done <- err
	return err
}

func (r *replica) Step(s kafka.Step) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.In += s.In
	r.sum.Out += s.Out
	r.sum.Dropped += s.Dropped
}

func (r *replica) Lag(stage.TopicPartition, int64) {}

func (r *replica) Rebalance(partitions []int32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.owned = partitions
}

func (r *replica) Retry(what string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.retries[what]++
	if errors.Is(err, kafka.ErrFenced) {
		r.fenced++
	}
	if r.retries[what] <= 2 {
		r.t.Logf("%s retries: %s: %v", r.name, what, err)
	}
}

func (r *replica) in() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sum.In
}

func (r *replica) partitions() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.owned)
}

func (r *replica) fences() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fenced
}
