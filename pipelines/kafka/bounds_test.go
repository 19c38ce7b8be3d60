package kafka

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/casetrail/casetrail/pipelines/stage"
)

// A producer's batch that would decompress to more than anyone has to hold goes to the dead letters, and the stage goes on.
func TestBombGoesToTheDeadLetters(t *testing.T) {
	_, cfg := cluster(t, 1, "in", "out", "state", "rejects")
	c := client(t, cfg)
	publish(t, c, "in", 0, 10)
	bomb := encodeAll(t, CompressionZstd, 0, stage.Record{Value: make([]byte, maxUncompressed)}, stage.Record{})
	for i := 43; i < 57; i++ {
		bomb[i] = 0xff // no producer id, epoch or sequence
	}
	res, err := c.produce(t.Context(), []producePart{{TopicPartition: stage.TopicPartition{Topic: "in"}, batch: amend(bomb, func([]byte) {})}})
	if err == nil {
		err = res.errs[0]
	}
	if err != nil {
		t.Fatal(err)
	}
	publish(t, c, "in", 10, 10)
	def := counting("in", "out", "state")
	def.Outputs = append(def.Outputs, "rejects")
	def.Reject = func(in stage.Record, err error) stage.Record {
		return stage.Record{Topic: "rejects", Value: fmt.Append(nil, in.Offset, errors.Is(err, stage.ErrOversize))}
	}
	r := start(t, cfg, def)
	eventually(t, "all taken", func() bool { return r.watch.total().In == 21 })
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	verifyCounts(t, contents(t, c, "out"), 20)
	if got := contents(t, c, "rejects"); len(got) != 1 || string(got[0].Value) != "11 true" || got[0].Position.Offset != 11 {
		t.Errorf("%+v", got)
	}
}

// uneven takes so many of topic a for each of topic b, and holds back what is ahead.
type uneven struct {
	mu   sync.Mutex
	a, b int
	most int // by which a was ahead
}

const lead = 100

func (*uneven) Recover(stage.Log) (map[stage.TopicPartition]int64, error) { return nil, nil }

func (u *uneven) Handle(in stage.Record) ([]stage.Record, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if in.Topic == "a" {
		u.a++
	} else {
		u.b++
	}
	u.most = max(u.most, u.a-u.b)
	return nil, nil
}

func (u *uneven) Pause() []stage.TopicPartition {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.a-u.b > lead {
		return []stage.TopicPartition{{Topic: "a"}}
	}
	return nil
}

// An input that a handler can do without is not read ahead: all comes, and what had to be held does not depend on how much
// there is.
func TestPausedInputIsNotReadAhead(t *testing.T) {
	_, cfg := cluster(t, 1, "a", "b")
	c := client(t, cfg)
	const n = 20_000
	noise := rand.NewChaCha8([32]byte{})
	p := NewPublisher(c, nil)
	defer p.Close()
	for _, topic := range []string{"a", "b"} {
		size := 200
		if topic == "b" {
			size = 2000 // so that there are ten times as many of a in a fetch
		}
		for from := 0; from < n; from += 1000 {
			recs := make([]stage.Record, 1000)
			for i := range recs {
				recs[i] = stage.Record{Topic: topic, Value: make([]byte, size)}
				_, _ = noise.Read(recs[i].Value) // never fails
			}
			if err := p.Publish(t.Context(), recs); err != nil {
				t.Fatal(err)
			}
		}
	}
	u := &uneven{}
	r := start(t, cfg, stage.Definition{Name: "uneven", Inputs: []string{"a", "b"}, New: func(int32) (stage.Handler, error) { return u, nil }})
	eventually(t, "all seen", func() bool { return r.watch.total().In == 2*n })
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if u.most > n/2 {
		t.Errorf("%d of a were read ahead of b", u.most)
	}
	t.Logf("at most %d ahead", u.most)
}

// restoring is a counter that takes its time to recover.
type restoring struct {
	counter
	begun chan<- struct{}
	goOn  <-chan struct{}
}

func (r *restoring) Recover(log stage.Log) (map[stage.TopicPartition]int64, error) {
	next, err := r.counter.Recover(log)
	r.begun <- struct{}{}
	<-r.goOn
	return next, err
}

// While one partition restores a large state, which takes as long as it takes, the replica's other partitions go on.
func TestOthersGoOnWhileOnePartitionRestores(t *testing.T) {
	_, cfg := cluster(t, 3, "in", "out", "state")
	c := client(t, cfg)
	publish(t, c, "in", 0, 3000)
	begun, on := make(chan struct{}, 1), make(chan struct{})
	def := counting("in", "out", "state")
	def.New = func(p int32) (stage.Handler, error) {
		h := counter{partition: p, out: "out", state: "state", next: map[stage.TopicPartition]int64{}}
		if p == 0 {
			return &restoring{h, begun, on}, nil
		}
		return &h, nil
	}
	r := start(t, cfg, def)
	<-begun
	ends, err := c.Offsets(t.Context(), "in")
	if err != nil {
		t.Fatal(err)
	}
	others := int(ends[1].End + ends[2].End)
	eventually(t, "the others are done", func() bool { return r.watch.total().In == others })
	publish(t, c, "in", 3000, 3000)
	if ends, err = c.Offsets(t.Context(), "in"); err != nil {
		t.Fatal(err)
	}
	others = int(ends[1].End + ends[2].End)
	eventually(t, "the others are done with what came meanwhile", func() bool { return r.watch.total().In == others })
	close(on)
	eventually(t, "all is done", func() bool { return r.watch.total().In == 6000 })
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	verifyCounts(t, contents(t, c, "out"), 6000)
}
