package kafka

import (
	"context"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/casetrail/casetrail/pipelines/stage"
)

// passing hands every input on: what is left is the cost of this package and of the broker.
type passing struct {
	partition int32
	out       []stage.Record
}

func (*passing) Recover(stage.Log) (map[stage.TopicPartition]int64, error) { return nil, nil }

func (p *passing) Handle(in stage.Record) ([]stage.Record, error) {
	p.out = append(p.out[:0], stage.Record{Topic: "out", Partition: p.partition, Key: in.Key, Value: in.Value,
		Position: stage.Position{Partition: in.Partition, Offset: in.Offset}})
	return p.out, nil
}

type tally struct {
	nobody
	in, steps atomic.Int64
}

func (t *tally) Step(s Step) { t.in.Add(int64(s.In)); t.steps.Add(1) }

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkRun measures one stage with the broker in the same process, its log on disk.
func BenchmarkRun(b *testing.B) {
	for _, c := range []Compression{CompressionNone, CompressionSnappy, CompressionLZ4, CompressionZstd} {
		b.Run(fmt.Sprint(c), func(b *testing.B) {
			const partitions, n = 8, 400000
			k, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, "in", "out"), kfake.DataDir(b.TempDir()))
			if err != nil {
				b.Fatal(err)
			}
			defer k.Close()
			cfg := Config{Brokers: k.ListenAddrs(), Compression: c}
			cl, err := NewClient(cfg)
			if err != nil {
				b.Fatal(err)
			}
			defer cl.Close()
			p := NewPublisher(cl, nil)
			recs := events(n)
			for i := range recs {
				recs[i].Topic = "in"
			}
			for from := 0; from < n; from += 20000 {
				if err := p.Publish(context.Background(), recs[from:from+20000]); err != nil {
					b.Fatal(err)
				}
			}
			p.Close()
			def := stage.Definition{Name: "passing", Inputs: []string{"in"}, Outputs: []string{"out"},
				New: func(p int32) (stage.Handler, error) { return &passing{partition: p}, nil }}
			var t tally
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error)
			began, used := time.Now(), cpu()
			go func() { done <- Run(ctx, cfg, def, &t) }()
			for t.in.Load() < n {
				time.Sleep(time.Millisecond)
			}
			b.ReportMetric(float64(n)/time.Since(began).Seconds(), "records/s")
			b.ReportMetric(float64((cpu()-used).Nanoseconds())/float64(n), "cpu-ns/record")
			b.ReportMetric(float64(n)/float64(t.steps.Load()), "records/step")
			cancel()
			if err := <-done; err != nil {
				b.Fatal(err)
			}
		})
	}
}
