package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/casetrail/casetrail/pipelines/stage"
)

func TestRunCountsOnce(t *testing.T) {
	_, cfg := cluster(t, 4, "in", "out", "state")
	c := client(t, cfg)
	publish(t, c, "in", 0, 5000)
	r := start(t, cfg, counting("in", "out", "state"))
	eventually(t, "all counted", func() bool { return r.watch.total().In == 5000 })
	publish(t, c, "in", 5000, 1000)
	eventually(t, "all counted", func() bool { return r.watch.total().In == 6000 })
	began := time.Now()
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("stopping took %v", d)
	}
	publish(t, c, "in", 6000, 1000)
	r = start(t, cfg, counting("in", "out", "state"))
	eventually(t, "the rest counted", func() bool { return r.watch.total().In == 1000 })
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	verifyCounts(t, contents(t, c, "out"), 7000)
	if n := r.watch.total().Dropped; n != 0 {
		t.Errorf("%d outputs dropped after a clean stop", n)
	}
}

// slow takes its time over every input, once all have begun to wait for it.
type slow struct {
	*counter
	begun chan<- struct{}
}

func (s *slow) Handle(in stage.Record) ([]stage.Record, error) {
	select {
	case s.begun <- struct{}{}:
	default:
	}
	time.Sleep(20 * time.Millisecond)
	return s.counter.Handle(in)
}

// What is in hand when a task ends is left to the next owner, who goes on where this one has stopped.
func TestATaskThatEndsTakesNoMore(t *testing.T) {
	_, cfg := cluster(t, 1, "in", "out", "state")
	c := client(t, cfg)
	publish(t, c, "in", 0, 1000)
	begun := make(chan struct{}, 1)
	def := counting("in", "out", "state")
	fresh := def.New
	def.New = func(p int32) (stage.Handler, error) {
		h, err := fresh(p)
		return &slow{h.(*counter), begun}, err
	}
	r := start(t, cfg, def)
	<-begun
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	n := len(contents(t, c, "out"))
	if n == 0 || n >= 1000 {
		t.Errorf("%d of 1000 inputs were taken", n)
	}
	r = start(t, cfg, counting("in", "out", "state"))
	eventually(t, "all counted", func() bool { return len(contents(t, c, "out")) == 1000 })
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	verifyCounts(t, contents(t, c, "out"), 1000)
}

// crash cuts a client off for good at its n-th produce request, before or after the broker has done it.
type crash struct {
	at    int
	after bool

	mu   sync.Mutex
	n    int
	dead bool
}

type crashConn struct {
	net.Conn
	*crash
}

var errCrashed = errors.New("crashed")

func (c *crash) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if c.crashed() {
		return nil, errCrashed
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	return &crashConn{conn, c}, err
}

func (c *crash) crashed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dead
}

func (c *crashConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead {
		return 0, errCrashed
	}
	if len(b) > 8 && binary.BigEndian.Uint16(b[4:]) == 0 {
		if c.n++; c.n == c.at {
			c.dead = true
			if !c.after {
				return 0, errCrashed
			}
		}
	}
	return c.Conn.Write(b)
}

func (c *crashConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.crashed() {
		return 0, errCrashed
	}
	return n, err
}

// A stage is killed at each of its first writes, just before or just after; the next owner goes on as if nothing had
// happened.
func TestRecoveryAfterACrashAtEachWrite(t *testing.T) {
	for _, after := range []bool{false, true} {
		for at := 1; at <= 5; at++ {
			t.Run(fmt.Sprintf("write %d, done=%v", at, after), func(t *testing.T) {
				t.Parallel()
				crashAndGoOn(t, counting("in", "out", "state"), &crash{at: at, after: after})
			})
		}
	}
}

func crashAndGoOn(t *testing.T, def stage.Definition, x *crash) {
	_, cfg := cluster(t, 1, "in", "out", "state")
	cfg.SessionTimeout = time.Second
	c := client(t, cfg)
	broken := cfg
	broken.Dial = x.dial
	first := start(t, broken, def)
	n := 0
	for ; n < 5000 && !x.crashed(); n += 100 {
		publish(t, c, "in", n, 100)
	}
	eventually(t, "the crash", x.crashed)
	second := start(t, cfg, def)
	eventually(t, "all counted", func() bool { return len(contents(t, c, "out")) >= n })
	if err := second.stop(); err != nil {
		t.Error(err)
	}
	_ = first.stop()
	verifyCounts(t, contents(t, c, "out"), n)
}

// halves keeps the count and the next offset in two messages, which are of no use without each other.
type halves struct{ *counter }

func (h halves) Recover(log stage.Log) (map[stage.TopicPartition]int64, error) {
	_, err := log.Read(stage.TopicPartition{Topic: h.state, Partition: h.partition}, 0, func(r stage.Record) error {
		if v := binary.BigEndian.Uint64(r.Value); string(r.Key) == "count" {
			h.count = v
		} else {
			h.next[stage.TopicPartition{Topic: string(r.Key), Partition: h.partition}] = int64(v)
		}
		return nil
	})
	return h.next, err
}

func (h halves) Checkpoint() []stage.Record {
	whole := h.counter.Checkpoint()[0]
	count, next := whole, whole
	count.Key, count.Value = []byte("count"), whole.Value[:8]
	next.Value = whole.Value[8:]
	return []stage.Record{count, next}
}

// A changelog of several messages is there as a whole or not at all, wherever a stage is killed.
func TestTheChangelogIsWholeAfterACrash(t *testing.T) {
	def := counting("in", "out", "state")
	def.New = func(p int32) (stage.Handler, error) {
		h, err := counting("in", "out", "state").New(p)
		return halves{h.(*counter)}, err
	}
	for at := 1; at <= 6; at++ {
		t.Run(fmt.Sprintf("write %d", at), func(t *testing.T) {
			t.Parallel()
			crashAndGoOn(t, def, &crash{at: at, after: true})
		})
	}
}

// The broker answers every third produce request with an error, or with nothing at all.
func TestProduceErrorsAreRetried(t *testing.T) {
	k, cfg := cluster(t, 3, "in", "out", "state")
	c := client(t, cfg)
	publish(t, c, "in", 0, 3000)
	n := 0
	k.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		switch n++; n % 6 {
		case 2:
			return nil, errors.New("connection lost"), true
		case 4:
			res := req.ResponseKind().(*kmsg.ProduceResponse)
			for _, rt := range req.(*kmsg.ProduceRequest).Topics {
				topic := kmsg.NewProduceResponseTopic()
				topic.Topic = rt.Topic
				for _, rp := range rt.Partitions {
					p := kmsg.NewProduceResponseTopicPartition()
					p.Partition, p.ErrorCode = rp.Partition, 19 // not enough replicas
					topic.Partitions = append(topic.Partitions, p)
				}
				res.Topics = append(res.Topics, topic)
			}
			return res, nil, true
		}
		return nil, nil, false
	})
	r := start(t, cfg, counting("in", "out", "state"))
	eventually(t, "all counted", func() bool { return r.watch.total().In == 3000 })
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	verifyCounts(t, contents(t, c, "out"), 3000)
}

func TestHandlerErrorEndsRun(t *testing.T) {
	_, cfg := cluster(t, 1, "in", "out", "state")
	publish(t, client(t, cfg), "in", 0, 10)
	def := counting("in", "out", "state")
	def.New = func(p int32) (stage.Handler, error) {
		return &counter{partition: p, out: "out", state: "state", next: map[stage.TopicPartition]int64{}, handle: func(r stage.Record) error {
			if r.Offset == 7 {
				return errTest
			}
			return nil
		}}, nil
	}
	err := Run(t.Context(), cfg, def, nil)
	if !errors.Is(err, errTest) || !strings.Contains(err.Error(), "in/0 offset 7") {
		t.Error(err)
	}
}

func TestTooLargeEndsRun(t *testing.T) {
	_, cfg := cluster(t, 1, "in", "out", "state")
	cfg.Compression = CompressionNone
	publish(t, client(t, cfg), "in", 0, 1)
	def := stage.Definition{Name: "big", Inputs: []string{"in"}, Outputs: []string{"out"}, New: func(int32) (stage.Handler, error) { return bloating{}, nil }}
	if err := Run(t.Context(), cfg, def, nil); !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "out/0") {
		t.Error(err)
	}
}

type bloating struct{}

func (bloating) Recover(stage.Log) (map[stage.TopicPartition]int64, error) { return nil, nil }

func (bloating) Handle(stage.Record) ([]stage.Record, error) {
	return []stage.Record{{Topic: "out", Value: make([]byte, 2<<20)}}, nil
}

func TestMissingTopicIsWaitedFor(t *testing.T) {
	k, cfg := cluster(t, 1, "in")
	publish(t, client(t, cfg), "in", 0, 5)
	r := start(t, cfg, counting("in", "out", "state"))
	eventually(t, "the wait is reported", func() bool {
		r.watch.mu.Lock()
		defer r.watch.mu.Unlock()
		return r.watch.retries["topics"] > 0
	})
	for _, topic := range []string{"out", "state"} {
		if err := k.CreateTopic(topic, 1, nil); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all counted", func() bool { return r.watch.total().In == 5 })
}

func TestOutputsNeedThePartitionsOfTheInputs(t *testing.T) {
	k, cfg := cluster(t, 3, "in", "state")
	if err := k.CreateTopic("out", 2, nil); err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), cfg, counting("in", "out", "state"), nil); !errors.Is(err, ErrTopic) {
		t.Error(err)
	}
}

// gathering reads all partitions of two topics in one task, and ticks.
type gathering struct {
	mu    sync.Mutex
	seen  map[stage.TopicPartition]int
	ticks int
	ends  int
}

func (*gathering) Recover(stage.Log) (map[stage.TopicPartition]int64, error) { return nil, nil }

func (g *gathering) Handle(in stage.Record) ([]stage.Record, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen[stage.TopicPartition{Topic: in.Topic, Partition: in.Partition}]++
	return nil, nil
}

func (g *gathering) Tick(caughtUp bool) []stage.Record {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ticks++
	if caughtUp {
		g.ends++
	}
	return []stage.Record{{Topic: "out", Value: []byte("tick")}}
}

func TestSingleReadsEverythingAndTicks(t *testing.T) {
	_, cfg := cluster(t, 4, "a", "b", "out")
	c := client(t, cfg)
	publish(t, c, "a", 0, 500)
	publish(t, c, "b", 0, 300)
	g := &gathering{seen: map[stage.TopicPartition]int{}}
	r := start(t, cfg, stage.Definition{Name: "gathering", Inputs: []string{"a", "b"}, Outputs: []string{"out"}, Single: true,
		New: func(int32) (stage.Handler, error) { return g, nil }})
	eventually(t, "all seen", func() bool { return r.watch.total().In == 800 })
	g.mu.Lock()
	before := g.ticks
	g.mu.Unlock()
	eventually(t, "ticks without input", func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.ticks >= before+2 && g.ends > 0
	})
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if len(g.seen) != 8 {
		t.Errorf("records of %d partitions, want 8", len(g.seen))
	}
	for _, rec := range contents(t, c, "out") {
		if rec.Partition != 0 || rec.Stage != "gathering" {
			t.Fatalf("%+v", rec)
		}
	}
	log := &taskLog{ctx: t.Context(), client: c, group: "gathering", retry: nobody{}.Retry}
	for tp, n := range g.seen {
		if offset, ok, err := log.Committed(tp); err != nil || !ok || offset < int64(n) {
			t.Errorf("%v: committed %d, %v, %v", tp, offset, ok, err)
		}
	}
}

func TestBadPasswordIsSaidClearly(t *testing.T) {
	k, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "u", "right"), kfake.SeedTopics(1, "in", "out", "state"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	cfg := Config{Brokers: k.ListenAddrs(), Username: "u", Password: "wrong"}
	if err := Run(t.Context(), cfg, counting("in", "out", "state"), nil); !errors.Is(err, ErrCredentials) {
		t.Error(err)
	}
	if err := client(t, cfg).Ping(t.Context()); !errors.Is(err, ErrCredentials) {
		t.Error(err)
	}
	cfg.Password = "right"
	c := client(t, cfg)
	if err := c.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	publish(t, c, "in", 0, 100)
	r := start(t, cfg, counting("in", "out", "state"))
	eventually(t, "all counted", func() bool { return r.watch.total().In == 100 })
}

func TestPlaintextIsRefused(t *testing.T) {
	if _, err := NewClient(Config{Brokers: []string{"kafka.example:9092"}}); !errors.Is(err, ErrPlaintext) {
		t.Error(err)
	}
	for _, b := range []string{"127.0.0.1:1", "localhost:1", "[::1]:1"} {
		if _, err := NewClient(Config{Brokers: []string{b}}); err != nil {
			t.Error(err)
		}
	}
}
