package e2e

import (
	"testing"
	"time"

	"github.com/casetrail/casetrail/e2e/realkafka"
	"github.com/casetrail/casetrail/pipelines/kafka"
)

// Brokers are killed under a stage with two replicas; nothing may be lost, doubled or out of order.
func TestBrokerCrash(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Apache Kafka")
	}
	for _, x := range []struct {
		name  string
		nodes int
		kills []int
	}{
		{"one node", 1, []int{0, 0}},
		{"three nodes", 3, []int{0, 1}},
	} {
		t.Run(x.name, func(t *testing.T) {
			k := realkafka.Start(t, realkafka.Nodes(x.nodes))
			b := &broker{addrs: k.Brokers, kafka: k}
			c := b.client(t)
			names := b.topics(t, c, 4, "in", "out", "state")
			def := counting(names[0], names[1], names[2])
			one, two := replicaOf(t, "one", b.config(), def), replicaOf(t, "two", b.config(), def)
			p := kafka.NewPublisher(c, nil)
			defer p.Close()
			n := 0
			feed := func(d time.Duration) {
				for end := time.Now().Add(d); time.Now().Before(end); n += 50 {
					if err := p.Publish(t.Context(), numbered(names[0], n, 50)); err != nil {
						t.Fatal(err)
					}
				}
			}
			feed(2 * time.Second)
			for _, node := range x.kills {
				back := make(chan error, 1)
				k.Kill(node)
				go func() { back <- k.Restart(node) }()
				feed(8 * time.Second)
				if err := <-back; err != nil {
					t.Fatal(err)
				}
				feed(time.Second)
			}
			eventually(t, "all counted", func() bool { return len(contents(t, c, names[1])) >= n })
			if err := one.stop(); err != nil {
				t.Error(err)
			}
			if err := two.stop(); err != nil {
				t.Error(err)
			}
			if got := len(contents(t, c, names[0])); got != n {
				t.Errorf("%d published, %d in the topic", n, got)
			}
			verifyCounts(t, c, names[1], n)
			t.Logf("%d records; in while feeding: %d and %d", n, one.in(), two.in())
		})
	}
}

// Leaders and coordinators move about under a stage, on the fake broker, where that is quick.
func TestLeadersMove(t *testing.T) {
	onTheFakeBroker(t, func(t *testing.T, b *broker) {
		c := b.client(t)
		names := b.topics(t, c, 6, "in", "out", "state")
		r := replicaOf(t, "r", b.config(), counting(names[0], names[1], names[2]))
		p := kafka.NewPublisher(c, nil)
		defer p.Close()
		const rounds, each = 60, 50
		for i := range rounds {
			if err := p.Publish(t.Context(), numbered(names[0], i*each, each)); err != nil {
				t.Fatal(err)
			}
			if i%10 == 5 {
				b.fake.ShufflePartitionLeaders()
			}
			if i%20 == 15 {
				b.fake.RehashCoordinators()
			}
		}
		eventually(t, "all counted", func() bool { return len(contents(t, c, names[1])) >= rounds*each })
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		verifyCounts(t, c, names[1], rounds*each)
	})
}
