package kafka

import (
	"errors"
	"os"
	"testing"

	"github.com/casetrail/casetrail/pipelines/stage"
)

func TestClaimFencesEveryOutput(t *testing.T) {
	cfg := Config{Brokers: []string{os.Getenv("REAL")}}
	if cfg.Brokers[0] == "" {
		_, cfg = cluster(t, 3, "a", "b")
	}
	c := client(t, cfg)
	if err := EnsureTopics(t.Context(), c, []Topic{{Name: "a", Partitions: 3}, {Name: "b", Partitions: 3}}); err != nil {
		t.Fatal(err)
	}
	var outputs []stage.TopicPartition
	for _, topic := range []string{"a", "b"} {
		for p := range int32(3) {
			outputs = append(outputs, stage.TopicPartition{Topic: topic, Partition: p})
		}
	}
	report := func(what string, err error) { t.Log(what, err) }
	old, _, err := claim(t.Context(), c, "x-0", outputs, report)
	if err != nil {
		t.Fatal(err)
	}
	one := func(p *producer, tp stage.TopicPartition, v string) error {
		return p.write(t.Context(), []stage.Record{{Topic: tp.Topic, Partition: tp.Partition, Value: []byte(v)}})
	}
	for _, tp := range outputs {
		if err := one(old, tp, "old"); err != nil {
			t.Fatal(err)
		}
	}
	young, ends, err := claim(t.Context(), c, "x-0", outputs, report)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(old.id, old.epoch, young.id, young.epoch, ends)
	for _, tp := range outputs {
		if err := one(old, tp, "zombie"); !errors.Is(err, ErrFenced) {
			t.Errorf("%v: %v", tp, err)
		}
		if err := one(young, tp, "young"); err != nil {
			t.Error(err)
		}
		if err := one(young, tp, "young"); err != nil {
			t.Error(err)
		}
	}
	if err := young.mark(t.Context(), "x-0", outputs); err != nil {
		t.Fatal(err)
	}
	for _, tp := range outputs {
		if err := one(young, tp, "renewed"); err != nil {
			t.Error(err)
		}
	}
	for _, topic := range []string{"a", "b"} {
		b, _ := c.Offsets(t.Context(), topic)
		t.Log(topic, b)
		for _, r := range contents(t, c, topic) {
			t.Logf("%s/%d@%d %s", r.Topic, r.Partition, r.Offset, r.Value)
		}
	}
}
