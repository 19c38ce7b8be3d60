package e2e

import (
	"encoding/binary"
	"maps"
	"testing"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/casetrail/casetrail/e2e/realkafka"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/stage"
)

func TestLostAcknowledgements(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, b *broker) {
		c := b.client(t)
		names := b.topics(t, c, 3, "in", "out", "state")
		cfg := b.config()
		feeding, working := &link{dropEvery: 4}, &link{dropEvery: 3}
		cfg.Dial = feeding.dial
		feeder, err := kafka.NewClient(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer feeder.Close()
		p := kafka.NewPublisher(feeder, nil)
		defer p.Close()
		cfg.Dial = working.dial
		r := replicaOf(t, "r", cfg, counting(names[0], names[1], names[2]))
		const rounds, each = 100, 50
		for i := range rounds {
			if err := p.Publish(t.Context(), numbered(names[0], i*each, each)); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "all counted", func() bool { return r.in() >= rounds*each })
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		if n := len(contents(t, c, names[0])); n != rounds*each {
			t.Errorf("%d records published, %d in the topic", rounds*each, n)
		}
		verifyCounts(t, c, names[1], rounds*each)
		t.Logf("lost acknowledgements: %d of the publisher, %d of the stage", feeding.losses(), working.losses())
		if feeding.losses() == 0 || working.losses() == 0 {
			t.Error("nothing was lost: the test tested nothing")
		}
	})
}

// A replica is cut off with a write on its way, another takes over and goes on, and then the write arrives.
func TestZombie(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, b *broker) {
		c := b.client(t)
		names := b.topics(t, c, 2, "in", "out", "state")
		def := counting(names[0], names[1], names[2])
		first, second := &link{}, &link{}
		one, two := b.config(), b.config()
		one.Dial, two.Dial = first.dial, second.dial
		publish(t, c, numbered(names[0], 0, 1000))
		x := replicaOf(t, "x", one, def)
		eventually(t, "x has counted", func() bool { return x.in() == 1000 })
		y := replicaOf(t, "y", two, def)
		eventually(t, "both have a partition", func() bool { return x.partitions() == 1 && y.partitions() == 1 })
		links, replicas := []*link{first, second}, []*replica{x, y}
		const rounds = 4
		for i := range rounds {
			zombie, other := links[i%2], replicas[(i+1)%2]
			zombie.hold()
			publish(t, c, numbered(names[0], 1000*(i+1), 500))
			eventually(t, "it is cut off", zombie.held)
			publish(t, c, numbered(names[0], 1000*(i+1)+500, 500))
			eventually(t, "the other has both", func() bool { return other.partitions() == 2 })
			eventually(t, "the other has counted all", func() bool { return len(contents(t, c, names[1])) == 1000*(i+2) })
			zombie.release()
			eventually(t, "the zombie is back", func() bool { return x.partitions() == 1 && y.partitions() == 1 })
		}
		if err := x.stop(); err != nil {
			t.Error(err)
		}
		if err := y.stop(); err != nil {
			t.Error(err)
		}
		verifyCounts(t, c, names[1], 1000*(rounds+1))
		if x.fences()+y.fences() < rounds {
			t.Errorf("late writes refused: %d, want %d", x.fences()+y.fences(), rounds)
		}
	})
}

// The late write arrives when the new owner has recovered but written nothing yet: it is the claim that must refuse it.
func TestLateWriteBeforeTheNewOwnersFirst(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, b *broker) {
		c := b.client(t)
		names := b.topics(t, c, 1, "in", "out", "state")
		def := counting(names[0], names[1], names[2])
		cut := &link{}
		cfg := b.config()
		cfg.Dial = cut.dial
		publish(t, c, numbered(names[0], 0, 100))
		x := replicaOf(t, "x", cfg, def)
		eventually(t, "x has counted", func() bool { return x.in() == 100 })
		cut.hold()
		publish(t, c, numbered(names[0], 100, 100))
		eventually(t, "x is cut off", cut.held)
		entered, gate := make(chan struct{}, 1000), make(chan struct{})
		gated := def
		gated.New = func(p int32) (stage.Handler, error) {
			h, err := def.New(p)
			return &gatedCounter{h.(*counter), entered, gate}, err
		}
		y := replicaOf(t, "y", b.config(), gated)
		<-entered
		cut.release()
		eventually(t, "the late write is refused", func() bool { return x.fences() > 0 || len(contents(t, c, names[1])) > 100 })
		if n := len(contents(t, c, names[1])); n != 100 {
			t.Errorf("%d outputs: the late write was taken", n)
		}
		close(gate)
		eventually(t, "all counted", func() bool { return len(contents(t, c, names[1])) >= 200 })
		if err := x.stop(); err != nil {
			t.Error(err)
		}
		if err := y.stop(); err != nil {
			t.Error(err)
		}
		verifyCounts(t, c, names[1], 200)
	})
}

// The late write arrives while the new owner claims: it is taken, as it must be, and the new owner has to see it. On the fake
// broker a claim refuses earlier owners at once, so there is nothing to see.
func TestLateWriteDuringTheClaim(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Apache Kafka")
	}
	k := realkafka.Shared(t)
	b := &broker{addrs: k.Brokers, kafka: k}
	c := b.client(t)
	names := b.topics(t, c, 1, "in", "out", "state")
	def := counting(names[0], names[1], names[2])
	old, claiming := &link{}, &link{holds: addPartitionsToTxn}
	one, two := b.config(), b.config()
	one.Dial, two.Dial = old.dial, claiming.dial
	publish(t, c, numbered(names[0], 0, 100))
	x := replicaOf(t, "x", one, def)
	eventually(t, "x has counted", func() bool { return x.in() == 100 })
	old.hold()
	publish(t, c, numbered(names[0], 100, 100))
	eventually(t, "x is cut off", old.held)
	claiming.hold()
	y := replicaOf(t, "y", two, def)
	eventually(t, "y is about to put its markers into the outputs", claiming.held)
	old.release()
	eventually(t, "the late write is taken", func() bool { return len(contents(t, c, names[1])) > 100 })
	claiming.release()
	publish(t, c, numbered(names[0], 200, 100))
	eventually(t, "all counted", func() bool { return len(contents(t, c, names[1])) >= 300 })
	if err := x.stop(); err != nil {
		t.Error(err)
	}
	if err := y.stop(); err != nil {
		t.Error(err)
	}
	verifyCounts(t, c, names[1], 300)
}

// gatedCounter recovers, and then waits.
type gatedCounter struct {
	*counter
	entered chan<- struct{}
	gate    <-chan struct{}
}

func (g *gatedCounter) Handle(in stage.Record) ([]stage.Record, error) {
	g.entered <- struct{}{}
	<-g.gate
	return g.counter.Handle(in)
}

// The same with a stage that writes to every partition: the late write is refused in all of them.
func TestZombieThatSpreads(t *testing.T) {
	onBothBrokers(t, func(t *testing.T, b *broker) {
		c := b.client(t)
		in, out := b.topics(t, c, 1, "in")[0], b.topics(t, c, 6, "out")[0]
		cut := &link{}
		cfg := b.config()
		cfg.Dial = cut.dial
		publish(t, c, numbered(in, 0, 600))
		x := replicaOf(t, "x", cfg, spreading(in, out))
		eventually(t, "x has spread", func() bool { return len(contents(t, c, out)) == 600 })
		cut.hold()
		publish(t, c, numbered(in, 600, 600))
		eventually(t, "x is cut off", cut.held)
		y := replicaOf(t, "y", b.config(), spreading(in, out))
		eventually(t, "y has spread the rest", func() bool { return len(contents(t, c, out)) >= 1200 })
		cut.release()
		publish(t, c, numbered(in, 1200, 600))
		eventually(t, "the zombie is back", func() bool { return x.partitions()+y.partitions() == 1 })
		eventually(t, "all is spread", func() bool { return len(contents(t, c, out)) >= 1800 })
		if err := x.stop(); err != nil {
			t.Error(err)
		}
		if err := y.stop(); err != nil {
			t.Error(err)
		}
		seen := map[uint64]int{}
		for _, r := range contents(t, c, out) {
			v := binary.BigEndian.Uint64(r.Value)
			if seen[v]++; seen[v] > 1 {
				t.Errorf("%d twice", v)
			}
		}
		if len(seen) != 1800 {
			t.Errorf("%d outputs, want 1800", len(seen))
		}
		if x.fences() == 0 {
			t.Error("no late write was refused")
		}
		notHeldUp(t, b, out, 6)
	})
}

// notHeldUp checks that a read-committed consumer can read a topic to its end.
func notHeldUp(t *testing.T, b *broker, topic string, partitions int) {
	t.Helper()
	transport := &kafkago.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafkago.Client{Addr: kafkago.TCP(b.addrs...), Transport: transport}
	ends := func(level kafkago.IsolationLevel) map[int]int64 {
		req := &kafkago.ListOffsetsRequest{Topics: map[string][]kafkago.OffsetRequest{}, IsolationLevel: level}
		for p := range partitions {
			req.Topics[topic] = append(req.Topics[topic], kafkago.LastOffsetOf(p))
		}
		r, err := client.ListOffsets(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		out := map[int]int64{}
		for _, x := range r.Topics[topic] {
			out[x.Partition] = x.LastOffset
		}
		return out
	}
	// The marker of a claim that was cut short may still be on its way.
	eventually(t, "what is committed reaches the end", func() bool {
		return maps.Equal(ends(kafkago.ReadUncommitted), ends(kafkago.ReadCommitted))
	})
}
