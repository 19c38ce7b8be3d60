package service

import (
	"context"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"go.uber.org/zap"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/process"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/clickhouse-sink/insert"
)

// memory is a store that fails now and then.
type memory struct {
	Database
	head   insert.Head
	last   []byte
	blocks []string
	fail   int // so many inserts fail first
	broken error
}

func (m *memory) Head(context.Context, int32) (insert.Head, []byte, bool, error) {
	return m.head, m.last, m.head.Ledger != "", m.broken
}

func (m *memory) Insert(_ context.Context, b *insert.Block) error {
	if m.fail > 0 {
		m.fail--
		return errors.New("no answer")
	}
	m.head, m.blocks = b.Head, append(m.blocks, b.Token())
	return nil
}

// topic is a log of one partition of each topic.
type topic struct {
	stage.Log
	records []stage.Record
}

func (l topic) Last(tp stage.TopicPartition, _ string, _ int32) (last stage.Record, ok bool, err error) {
	_, err = l.Read(tp, 0, func(r stage.Record) error {
		last, ok = r, true
		return nil
	})
	return last, ok, err
}

func (l topic) Read(tp stage.TopicPartition, from int64, fn func(stage.Record) error) (int64, error) {
	for _, r := range l.records {
		if r.Offset >= from && r.Topic == tp.Topic {
			if err := fn(r); err != nil {
				return from, err
			}
		}
	}
	return int64(len(l.records)), nil
}

type bench struct {
	t      *testing.T
	shell  *process.Shell
	codec  *schemas.Codec
	signer *record.Signer
	store  memory
	ledger *ledger
	body   []byte
	head   schemas.Checkpoint
}

func newBench(t *testing.T) *bench {
	signer, err := record.NewSigner("test", ed25519.NewKeyFromSeed(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, signer: signer, codec: schemas.NewOfflineCodec(pipelines.Subjects(pipelines.Sink)...),
		shell: process.HostWith(zap.NewNop()).Shell("sink", process.Config{})}
	keep, err := newKeeper(b.shell)
	if err != nil {
		t.Fatal(err)
	}
	b.ledger = &ledger{ctx: t.Context(), prefix: "casetrail/test", keys: []string{signer.VerifierKey()}, reader: reader{b.codec, keep}, store: &b.store}
	r := record.Record{Ledger: "casetrail/test/0/1", Kind: record.KindGenesis, Source: record.GenesisSource}
	if b.body, err = signer.SignPayload(nil, r.Append(nil)); err != nil {
		t.Fatal(err)
	}
	var tree record.Frontier
	tree.Append(record.LeafHash(b.body))
	cp, err := signer.SignCheckpoint(r.Ledger, 1, tree.Root())
	if err != nil {
		t.Fatal(err)
	}
	b.head = schemas.Checkpoint{Ledger: r.Ledger, Size: 1, Root: schemas.Hash(cp.Root), Note: string(cp.Note)}
	return b
}

func (b *bench) checkpoint(offset int64) stage.Record {
	return stage.Record{Topic: pipelines.ConductCheckpoints, Offset: offset, Value: b.codec.Append(nil, pipelines.ConductCheckpoints, &b.head)}
}

func (b *bench) record(offset int64) stage.Record {
	var m schemas.SignedRecord
	if err := m.DecodeAvro(b.body); err != nil {
		b.t.Fatal(err)
	}
	return stage.Record{Topic: pipelines.ConductRecords, Offset: offset, Value: b.codec.Append(nil, pipelines.ConductRecords, &m)}
}

// handle gives the ledger its record and its checkpoint.
func (b *bench) handle() error {
	for _, in := range []stage.Record{
		{Topic: pipelines.ConductRecords, Value: []byte("junk")},
		b.record(1),
		{Topic: pipelines.ConductCheckpoints, Value: []byte("junk")},
		b.checkpoint(1),
	} {
		if _, err := b.ledger.Handle(in); err != nil {
			return err
		}
	}
	return nil
}

func TestInsertsUntilClickHouseAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.store.fail = 20
		if next, err := b.ledger.Recover(topic{}); err != nil || next != nil {
			t.Fatal(next, err)
		}
		b.shell.SetReady(true)
		done := make(chan error)
		go func() { done <- b.handle() }()
		synctest.Wait()
		if b.shell.Ready() {
			t.Error("it is ready while ClickHouse is away")
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if len(b.store.blocks) != 1 || !b.shell.Ready() || b.store.head.RecordsOffset != 2 {
			t.Fatalf("%v, ready %v, %+v", b.store.blocks, b.shell.Ready(), b.store.head)
		}
	})
}

func TestStopsWhileClickHouseIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		var stop context.CancelFunc
		b.ledger.ctx, stop = context.WithCancel(t.Context())
		b.store.fail = 1 << 30
		if _, err := b.ledger.Recover(topic{}); err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() { done <- b.handle() }()
		synctest.Wait()
		stop()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	})
}

func TestGoesOnWhereClickHouseStands(t *testing.T) {
	b := newBench(t)
	if _, err := b.ledger.Recover(topic{}); err != nil {
		t.Fatal(err)
	}
	if err := b.handle(); err != nil {
		t.Fatal(err)
	}
	b.store.last = b.body
	next, err := b.ledger.Recover(topic{records: []stage.Record{b.record(1), b.checkpoint(0), b.checkpoint(1)}})
	if err != nil || next[stage.TopicPartition{Topic: pipelines.ConductRecords}] != 2 || next[stage.TopicPartition{Topic: pipelines.ConductCheckpoints}] != 2 {
		t.Fatal(next, err)
	}
	// What a broker lost and the record-signer made again stands elsewhere.
	for _, moved := range [][2]int64{{3, 7}, {0, 0}} {
		next, err := b.ledger.Recover(topic{records: []stage.Record{b.record(moved[0]), b.checkpoint(moved[1])}})
		if err != nil || next[stage.TopicPartition{Topic: pipelines.ConductRecords}] != 0 || next[stage.TopicPartition{Topic: pipelines.ConductCheckpoints}] != moved[1]+1 {
			t.Fatal(next, err)
		}
	}
	b.head.Root[0]++
	_, err = b.ledger.Recover(topic{records: []stage.Record{b.checkpoint(0), b.checkpoint(1)}})
	if !errors.Is(err, insert.ErrContradiction) || !strings.Contains(err.Error(), "conduct.checkpoints/0 offset ") {
		t.Fatalf("another root in Kafka: %v", err)
	}
}

// torn is a log that can't be read any more: the partition is another's now.
type torn struct{ stage.Log }

var errTaken = errors.New("the generation has ended")

func (torn) Read(stage.TopicPartition, int64, func(stage.Record) error) (int64, error) {
	return 0, errTaken
}

// TestGivesUpAPartitionThatIsAnothers: or the sink would take part in no later generation.
func TestGivesUpAPartitionThatIsAnothers(t *testing.T) {
	b := newBench(t)
	if _, err := b.ledger.Recover(topic{}); err != nil {
		t.Fatal(err)
	}
	if err := b.handle(); err != nil {
		t.Fatal(err)
	}
	b.store.last = b.body
	if _, err := b.ledger.Recover(torn{}); !errors.Is(err, errTaken) {
		t.Fatal(err)
	}
}

// TestWaitsForALogThatLostItsTail: what ClickHouse has read was acknowledged, so the record-signer writes it again.
func TestWaitsForALogThatLostItsTail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		if _, err := b.ledger.Recover(topic{}); err != nil {
			t.Fatal(err)
		}
		if err := b.handle(); err != nil {
			t.Fatal(err)
		}
		b.store.last = b.body
		b.shell.SetReady(true)
		var stop context.CancelFunc
		b.ledger.ctx, stop = context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			b.head.Size = 0
			_, err := b.ledger.Recover(topic{records: []stage.Record{b.checkpoint(0)}})
			done <- err
		}()
		synctest.Wait()
		if b.shell.Ready() {
			t.Error("it is ready without knowing whether ClickHouse and Kafka agree")
		}
		stop()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	})
}
