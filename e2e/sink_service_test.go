package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"

	embeddedbroker "github.com/casetrail/casetrail/cli/embedded/broker"
	"github.com/casetrail/casetrail/cli/embedded/registry"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/process"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/clickhouse-sink/insert"
	sink "github.com/casetrail/casetrail/services/clickhouse-sink/service"
)

// sinkStack is the sink between an embedded broker, a registry and an engine.
type sinkStack struct {
	t      *testing.T
	engine *engine
	config sink.Config
	codec  *schemas.Codec
	pub    *kafka.Publisher
	signer *record.Signer
}

func newSinkStack(t *testing.T, l *testLedger) *sinkStack {
	s := &sinkStack{t: t, engine: startEngine(t), signer: l.signer}
	b, err := embeddedbroker.Start(t.Context(), embeddedbroker.Options{DataDir: t.TempDir(), Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	client, err := kafka.NewClient(kafka.Config{Brokers: []string{b.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	var topics []kafka.Topic
	for _, tp := range pipelines.Topology() {
		topics = append(topics, kafka.Topic{Name: tp.Name, Partitions: 1, Config: tp.Config})
	}
	if err := kafka.EnsureTopics(t.Context(), client, topics); err != nil {
		t.Fatal(err)
	}
	reg, err := registry.New(t.Context(), registry.Options{Brokers: []string{b.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reg.Close)
	web := httptest.NewServer(reg)
	t.Cleanup(web.Close)
	if s.codec, err = schemas.Register(t.Context(), web.URL, pipelines.Subjects("")); err != nil {
		t.Fatal(err)
	}
	s.pub = kafka.NewPublisher(client, nil)
	t.Cleanup(s.pub.Close)
	vkey := filepath.Join(t.TempDir(), "ledger.vkey")
	if err := os.WriteFile(vkey, []byte(l.signer.VerifierKey()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.config = sink.Config{Config: process.Config{Brokers: []string{b.Addr()}, Registry: web.URL, SessionTimeout: 6 * time.Second, LogLevel: "info"},
		Ledger: "casetrail/test", LedgerKey: vkey, MetricKey: []string{vkey}, ClickHouse: s.engine.url("sunk")}
	return s
}

// run runs the sink until stop is called.
func (s *sinkStack) run() (shell *process.Shell, stop func() error) {
	ctx, cancel := context.WithCancel(s.t.Context())
	shell = process.HostWith(zap.NewNop()).Shell(pipelines.Sink, s.config.Config)
	done := make(chan error, 1)
	go func() { done <- s.config.Run(ctx, shell) }()
	return shell, func() error { cancel(); return <-done }
}

func (s *sinkStack) publish(topic string, offset int64, m schemas.Message) {
	s.t.Helper()
	value := s.codec.Append(nil, topic, m)
	if _, ok := m.(*schemas.MetricRecord); ok {
		if err := s.signer.SignMetric(value[5:]); err != nil {
			s.t.Fatal(err)
		}
	}
	err := s.pub.Publish(s.t.Context(), []stage.Record{{Topic: topic, Key: []byte("k"), Value: value,
		Stage: pipelines.RecordSigner, Position: stage.Position{Offset: offset}}})
	if err != nil {
		s.t.Fatal(err)
	}
}

// ledger publishes what the ledger has from a record and a checkpoint on.
func (s *sinkStack) ledger(l *testLedger, records, heads int) {
	for i := records; i < len(l.bodies); i++ {
		var m schemas.SignedRecord
		if err := m.DecodeAvro(l.bodies[i]); err != nil {
			s.t.Fatal(err)
		}
		s.publish(pipelines.ConductRecords, int64(i), &m)
	}
	for i := heads; i < len(l.heads); i++ {
		s.publish(pipelines.ConductCheckpoints, int64(i), &l.heads[i])
	}
}

// await asks until a query gives a number.
func (s *sinkStack) await(query string, want uint64) driver.Conn {
	s.t.Helper()
	conn := s.engine.analyst(s.t, "sunk")
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		var got uint64
		err := conn.QueryRow(ctx, query).Scan(&got)
		if err == nil && got == want {
			return conn
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			s.t.Fatalf("%s gives %d, %v; want %d", query, got, err, want)
		}
	}
}

func TestSinkService(t *testing.T) {
	l := newTestLedger(t, 0, 12)
	l.run(10, 20, 2000)
	s := newSinkStack(t, l)
	s.engine.kill() // it isn't there yet when the sink starts
	shell, stop := s.run()
	s.ledger(l, 0, 0)
	for i := range int64(3) {
		s.publish(pipelines.CaseEscalations, i/2, &schemas.Escalation{CaseID: fmt.Sprint(i), EscalatedAt: l.now})
		s.publish(pipelines.ConductAlerts, i/2, &schemas.SegmentAlert{CaseType: "all", RaisedAt: l.now, RecordSequence: schemas.Some(i)})
	}
	segments := []schemas.Segment{{CaseType: "all", Handler: "all", Cases: 2, CSATCounts: make([]int64, 5), Signals: make([]int64, 9), Outcomes: make([]int64, 5)},
		{CaseType: "dispute", Handler: "ai", Cases: 1, CSATCounts: make([]int64, 5), Signals: make([]int64, 9), Outcomes: make([]int64, 5)}}
	for range 2 {
		s.publish(pipelines.ConductMetrics, 7, &schemas.MetricRecord{Window: "1h", Start: l.now - 3600_000, End: l.now, Segments: segments, Heads: []schemas.LedgerHead{{Size: 3}}})
	}
	s.engine.start()
	size := func() uint64 { return uint64(l.tree.Size()) }
	s.await("SELECT toUInt64(max(size)) FROM checkpoints", size())
	for table, want := range map[string]uint64{"escalations": 2, "alerts": 2, "metrics": 2} {
		s.await("SELECT count() FROM "+table, want)
	}
	if !shell.Ready() {
		t.Error("not ready though all is in")
	}

	records, heads := len(l.bodies), len(l.heads)
	l.run(10, 20, 2000)
	s.engine.kill()
	s.ledger(l, records, heads)
	s.engine.start()
	s.await("SELECT toUInt64(max(size)) FROM checkpoints", size())
	if err := stop(); err != nil {
		t.Fatal(err)
	}

	records, heads = len(l.bodies), len(l.heads)
	l.run(5, 20, 2000)
	s.ledger(l, records, heads)
	_, stop = s.run()
	conn := s.await("SELECT toUInt64(max(size)) FROM checkpoints", size())
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	checkSinked(t, conn, l)
	s.await("SELECT count() FROM escalations", 2)
}

// TestSinkServiceStopsAtAnotherRoot: ClickHouse holds another history than Kafka.
func TestSinkServiceStopsAtAnotherRoot(t *testing.T) {
	l, other := newTestLedger(t, 0, 13), newTestLedger(t, 0, 14)
	l.run(15, 20, 2000) // and Kafka's is the longer one: a shorter one might still become the same
	other.run(5, 20, 2000)
	s := newSinkStack(t, l)
	if err := other.sink(s.engine.database("sunk")); err != nil {
		t.Fatal(err)
	}
	s.ledger(l, 0, 0)
	shell := process.HostWith(zap.NewNop()).Shell(pipelines.Sink, s.config.Config)
	if err := s.config.Run(t.Context(), shell); !errors.Is(err, insert.ErrContradiction) {
		t.Fatal(err)
	}
}
