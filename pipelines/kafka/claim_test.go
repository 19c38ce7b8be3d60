package kafka

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/casetrail/casetrail/pipelines/stage"
)

func TestClaimFencesEveryOutput(t *testing.T) {
	_, cfg := cluster(t, 3, "a", "b")
	c := client(t, cfg)
	var outputs []stage.TopicPartition
	for _, topic := range []string{"a", "b"} {
		for p := range int32(3) {
			outputs = append(outputs, stage.TopicPartition{Topic: topic, Partition: p})
		}
	}
	own := func() (*producer, map[stage.TopicPartition]int64) {
		t.Helper()
		p, ends, err := claim(t.Context(), c, "x-0", outputs, nobody{}.Retry)
		if err != nil {
			t.Fatal(err)
		}
		return p, ends
	}
	write := func(p *producer, tp stage.TopicPartition, v string) error {
		return p.write(t.Context(), []stage.Record{{Topic: tp.Topic, Partition: tp.Partition, Value: []byte(v)}})
	}
	old, _ := own()
	for _, tp := range outputs {
		if err := write(old, tp, "o"); err != nil {
			t.Fatal(err)
		}
	}
	young, ends := own()
	for _, tp := range outputs {
		if ends[tp] != 3 { // marker, record, marker
			t.Errorf("%v ends at %d", tp, ends[tp])
		}
		if err := write(old, tp, "z"); !errors.Is(err, ErrFenced) {
			t.Errorf("%v: %v", tp, err)
		}
		if err := write(young, tp, "y"); err != nil {
			t.Error(err)
		}
	}
	if err := young.mark(t.Context(), "x-0", outputs); err != nil { // renewed
		t.Fatal(err)
	}
	for _, tp := range outputs {
		if err := write(young, tp, "r"); err != nil {
			t.Error(err)
		}
	}
	for _, topic := range []string{"a", "b"} {
		if got := values(contents(t, c, topic)); got != "oyroyroyr" {
			t.Errorf("%s holds %s", topic, got)
		}
	}
}

func TestSequencesNeverWrap(t *testing.T) {
	_, cfg := cluster(t, 1, "a")
	c := client(t, cfg)
	p := newProducer(c, 1, 0, nobody{}.Retry)
	p.lane("a", 0).sequence = 1<<31 - 2
	if err := p.write(t.Context(), []stage.Record{{Topic: "a"}, {Topic: "a"}}); !errors.Is(err, ErrSequence) {
		t.Error(err)
	}
}

func TestLastLooksBackAsFarAsItMust(t *testing.T) {
	_, cfg := cluster(t, 1, "a")
	c := client(t, cfg)
	p, ends, err := claim(t.Context(), c, "x-0", []stage.TopicPartition{{Topic: "a"}}, nobody{}.Retry)
	if err != nil {
		t.Fatal(err)
	}
	recs := []stage.Record{{Topic: "a", Stage: "rare", Position: stage.Position{Partition: 1, Offset: 5}}, {Topic: "a", Stage: "rare", Position: stage.Position{Partition: 2, Offset: 6}}}
	for i := range 5000 {
		recs = append(recs, stage.Record{Topic: "a", Stage: "common", Position: stage.Position{Partition: int32(i % 2), Offset: int64(i)}})
	}
	if err := p.write(t.Context(), recs); err != nil {
		t.Fatal(err)
	}
	log := &taskLog{ctx: t.Context(), client: c, retry: nobody{}.Retry}
	tp := stage.TopicPartition{Topic: "a"}
	for _, x := range []struct {
		stage  string
		source int32
		want   int64
		ok     bool
	}{{"common", 1, 4999, true}, {"common", 0, 4998, true}, {"rare", 1, 5, true}, {"rare", 2, 6, true}, {"rare", 3, 0, false}, {"none", 0, 0, false}} {
		r, ok, err := log.Last(tp, x.stage, x.source)
		if err != nil || ok != x.ok || r.Position.Offset != x.want {
			t.Errorf("%s %d: %v, %v, %v", x.stage, x.source, r.Position, ok, err)
		}
	}
	log.ends = ends // what an owner wrote after its claim is not what it recovers from
	if _, ok, err := log.Last(tp, "common", 1); ok || err != nil {
		t.Error(ok, err)
	}
}

func TestPublisherEnds(t *testing.T) {
	k, cfg := cluster(t, 1, "a")
	c := client(t, cfg)
	p := NewPublisher(c, nil)
	if err := p.Publish(t.Context(), []stage.Record{{Topic: "a", Key: []byte("k")}}); err != nil {
		t.Fatal(err)
	}
	if err := p.Publish(t.Context(), []stage.Record{{Topic: "missing"}}); !errors.Is(err, ErrTopic) {
		t.Error(err)
	}
	k.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := p.Publish(ctx, []stage.Record{{Topic: "a"}}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	p.Close()
	if err := p.Publish(t.Context(), []stage.Record{{Topic: "a"}}); !errors.Is(err, errClosed) {
		t.Error(err)
	}
}

func TestTailFollows(t *testing.T) {
	_, cfg := cluster(t, 2, "a", "b")
	c := client(t, cfg)
	publish(t, c, "a", 0, 10)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	got := make(chan stage.Record, 100)
	done := make(chan error, 1)
	from := map[stage.TopicPartition]int64{{Topic: "a", Partition: 0}: 0, {Topic: "a", Partition: 1}: 0, {Topic: "b", Partition: 0}: 0, {Topic: "b", Partition: 1}: 0}
	go func() {
		done <- c.Tail(ctx, []string{"a", "b"}, from, nil, func(r stage.Record) error { got <- r; return nil })
	}()
	publish(t, c, "b", 0, 10)
	for range 20 {
		<-got
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := c.Tail(t.Context(), []string{"a"}, from, nil, func(stage.Record) error { return errTest }); !errors.Is(err, errTest) {
		t.Error(err)
	}
}
