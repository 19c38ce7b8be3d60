package erase

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/cli/embedded/broker"
	"github.com/casetrail/casetrail/cli/export"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/intake/classify"
	"github.com/casetrail/casetrail/services/intake/customers"
	"github.com/casetrail/casetrail/services/intake/signals"
	"github.com/casetrail/casetrail/services/intake/stream"
	"github.com/casetrail/casetrail/services/record-signer/sign"
	"github.com/casetrail/casetrail/services/router/cases"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const partitions = 2

var codec = schemas.NewOfflineCodec(pipelines.Subjects("")...)

// world is intake, router and record-signer on a broker, with a customer key.
type world struct {
	*testing.T
	cfg      kafka.Config
	client   *kafka.Client
	keyFile  string
	operator *record.Signer
	ledger   *record.Signer
	now      time.Time // the operator's clock
	said     []string
	atStep   func(said int) // called when the operator has seen something
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, keyFile: filepath.Join(t.TempDir(), "customers.secret"), now: time.Now(), operator: key(t, "operator"), ledger: key(t, "ledger")}
	b, err := broker.Start(t.Context(), broker.Options{DataDir: t.TempDir(), Addr: "127.0.0.1:0"})
	w.must(err)
	t.Cleanup(func() { w.must(b.Close()) })
	w.cfg = kafka.Config{Brokers: []string{b.Addr()}, SessionTimeout: 2 * time.Second, Compression: kafka.CompressionNone}
	w.client, err = kafka.NewClient(w.cfg)
	w.must(err)
	t.Cleanup(w.client.Close)
	var topics []kafka.Topic
	for _, x := range pipelines.Topology() {
		n := partitions
		if x.Single {
			n = 1
		}
		topics = append(topics, kafka.Topic{Name: x.Name, Partitions: n, Config: x.Config})
	}
	w.must(kafka.EnsureTopics(t.Context(), w.client, topics))
	w.must(customers.Create(w.keyFile))
	w.services()
	return w
}

func key(t *testing.T, name string) *record.Signer {
	k, _, err := record.CreateKey(t.TempDir(), name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := record.LoadSigner(k)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// services run to the test's end.
func (w *world) services() {
	model, err := classify.Load()
	w.must(err)
	heard, err := signals.Load()
	w.must(err)
	held, err := customers.Hold(w.keyFile)
	w.must(err)
	store, err := sign.NewFiles(w.TempDir())
	w.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	all := []stage.Definition{
		stream.Definition(stream.Options{Codec: codec, Model: model, Signals: heard, PolicyKey: w.operator.Verifier(), Now: time.Now, Customers: held}),
		cases.Definition(codec), sign.Definition(codec, sign.Keys{w.ledger}, "casetrail/test", store),
	}
	for _, def := range all {
		go func() { ended <- kafka.Run(ctx, w.cfg, def, nil) }()
	}
	w.Cleanup(func() {
		cancel()
		for range all {
			if err := <-ended; err != nil {
				w.Error(err)
			}
		}
	})
}

// publish puts messages into chat.events.
func (w *world) publish(key string, messages ...schemas.Message) {
	w.Helper()
	var recs []stage.Record
	for _, m := range messages {
		recs = append(recs, stage.Record{Topic: pipelines.ChatEvents, Key: []byte(key), Value: codec.Append(nil, pipelines.ChatEvents, m)})
	}
	w.raw(recs...)
}

func (w *world) raw(recs ...stage.Record) {
	w.Helper()
	p := kafka.NewPublisher(w.client, nil)
	defer p.Close()
	w.must(p.Publish(w.Context(), recs))
}

func says(id, customer string) *schemas.ChatEvent {
	return &schemas.ChatEvent{EventID: id + "-1", CaseID: id, Kind: schemas.EventKindMessage, Sender: schemas.SenderCustomer, OccurredAt: time.Now().UnixMilli(),
		Text: schemas.Some("Where is my refund? It is I, " + customer), CustomerID: schemas.Some(customer)}
}

func ends(id string) *schemas.ChatEvent {
	return &schemas.ChatEvent{EventID: id + "-2", CaseID: id, Kind: schemas.EventKindResolved, Sender: schemas.SenderHuman,
		OccurredAt: time.Now().UnixMilli(), Outcome: schemas.Some(schemas.OutcomeResolvedConfirmed)}
}

// talks has a customer talk in a case, to its end.
func (w *world) talks(id, customer string) { w.publish(id, says(id, customer), ends(id)) }

func (w *world) options() Options {
	return Options{Client: w.client, Codec: codec, Export: export.Options{Topics: topics{w.client}, Codec: codec, VKey: w.ledger.VerifierKey()}, KeyFile: w.keyFile,
		Key: w.operator, Now: func() time.Time { return w.now }, Wait: time.Minute, Say: func(s string) {
			if w.said = append(w.said, s); w.atStep != nil {
				w.atStep(len(w.said))
			}
		}}
}

// erases erases, and checks the certificate and that nothing is left.
func (w *world) erases(cases int64, ids ...string) record.Certificate {
	w.Helper()
	text, keys, err := Run(w.Context(), w.options(), ids)
	w.must(err)
	w.must(Finish(w.keyFile))
	verifiers := []note.Verifier{w.operator.Verifier()}
	for _, k := range keys {
		v, err := note.NewVerifier(k)
		w.must(err)
		verifiers = append(verifiers, v)
	}
	c, records, err := record.VerifyCertificate(text, verifiers...)
	w.must(err)
	if len(records) != partitions || c.Customers != int64(len(ids)) || c.Cases != cases {
		w.Errorf("the certificate is of %d ledgers, %d customers, %d cases", len(records), c.Customers, c.Cases)
	}
	for _, topic := range pipelines.Topology() {
		w.read(topic.Name, func(r stage.Record, _ schemas.Message) {
			for _, id := range ids {
				if bytes.Contains(r.Key, []byte(id)) || bytes.Contains(r.Value, []byte(id)) {
					w.Errorf("%s/%d offset %d is left", r.Topic, r.Partition, r.Offset)
				}
			}
		})
	}
	if left := w.files(); len(left) > 1 || strings.Contains(strings.Join(w.said, "\n"), ids[0]) {
		w.Errorf("files %v are left; an operator was told %q", left, w.said)
	}
	return c
}

// files are the customer key and what is beside it.
func (w *world) files() []string {
	all, err := filepath.Glob(w.keyFile + "*")
	w.must(err)
	return all
}

func (w *world) read(topic string, fn func(stage.Record, schemas.Message)) {
	w.Helper()
	w.must(w.client.ReadAll(w.Context(), topic, func(r stage.Record) error {
		m, _ := codec.Decode(r.Value)
		fn(r, m)
		return nil
	}))
}

// erasures are how many erasure records each ledger has.
func (w *world) erasures() (out [partitions]int) {
	w.read(pipelines.ConductRecords, func(r stage.Record, m schemas.Message) {
		if m.(*schemas.SignedRecord).Payload.Erasure.Set {
			out[r.Partition]++
		}
	})
	return out
}

func (w *world) eventually(what string, ok func() bool) {
	w.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			w.Fatal("in a minute not: ", what)
		}
	}
}

// topics are verify.Topics.
type topics struct{ *kafka.Client }

func (c topics) Partitions(ctx context.Context, topic string) (int32, error) {
	n, err := c.Client.Partitions(ctx, topic)
	return n[topic], err
}

func (c topics) Read(ctx context.Context, tp stage.TopicPartition, fn func(stage.Record) error) (int64, error) {
	bounds, err := c.Offsets(ctx, tp.Topic)
	if err != nil {
		return 0, fmt.Errorf("%v: %w", tp, err)
	}
	b := bounds[tp.Partition]
	return b.First, c.ReadRange(ctx, tp, b.First, b.End, fn)
}
