package kafka

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/casetrail/casetrail/pipelines/stage"
)

type ages struct {
	tally
	mu  sync.Mutex
	age []time.Duration
}

func (a *ages) Step(s Step) {
	a.tally.Step(s)
	if s.In > 0 {
		a.mu.Lock()
		a.age = append(a.age, s.Age)
		a.mu.Unlock()
	}
}

// BenchmarkPace measures one stage under a steady load: CPU, the publisher's and the broker's included, and latency.
func BenchmarkPace(b *testing.B) {
	for _, rate := range []int{100, 5000, 40000} {
		b.Run(fmt.Sprint(rate), func(b *testing.B) {
			const partitions, seconds = 8, 3
			k, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, "in", "out"), kfake.DataDir(b.TempDir()))
			if err != nil {
				b.Fatal(err)
			}
			defer k.Close()
			cfg := Config{Brokers: k.ListenAddrs()}
			cl, err := NewClient(cfg)
			if err != nil {
				b.Fatal(err)
			}
			defer cl.Close()
			p := NewPublisher(cl, nil)
			defer p.Close()
			def := stage.Definition{Name: "passing", Inputs: []string{"in"}, Outputs: []string{"out"},
				New: func(p int32) (stage.Handler, error) { return &passing{partition: p}, nil }}
			var t ages
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error)
			go func() { done <- Run(ctx, cfg, def, &t) }()
			recs := events(rate * seconds)
			for i := range recs {
				recs[i].Topic = "in"
			}
			tick := time.NewTicker(2 * time.Millisecond)
			defer tick.Stop()
			began, used := time.Now(), cpu()
			for sent := 0; sent < len(recs); {
				<-tick.C
				due := min(len(recs), int(time.Since(began).Seconds()*float64(rate)))
				if due > sent {
					if err := p.Publish(ctx, recs[sent:due]); err != nil {
						b.Fatal(err)
					}
					sent = due
				}
			}
			for t.in.Load() < int64(len(recs)) {
				time.Sleep(time.Millisecond)
			}
			b.ReportMetric(float64((cpu()-used).Nanoseconds())/float64(len(recs)), "cpu-ns/record")
			b.ReportMetric(float64(len(recs))/float64(t.steps.Load()), "records/step")
			slices.Sort(t.age)
			b.ReportMetric(t.age[len(t.age)/2].Seconds()*1e3, "ms-median")
			b.ReportMetric(t.age[len(t.age)*99/100].Seconds()*1e3, "ms-99%")
			b.ReportMetric(time.Since(began).Seconds(), "s")
			cancel()
			if err := <-done; err != nil {
				b.Fatal(err)
			}
		})
	}
}
