package rerun

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"flag"
	"fmt"
	mathrand "math/rand/v2"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/cli/verify"
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

var (
	trials = flag.Int("trials", 60, "how many histories are run twice")
	seed   = flag.Uint64("seed", 1, "the seed of the first")
)

const (
	partitions = 3
	prefix     = "casetrail/test"
	hour       = int64(3_600_000)
)

var codec = schemas.NewOfflineCodec(pipelines.Subjects("")...)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var (
	customerKey = must(customers.New(mathrand.NewChaCha8([32]byte{1})))
	metricKey   = must(record.NewSigner("aggregator", ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, ed25519.SeedSize))))
	ledgerKey   = must(record.NewSigner("ledger", ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))))
	model       = must(classify.Load())
	heard       = must(signals.Load())
	operator    = func() (k struct {
		note.Signer
		verifier note.Verifier
	}) {
		private, public, err := note.GenerateKey(nil, "operator")
		k.Signer, k.verifier = must(note.NewSigner(must(private, err))), must(note.NewVerifier(public))
		return k
	}()
)

type noStore struct{}

func (noStore) Load(string) ([]byte, error)       { return nil, nil }
func (noStore) Newest(string) (string, error)     { return "", nil }
func (noStore) Swap(string, []byte, []byte) error { return nil }
func (noStore) Path(string) string                { return "nowhere" }

// inMemory is a log in memory as verify and Load read it.
type inMemory struct{ *memory.Log }

func (m inMemory) count(topic string) (int32, error) { return m.For("").Partitions(topic) }

type forVerify struct{ inMemory }

func (m forVerify) Partitions(_ context.Context, topic string) (int32, error) { return m.count(topic) }
func (m forVerify) Read(_ context.Context, tp stage.TopicPartition, fn func(stage.Record) error) (int64, error) {
	_, err := m.For("").Read(tp, 0, fn)
	return 0, err
}

type forLoad struct{ inMemory }

func (m forLoad) Partitions(topic string) (int32, error) { return m.count(topic) }
func (m forLoad) Read(topic string, fn func(stage.Record) error) error {
	n, err := m.count(topic)
	for p := int32(0); p < n && err == nil; p++ {
		_, err = m.For("").Read(stage.TopicPartition{Topic: topic, Partition: p}, 0, fn)
	}
	return err
}

// history is what producers publish, by partition.
type history [partitions][]schemas.ChatEvent

// clock says on all partitions that they are complete up to a time.
func (h *history) clock(at int64) {
	for p := range h {
		h[p] = append(h[p], schemas.ChatEvent{Kind: schemas.EventKindClock, Sender: schemas.SenderSystem, OccurredAt: at})
	}
}

var texts = []string{"Where is my refund?", "What is my balance?", "Where is my parcel?", "There is a charge on my card that I don't recognise, this is fraud",
	"I want to dispute this charge", "hello", "I want to speak to a human agent", "This is awful, terrible, you are useless", "ok", "Where is my refund, please?"}

// kinds of time that a history may have in it; each must change nothing but what it means.
var times = []struct {
	name  string
	begin time.Time
	step  func(r *mathrand.Rand, i, n int) int64 // from one event to the next, ms
}{
	{"any day", time.Date(2026, 11, 3, 9, 0, 0, 0, time.UTC), func(r *mathrand.Rand, _, _ int) int64 { return r.Int64N(60_000) }},
	{"30 idle days", time.Date(2026, 1, 3, 9, 0, 0, 0, time.UTC), func(r *mathrand.Rand, i, n int) int64 {
		if i == n/2 {
			return 30 * 24 * hour
		}
		return r.Int64N(60_000)
	}},
	{"clocks go forward in Berlin", time.Date(2026, 3, 29, 0, 30, 0, 0, time.UTC), func(r *mathrand.Rand, _, _ int) int64 { return r.Int64N(60_000) }},
	{"clocks go back in Berlin", time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC), func(r *mathrand.Rand, _, _ int) int64 { return r.Int64N(60_000) }},
	{"a leap second", time.Date(2016, 12, 31, 23, 59, 40, 0, time.UTC), func(r *mathrand.Rand, i, n int) int64 {
		if i == n/2 {
			return -1000 // a second is told twice
		}
		return r.Int64N(2_000)
	}},
}

// draw makes a history.
func draw(r *mathrand.Rand, n int) *history {
	h, when := &history{}, times[r.IntN(len(times))]
	at := when.begin.UnixMilli()
	clock := at
	for i := range n {
		at += when.step(r, i, n)
		id := fmt.Sprint("case-", r.IntN(n/6+2))
		p := kafka.Murmur2Partition([]byte(id), partitions)
		e := schemas.ChatEvent{EventID: fmt.Sprint("e", i), CaseID: id, Kind: schemas.EventKindMessage, Sender: schemas.SenderCustomer, OccurredAt: max(at, clock),
			CustomerID: schemas.Some("customer of " + id)}
		switch r.IntN(12) {
		case 0:
			e.Kind, e.Sender, e.Outcome = schemas.EventKindResolved, schemas.SenderHuman, schemas.Some(schemas.OutcomeResolvedConfirmed)
		case 1:
			e.Kind, e.Rating = schemas.EventKindRating, schemas.Some(int32(1+r.IntN(5)))
		case 2:
			e.Kind = schemas.EventKindComplaint
		case 3:
			e.Sender, e.AIModelVersion, e.Text = schemas.SenderAI, schemas.Some("bot-1"), schemas.Some("I am here to help")
		case 4:
			e.Kind, e.Sender = schemas.EventKindAgentJoined, schemas.SenderHuman
		case 5, 6:
			clock = max(clock, at)
			h.clock(clock)
			continue
		default:
			e.Text = schemas.Some(texts[r.IntN(len(texts))])
		}
		h[p] = append(h[p], e)
	}
	h.clock(max(at, clock) + 5*hour)
	h.clock(max(at, clock) + 9*hour)
	return h
}

// play runs the whole pipeline over a history, in an order of its own: which partition goes on, by how much, who dies
// where, and by how much the clock of whoever takes over is wrong.
func play(t *testing.T, h *history, r *mathrand.Rand, dies bool) *memory.Log {
	t.Helper()
	log := memory.New(partitions, pipelines.ConductManifest, pipelines.ConductMetrics, pipelines.ConductAlerts)
	skewed := func() time.Time { return time.Now().Add(time.Duration(r.Int64N(2*hour)-hour) * time.Millisecond) }
	type task struct {
		def       stage.Definition
		partition int32
		run       *memory.Stage
	}
	var tasks []*task
	for _, def := range []stage.Definition{
		stream.Definition(stream.Options{Codec: codec, Model: model, Signals: heard, PolicyKey: operator.verifier, EventClock: true, Now: skewed, Customers: customerKey}),
		cases.Definition(codec), sign.Definition(codec, sign.Keys{ledgerKey}, prefix, noStore{}),
		sign.ManifestDefinition(codec, sign.Keys{ledgerKey}, prefix, noStore{}),
		aggregate.Definition(codec, aggregate.Trust{Key: ledgerKey.Verifier(), Prefix: prefix}, metricKey),
	} {
		for p := range int32(partitions) {
			if p == 0 || !def.Single {
				tasks = append(tasks, &task{def: def, partition: p})
			}
		}
	}
	step := func(k *task, cut memory.Cut) bool {
		if k.run == nil {
			s, err := memory.Start(log, k.def, k.partition)
			if err != nil {
				t.Fatal(err)
			}
			k.run = s
		}
		more, err := k.run.Step(1+r.IntN(40), cut)
		if errors.Is(err, memory.ErrDied) {
			k.run = nil
			return true
		}
		if err != nil {
			t.Fatal(err)
		}
		return more
	}
	rest := func() { // lets everything come to its end
		for again := true; again; {
			again = false
			for _, i := range r.Perm(len(tasks)) {
				again = step(tasks[i], memory.Cut{}) || again
			}
		}
	}
	log.Append(stage.Record{Topic: pipelines.ChatEvents, Value: codec.Append(nil, pipelines.ChatEvents, must(guard.Sign(policies.Default, operator)))})
	rest()
	left := *h
	for n := partitions; n > 0; {
		p := r.IntN(partitions)
		for range min(len(left[p]), 1+r.IntN(30)) {
			e := left[p][0]
			log.Append(stage.Record{Topic: pipelines.ChatEvents, Partition: int32(p), Key: []byte(e.CaseID), Value: codec.Append(nil, pipelines.ChatEvents, &e)})
			if left[p] = left[p][1:]; len(left[p]) == 0 {
				n--
			}
		}
		if dies && r.IntN(3) == 0 { // a zombie, or a retry: something stands there twice
			topic := []string{pipelines.CaseEvents, pipelines.CaseConclusions, pipelines.ConductRecords, pipelines.ConductCheckpoints}[r.IntN(4)]
			if all := log.Records(topic, int32(p)); len(all) > 0 {
				log.Append(all[r.IntN(len(all))])
			}
		}
		for range r.IntN(6) {
			step(tasks[r.IntN(len(tasks))], memory.Cut{Dies: dies && r.IntN(4) == 0, Outputs: r.IntN(30) - 8, State: r.IntN(2) == 0})
		}
	}
	rest()
	return log
}

// TestTwice plays the same history twice, once in peace and once with deaths and with clocks that are wrong by up to an hour, each
// time in another order of the partitions: both tell the same of every case, and the same windows. And both hold: no timer
// is lost, late or early, whatever the calendar does.
func TestTwice(t *testing.T) {
	local := time.Local
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Log("without the time zones of this machine:", err)
		berlin = time.FixedZone("CEST", 7200)
	}
	defer func() { time.Local = local }()
	windows, records := 0, int64(0)
	for i := range *trials {
		s := *seed + uint64(i)
		h := draw(mathrand.New(mathrand.NewPCG(s, 0)), 120)
		time.Local = time.UTC
		a := play(t, h, mathrand.New(mathrand.NewPCG(s, 1)), false)
		time.Local = berlin
		b := play(t, h, mathrand.New(mathrand.NewPCG(s, 2)), true)
		if err := Same(must(Load(codec, forLoad{inMemory{a}})), must(Load(codec, forLoad{inMemory{b}}))); err != nil {
			t.Fatalf("seed %d: %v", s, err)
		}
		for _, log := range []*memory.Log{a, b} {
			r, err := verify.Run(t.Context(), verify.Options{Topics: forVerify{inMemory{log}}, Codec: codec, Trusted: ledgerKey.Verifier(), Metrics: []note.Verifier{metricKey.Verifier()}, Deep: true})
			if err = errors.Join(err, r.Err(), r.Pending()); err != nil {
				t.Fatalf("seed %d: %v", s, err)
			}
			records += r.Records
		}
		windows += len(a.Records(pipelines.ConductMetrics, 0))
	}
	t.Logf("%d histories from seed %d, %d records, %d windows each time", *trials, *seed, records, windows)
}
