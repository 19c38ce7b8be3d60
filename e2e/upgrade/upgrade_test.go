package upgrade

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/cli/embedded/broker"
	"github.com/casetrail/casetrail/cli/embedded/registry"
	"github.com/casetrail/casetrail/cli/verify"
	"github.com/casetrail/casetrail/e2e/harness"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/pipelines/stage/memory"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/aggregator/aggregate"
	"github.com/casetrail/casetrail/services/intake/classify"
	"github.com/casetrail/casetrail/services/intake/customers"
	"github.com/casetrail/casetrail/services/intake/signals"
	"github.com/casetrail/casetrail/services/intake/stream"
	"github.com/casetrail/casetrail/services/record-signer/sign"
	"github.com/casetrail/casetrail/services/router/cases"
	"github.com/casetrail/casetrail/services/router/guard"
)

var trials = flag.Int("upgrades", 10, "how many histories are played through an upgrade")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	partitions = 2
	prefix     = "casetrail/upgrade"
	epoch      = int64(1_800_000_000_000)
)

// start starts a schema registry.
func start(t *testing.T) string {
	b, err := broker.Start(t.Context(), broker.Options{DataDir: t.TempDir(), Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	r, err := registry.New(t.Context(), registry.Options{Brokers: []string{b.Addr()}, Compatibility: "BACKWARD_TRANSITIVE"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	return s.URL
}

// deployment is a Casetrail on a log in memory.
type deployment struct {
	*memory.Log
	v         *versions
	operator  note.Signer
	key       *record.Signer
	metricKey *record.Signer
	model     *classify.Model
	defs      []stage.Definition
}

func deploy(t *testing.T, v *versions, model *classify.Model) *deployment {
	d := &deployment{Log: memory.New(partitions, pipelines.ConductManifest, pipelines.ConductMetrics, pipelines.ConductAlerts), v: v, model: model}
	secret, public, err := note.GenerateKey(zeros{}, "operator")
	if err != nil {
		t.Fatal(err)
	}
	d.operator, _ = note.NewSigner(secret)
	verifier, _ := note.NewVerifier(public)
	if d.metricKey, err = record.NewSigner("aggregator", ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, ed25519.SeedSize))); err != nil {
		t.Fatal(err)
	}
	if d.key, err = record.NewSigner("upgrade", ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))); err != nil {
		t.Fatal(err)
	}
	store, err := sign.NewFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	heard, err := signals.Load()
	if err != nil {
		t.Fatal(err)
	}
	customerKey, err := customers.New(rand.NewChaCha8([32]byte{1}))
	if err != nil {
		t.Fatal(err)
	}
	d.defs = []stage.Definition{
		stream.Definition(stream.Options{Codec: v.codec, Model: model, Signals: heard, PolicyKey: verifier, EventClock: true, Customers: customerKey,
			Now: func() time.Time { return time.UnixMilli(epoch) }}),
		cases.Definition(v.codec),
		sign.Definition(v.codec, sign.Keys{d.key}, prefix, store),
		sign.ManifestDefinition(v.codec, sign.Keys{d.key}, prefix, store),
		aggregate.Definition(v.codec, aggregate.Trust{Key: d.key.Verifier(), Prefix: prefix}, d.metricKey),
	}
	return d
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// history is what producers and operators publish: the same for the same seed.
func (d *deployment) history(t *testing.T, seed uint64) (out []stage.Record) {
	r := rand.New(rand.NewPCG(seed, 1))
	put := func(p int32, m schemas.Message) {
		out = append(out, stage.Record{Topic: pipelines.ChatEvents, Partition: p, Value: d.v.codec.Append(nil, pipelines.ChatEvents, m)})
	}
	doc, err := os.ReadFile(filepath.Join(harness.Root(), "pipelines", "policies", "default.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	change, err := guard.Sign(doc, d.operator)
	if err != nil {
		t.Fatal(err)
	}
	put(0, change)
	say := []string{"where is my refund?", "somebody used my card, this is fraud", "I want to talk to a human agent", "this is terrible, useless", "thanks"}
	for i := range int64(150) {
		at := epoch + i*30_000
		n := r.IntN(12)
		e := &schemas.ChatEvent{EventID: fmt.Sprint(i), CaseID: fmt.Sprint("case-", n), OccurredAt: at, Synthetic: r.IntN(3) == 0}
		switch r.IntN(9) {
		case 0:
			e.Kind, e.Sender = schemas.EventKindResolved, schemas.SenderHuman
		case 1:
			e.Kind, e.Sender, e.Rating = schemas.EventKindRating, schemas.SenderCustomer, schemas.Some(int32(1+r.IntN(5)))
		case 2:
			e.Sender, e.Text, e.AIModelVersion = schemas.SenderAI, schemas.Some("one moment"), schemas.Some("bot-1")
		default:
			e.Text = schemas.Some(say[r.IntN(len(say))])
			if r.IntN(2) == 0 {
				e.CustomerID = schemas.Some("anna")
			}
		}
		put(int32(n%partitions), e)
		if i%10 == 9 {
			for p := range int32(partitions) {
				put(p, &schemas.ChatEvent{Kind: schemas.EventKindClock, Sender: schemas.SenderSystem, OccurredAt: at})
			}
		}
	}
	for p := range int32(partitions) {
		put(p, &schemas.ChatEvent{Kind: schemas.EventKindClock, Sender: schemas.SenderSystem, OccurredAt: epoch + 40*24*3_600_000})
	}
	return out
}

// play plays a history through the stages, with replicas that come and go. Where upgrade is set, these are of three releases.
func (d *deployment) play(t *testing.T, seed uint64, upgrade bool) {
	t.Helper()
	which := rand.New(rand.NewPCG(seed, 2)) // who writes what
	for _, r := range d.history(t, seed) {
		if upgrade {
			var err error
			if r, err = d.v.as(which, r); err != nil {
				t.Fatal(err)
			}
		}
		d.Append(r)
	}
	turns := rand.New(rand.NewPCG(seed, 3)) // the same in both
	for _, def := range d.defs {
		if upgrade {
			def = d.v.mixed(which, def)
		}
		owners := int32(partitions)
		if def.Single {
			owners = 1
		}
		for p := range owners {
			var s *memory.Stage
			for more := true; more; {
				if s == nil || turns.IntN(4) == 0 {
					var err error
					if s, err = memory.Start(d.Log, def, p); err != nil {
						t.Fatalf("seed %d: %s: %v", seed, def.Name, err)
					}
				}
				var err error
				if more, err = s.Step(1+turns.IntN(40), memory.Cut{}); err != nil {
					t.Fatalf("seed %d: %s: %v", seed, def.Name, err)
				}
			}
		}
	}
}

// said is what a topic says, in the words of this release; of a ledger, the bytes that are signed.
func (d *deployment) said(t *testing.T, topic string) (out []string) {
	for p := range int32(partitions) {
		for _, r := range d.Records(topic, p) {
			if err := d.v.codec.Await(t.Context(), r.Value); err != nil {
				t.Fatal(err)
			}
			name, body, err := d.v.codec.Name(r.Value)
			if err != nil {
				t.Fatal(topic, err)
			}
			if name != signed {
				m, err := d.v.codec.Decode(r.Value)
				if err != nil {
					t.Fatal(topic, err)
				}
				body = d.v.codec.Append(nil, topic, m)
			}
			out = append(out, fmt.Sprintf("%d %v %x", p, r.Position, body))
		}
	}
	return out
}

func (d *deployment) Partitions(_ context.Context, topic string) (int32, error) {
	return d.For("").Partitions(topic)
}

func (d *deployment) Read(ctx context.Context, tp stage.TopicPartition, fn func(stage.Record) error) (int64, error) {
	_, err := d.For("").Read(tp, 0, func(r stage.Record) error {
		if err := d.v.codec.Await(ctx, r.Value); err != nil {
			return err
		}
		return fn(r)
	})
	return 0, err
}

// In the middle of an upgrade, and after it, the topics hold messages of the release before, of this one and of the next one,
// side by side, and owners of each take over from each other. What comes of old events is what came of them before, to the
// last bit: every conclusion, every signed record and checkpoint, every window.
func TestUpgradeChangesNothing(t *testing.T) {
	v, err := register(t.Context(), start(t))
	if err != nil {
		t.Fatal(err)
	}
	model, err := classify.Load()
	if err != nil {
		t.Fatal(err)
	}
	foreign := 0 // messages of other releases
	for seed := range uint64(*trials) {
		before, after := deploy(t, v, model), deploy(t, v, model)
		before.play(t, seed, false)
		after.play(t, seed, true)
		for _, topic := range []string{pipelines.CaseEvents, pipelines.WorkAI, pipelines.WorkHuman, pipelines.CaseEscalations, pipelines.CaseConclusions,
			pipelines.ConductRecords, pipelines.ConductCheckpoints, pipelines.ConductManifest, pipelines.ConductMetrics, pipelines.ConductAlerts} { // not the dead letters, which hold messages as they came
			want, got := before.said(t, topic), after.said(t, topic)
			for i := range max(len(want), len(got)) {
				if i >= len(want) || i >= len(got) || want[i] != got[i] {
					t.Fatalf("seed %d: %s: message %d of %d, want the same of %d\nwant %s\ngot  %s", seed, topic, i, len(got), len(want), at(want, i), at(got, i))
				}
			}
			for p := range int32(partitions) {
				foreign += len(slices.DeleteFunc(slices.Clone(after.Records(topic, p)), func(r stage.Record) bool {
					return slices.ContainsFunc(before.Records(topic, p), func(b stage.Record) bool { return bytes.Equal(b.Value, r.Value) })
				}))
			}
		}
		report, err := verify.Run(t.Context(), verify.Options{Topics: after, Codec: v.codec, Trusted: after.key.Verifier(), Metrics: []note.Verifier{after.metricKey.Verifier()}, Deep: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := report.Err(); err != nil || report.Records == 0 {
			t.Fatalf("seed %d: %d records: %v", seed, report.Records, err)
		}
	}
	if foreign == 0 {
		t.Error("no message was another release's")
	}
	t.Logf("%d upgrades, %d messages of other releases", *trials, foreign)
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "nothing"
}
