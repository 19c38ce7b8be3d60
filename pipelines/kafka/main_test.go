package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"

	"github.com/casetrail/casetrail/pipelines/stage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cluster starts a fake cluster with topics of the given partition count.
func cluster(t testing.TB, partitions int32, topics ...string) (*kfake.Cluster, Config) {
	t.Helper()
	k, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(partitions, topics...), kfake.GroupMinSessionTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k, Config{Brokers: k.ListenAddrs(), SessionTimeout: 2 * time.Second}
}

func client(t testing.TB, cfg Config) *Client {
	t.Helper()
	c, err := NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// publish writes n numbered records to a topic.
func publish(t testing.TB, c *Client, topic string, from, n int) {
	t.Helper()
	p := NewPublisher(c, nil)
	defer p.Close()
	recs := make([]stage.Record, n)
	for i := range recs {
		recs[i] = stage.Record{Topic: topic, Key: fmt.Appendf(nil, "k%d", (from+i)%100), Value: binary.BigEndian.AppendUint64(nil, uint64(from+i))}
	}
	if err := p.Publish(t.Context(), recs); err != nil {
		t.Fatal(err)
	}
}

// contents reads a whole topic.
func contents(t testing.TB, c *Client, topic string) (out []stage.Record) {
	t.Helper()
	if err := c.ReadAll(t.Context(), topic, func(r stage.Record) error { out = append(out, r); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

// eventually waits until ok holds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// counter numbers the records of its partition, and keeps the number in a changelog.
type counter struct {
	partition int32
	out       string
	state     string
	count     uint64
	next      map[stage.TopicPartition]int64
	buf       []stage.Record
	last      stage.Record
	handle    func(stage.Record) error
}

func counting(in, out, state string) stage.Definition {
	return stage.Definition{
		Name: "counting", Inputs: []string{in}, Outputs: []string{out, state},
		New: func(p int32) (stage.Handler, error) {
			return &counter{partition: p, out: out, state: state, next: map[stage.TopicPartition]int64{}}, nil
		},
	}
}

func (c *counter) Recover(log stage.Log) (map[stage.TopicPartition]int64, error) {
	_, err := log.Read(stage.TopicPartition{Topic: c.state, Partition: c.partition}, 0, func(r stage.Record) error {
		c.count = binary.BigEndian.Uint64(r.Value)
		c.next[stage.TopicPartition{Topic: string(r.Key), Partition: c.partition}] = int64(binary.BigEndian.Uint64(r.Value[8:]))
		return nil
	})
	return c.next, err
}

func (c *counter) Handle(in stage.Record) ([]stage.Record, error) {
	if c.handle != nil {
		if err := c.handle(in); err != nil {
			return nil, err
		}
	}
	c.count++
	c.last = in
	v := append(binary.BigEndian.AppendUint64(nil, c.count), in.Value...)
	c.buf = append(c.buf[:0], stage.Record{Topic: c.out, Partition: c.partition, Key: in.Key, Value: v,
		Position: stage.Position{Partition: in.Partition, Offset: in.Offset}})
	return c.buf, nil
}

func (c *counter) Checkpoint() []stage.Record {
	v := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, c.count), uint64(c.last.Offset+1))
	return []stage.Record{{Topic: c.state, Partition: c.partition, Key: []byte(c.last.Topic), Value: v,
		Position: stage.Position{Partition: c.partition, Offset: c.last.Offset}}}
}

// verifyCounts checks that a topic holds each of n inputs once, and that the numbers of each partition run from 1.
func verifyCounts(t testing.TB, recs []stage.Record, n int) {
	t.Helper()
	counts := map[int32]uint64{}
	seen := map[uint64]bool{}
	for _, r := range recs {
		counts[r.Partition]++
		if got := binary.BigEndian.Uint64(r.Value); got != counts[r.Partition] {
			t.Fatalf("partition %d offset %d: number %d, want %d", r.Partition, r.Offset, got, counts[r.Partition])
		}
		v := binary.BigEndian.Uint64(r.Value[8:])
		if seen[v] {
			t.Fatalf("input %d twice", v)
		}
		seen[v] = true
	}
	if len(recs) != n {
		t.Fatalf("%d outputs, want %d", len(recs), n)
	}
}

// running is a Run in the background.
type running struct {
	cancel context.CancelFunc
	done   chan error
	watch  *watcher
}

func start(t testing.TB, cfg Config, def stage.Definition) *running {
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{cancel: cancel, done: make(chan error, 1), watch: &watcher{t: t}}
	go func() { r.done <- Run(ctx, cfg, def, r.watch) }()
	t.Cleanup(func() { _ = r.stop() })
	return r
}

func (r *running) stop() error {
	r.cancel()
	err := <-r.done
	r.done <- err
	return err
}

// watcher is an Observer that adds up.
type watcher struct {
	t       testing.TB
	mu      sync.Mutex
	sum     Step
	lag     map[stage.TopicPartition]int64
	owned   []int32
	retries map[string]int
}

func (w *watcher) Step(s Step) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sum.In += s.In
	w.sum.Out += s.Out
	w.sum.Rejects += s.Rejects
	w.sum.Dropped += s.Dropped
}

func (w *watcher) Lag(tp stage.TopicPartition, lag int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lag == nil {
		w.lag = map[stage.TopicPartition]int64{}
	}
	w.lag[tp] = lag
}

func (w *watcher) Rebalance(p []int32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.owned = p
}

func (w *watcher) Retry(what string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.retries == nil {
		w.retries = map[string]int{}
	}
	if w.retries[what]++; w.retries[what] < 4 {
		w.t.Logf("%s retry: %s: %v", time.Now().Format("05.000"), what, err)
	}
}

func (w *watcher) total() Step {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sum
}

var errTest = errors.New("test")
