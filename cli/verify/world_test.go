package verify

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/policies"
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

const (
	partitions = 2
	prefixName = "casetrail/test"
	t0         = int64(1_800_000_000_000)
	minute     = int64(60_000)
)

var (
	customerKey = must1(customers.New(rand.NewChaCha8([32]byte{1}))).Erase("nobody").Erase("nobody") // newer than the orders to erase of the tests
	model       = must1(classify.Load())
	heard       = must1(signals.Load())
)

var codec = schemas.NewOfflineCodec(pipelines.Subjects("")...)

// world is a whole Casetrail on a log in memory: the services' real cores.
type world struct {
	*memory.Log
	t         testing.TB
	key       *record.Signer
	metricKey *record.Signer
	operator  note.Signer
	stages    []*memory.Stage
	r         *rand.Rand

	hides   func(stage.Record) bool
	alters  func(*stage.Record)
	more    map[stage.TopicPartition][]stage.Record // after the end
	starts  map[string]int64                        // of topics whose beginning is gone
	rows    Rows
	all     bool   // windows
	swapped string // a topic whose two partitions are read as each other
}

// noStore keeps no checkpoint outside.
type noStore struct{}

func (noStore) Load(string) ([]byte, error)       { return nil, nil }
func (noStore) Newest(string) (string, error)     { return "", nil }
func (noStore) Swap(string, []byte, []byte) error { return nil }
func (noStore) Path(string) string                { return "nowhere" }
func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
func (w *world) Partitions(_ context.Context, topic string) (int32, error) {
	return w.For("").Partitions(topic)
}

// Read implements Topics, with whatever a test does to the log on the way.
func (w *world) Read(_ context.Context, tp stage.TopicPartition, fn func(stage.Record) error) (int64, error) {
	start := w.starts[tp.Topic]
	if tp.Topic == w.swapped {
		tp.Partition = 1 - tp.Partition
	}
	for _, r := range append(slices.Clone(w.Records(tp.Topic, tp.Partition)), w.more[tp]...) {
		if r.Offset < start || w.hides != nil && w.hides(r) {
			continue
		}
		if w.alters != nil {
			r.Value = bytes.Clone(r.Value)
			w.alters(&r)
		}
		if err := fn(r); err != nil {
			return start, err
		}
	}
	return start, nil
}

func newWorld(t testing.TB, seed uint64) *world {
	w := &world{Log: memory.New(partitions, pipelines.ConductManifest, pipelines.ConductMetrics, pipelines.ConductAlerts), t: t, r: rand.New(rand.NewPCG(seed, 0)),
		more: map[stage.TopicPartition][]stage.Record{}, starts: map[string]int64{}}
	var err error
	w.metricKey, err = record.NewSigner("aggregator", ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, ed25519.SeedSize)))
	check(t, err)
	w.key, err = record.NewSigner("ledger", ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize)))
	check(t, err)
	private, public, err := note.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{2}, 64)), "operator")
	check(t, err)
	w.operator = must1(note.NewSigner(private))
	verifier := must1(note.NewVerifier(public))
	now := func() time.Time { return time.UnixMilli(t0 + 365*24*60*minute) }
	for _, def := range []stage.Definition{
		stream.Definition(stream.Options{Codec: codec, Model: model, Signals: heard, PolicyKey: verifier, EventClock: true, Now: now, Customers: customerKey}),
		cases.Definition(codec), sign.Definition(codec, sign.Keys{w.key}, prefixName, noStore{}),
		sign.ManifestDefinition(codec, sign.Keys{w.key}, prefixName, noStore{}),
		aggregate.Definition(codec, aggregate.Trust{Key: w.key.Verifier(), Prefix: prefixName}, w.metricKey),
	} {
		for p := range int32(partitions) {
			if def.Single && p > 0 {
				break
			}
			s, err := memory.Start(w.Log, def, p)
			check(t, err)
			w.stages = append(w.stages, s)
		}
	}
	return w
}

func must1[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// flow lets everything flow to its end.
func (w *world) flow() {
	w.t.Helper()
	for range 2 { // ticks come after events
		for _, s := range w.stages {
			check(w.t, s.Drain(1+w.r.IntN(50)))
		}
	}
}

// put publishes to chat.events.
func (w *world) put(m schemas.Message, caseID string) {
	key := []byte(caseID)
	w.Append(stage.Record{Topic: pipelines.ChatEvents, Partition: kafka.Murmur2Partition(key, partitions), Key: key, Value: codec.Append(nil, pipelines.ChatEvents, m)})
}

func (w *world) policy() {
	w.put(must1(guard.Sign(policies.Default, w.operator)), "policy")
}

// clock promises on all partitions that nothing before a time is to come.
func (w *world) clock(at int64) {
	for p := range int32(partitions) {
		w.Append(stage.Record{Topic: pipelines.ChatEvents, Partition: p, Value: codec.Append(nil, pipelines.ChatEvents,
			&schemas.ChatEvent{Kind: schemas.EventKindClock, Sender: schemas.SenderSystem, OccurredAt: t0 + at})})
	}
}

var texts = []string{"Where is my refund?", "What is my balance?", "Where is my parcel, it has not arrived", "There is a charge on my card that I don't recognise, this is fraud",
	"I want to dispute this charge", "I lost my job and can't pay", "hello", "I want to speak to a human agent", "This is awful, terrible, I am furious, you are useless", "ok", "hi", "good morning",
	"I want to talk to your supervisor", "I will leave and take my business to your competitor", "I will report you to the ombudsman", "Where is my refund, please?"}

// random publishes a random history: with tripwires, breaches, late ratings, duplicates, and what can't be taken.
func (w *world) random(n int) {
	r, at := w.r, int64(0)
	w.policy()
	for i, text := range []string{texts[0], "Can I talk to a real person? I want a human agent."} {
		w.put(&schemas.ChatEvent{EventID: fmt.Sprint(i), CaseID: "asks", Kind: schemas.EventKindMessage, OccurredAt: t0 + int64(i), Text: schemas.Some(text)}, "asks")
	}
	for i := range n {
		id := fmt.Sprint("case-", r.IntN(n/8+2))
		at += int64(r.IntN(40_000))
		e := &schemas.ChatEvent{EventID: fmt.Sprint("e", i), CaseID: id, Kind: schemas.EventKindMessage, Sender: schemas.SenderCustomer, OccurredAt: t0 + at,
			CustomerID: schemas.Some("customer of " + id)}
		switch r.IntN(16) {
		case 0:
			e.Kind, e.Sender, e.Outcome = schemas.EventKindResolved, schemas.SenderHuman, schemas.Some(schemas.OutcomeResolvedConfirmed)
		case 1:
			e.Kind, e.Sender, e.AIModelVersion = schemas.EventKindResolved, schemas.SenderAI, schemas.Some("bot-1")
		case 2:
			e.Kind, e.Rating = schemas.EventKindRating, schemas.Some(int32(1+r.IntN(5)))
		case 3:
			e.Kind = schemas.EventKindComplaint
		case 4, 5:
			e.Sender, e.AIModelVersion, e.Text = schemas.SenderAI, schemas.Some("bot-1"), schemas.Some("I am here to help")
		case 9:
			e.Kind, e.Sender, e.CaseType = schemas.EventKindCaseTypeCorrected, schemas.SenderHuman, schemas.Some([]string{"dispute", "refund_status", "unknown"}[r.IntN(3)])
		case 6:
			e.Kind, e.Sender = schemas.EventKindAgentJoined, schemas.SenderHuman
		case 7:
			w.clock(at)
			continue
		case 8:
			if i%3 == 0 {
				w.put(&schemas.ChatEvent{CaseID: id, Kind: schemas.EventKindMessage}, id) // nobody can take it
			}
			continue
		default:
			e.Text = schemas.Some(texts[r.IntN(len(texts))])
		}
		if w.put(e, id); r.IntN(10) == 0 {
			w.put(e, id) // the producer says it twice
		}
	}
	w.clock(at + 5*60*minute)
	w.clock(at + 9*60*minute)
}

// verify checks, with the events of all partitions.
func (w *world) verify() *Report {
	w.t.Helper()
	r, err := Run(context.Background(), Options{Topics: w, Codec: codec, Trusted: w.key.Verifier(), Metrics: []note.Verifier{w.metricKey.Verifier()}, Rows: w.rows, Deep: true, AllWindows: w.all})
	check(w.t, err)
	return r
}
