package e2e

import (
	"flag"
	mathrand "math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/e2e/harness"
	"github.com/casetrail/casetrail/e2e/rerun"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/aggregator/aggregate"
	"github.com/casetrail/casetrail/services/intake/classify"
	"github.com/casetrail/casetrail/services/intake/customers"
	"github.com/casetrail/casetrail/services/intake/signals"
	"github.com/casetrail/casetrail/services/intake/stream"
	"github.com/casetrail/casetrail/services/record-signer/sign"
	"github.com/casetrail/casetrail/services/router/cases"
)

var (
	places   = flag.Int("places", 12, "at how many random places each partition of each stage dies when it is run again")
	diesSeed = flag.Uint64("places-seed", 1, "the seed of those places")
)

// topics are a pipeline's, for rerun.
type topics struct {
	*testing.T
	*harness.Pipeline
}

func (s topics) Partitions(topic string) (int32, error) {
	n, err := s.Client.Partitions(s.Context(), topic)
	return n[topic], err
}

func (s topics) Read(topic string, fn func(stage.Record) error) error {
	return s.Client.ReadAll(s.Context(), topic, fn)
}

// none keeps no checkpoint outside.
type none struct{}

func (none) Load(string) ([]byte, error)       { return nil, nil }
func (none) Newest(string) (string, error)     { return "", nil }
func (none) Swap(string, []byte, []byte) error { return nil }
func (none) Path(string) string                { return "nowhere" }

// stages are the real cores of an event-clock pipeline.
func stages(t *testing.T, p *harness.Pipeline) []rerun.Stage {
	t.Helper()
	signer, err := record.LoadSigner(p.Key("ledger.key"))
	if err != nil {
		t.Fatal(err)
	}
	metricSigner, err := record.LoadSigner(p.Key("aggregator.key"))
	if err != nil {
		t.Fatal(err)
	}
	held, err := customers.Load(p.Key("customers.secret"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(p.Key("operator.vkey"))
	if err != nil {
		t.Fatal(err)
	}
	operator, err := note.NewVerifier(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	model, err := classify.Load()
	if err != nil {
		t.Fatal(err)
	}
	heard, err := signals.Load()
	if err != nil {
		t.Fatal(err)
	}
	return []rerun.Stage{
		{Definition: stream.Definition(stream.Options{Codec: p.Codec, Model: model, Signals: heard, PolicyKey: operator, EventClock: true, Now: time.Now, Customers: held}),
			Blank: rerun.Intake(p.Codec)},
		{Definition: cases.Definition(p.Codec)},
		{Definition: sign.Definition(p.Codec, sign.Keys{signer}, harness.Ledger, none{})},
		{Definition: aggregate.Definition(p.Codec, aggregate.Trust{Key: signer.Verifier(), Prefix: harness.Ledger}, metricSigner)},
	}
}

// again runs every stage's core again over the topics that a pipeline has left, from its start and from wherever it might have
// died: it must give what stands there, byte for byte.
func again(t *testing.T, p *harness.Pipeline) {
	t.Helper()
	began := time.Now()
	log, err := rerun.Load(p.Codec, topics{t, p})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range stages(t, p) {
		res, err := log.Check(s, *diesSeed, *places)
		if err != nil {
			t.Errorf("not a function of its log: %v", err)
		}
		t.Logf("%s: %d runs, %d outputs, the same bytes", s.Name, res.Runs, res.Outputs)
	}
	t.Logf("run again in %v", time.Since(began).Round(time.Second))
}

// TestPipelineTwice plays what one pipeline has taken into a second one: in another order of the partitions, with two
// replicas of each stage that can have them, some of which are killed. Both tell the same of every case, and the same windows.
func TestPipelineTwice(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: runs the whole pipeline")
	}
	a := harness.Start(t, harness.Embedded, harness.Options{EventClock: true})
	a.Casetrail("replay", "--conversations", "60")
	proven(t, a, 60)
	b := harness.Start(t, harness.Embedded, harness.Options{EventClock: true, Replicas: map[string]int{pipelines.Intake: 2, pipelines.Router: 2, pipelines.RecordSigner: 2}})
	var left [][]stage.Record
	a.Read(pipelines.ChatEvents, func(r stage.Record, m schemas.Message) {
		if e, ok := m.(*schemas.ChatEvent); ok { // b has a policy of its own, in the same words
			for len(left) <= int(r.Partition) {
				left = append(left, nil)
			}
			left[r.Partition] = append(left[r.Partition], stage.Record{Topic: r.Topic, Key: r.Key, Value: b.Codec.Append(nil, r.Topic, e)})
		}
	})
	pub := kafka.NewPublisher(b.Client, nil)
	defer pub.Close()
	r := mathrand.New(mathrand.NewPCG(*diesSeed, 2))
	kills := []string{pipelines.Router, pipelines.RecordSigner, pipelines.Intake, pipelines.Aggregator}
	for n := 0; ; n++ {
		i := r.IntN(len(left))
		for range left {
			if len(left[i]) > 0 {
				break
			}
			i = (i + 1) % len(left)
		}
		k := min(len(left[i]), 1+r.IntN(60))
		if k == 0 {
			break
		}
		if err := pub.Publish(t.Context(), left[i][:k]); err != nil {
			t.Fatal(err)
		}
		left[i] = left[i][k:]
		if n%5 == 4 && len(kills) > 0 {
			s := b.Service(kills[0], 0)
			kills = kills[1:]
			s.Kill()
			s.Start()
		}
	}
	proven(t, b, 60)
	first, err := rerun.Load(a.Codec, topics{t, a})
	if err != nil {
		t.Fatal(err)
	}
	second, err := rerun.Load(b.Codec, topics{t, b})
	if err != nil {
		t.Fatal(err)
	}
	if err := rerun.Same(first, second); err != nil {
		t.Error(err)
	}
	t.Logf("%d kills", 4-len(kills))
}
