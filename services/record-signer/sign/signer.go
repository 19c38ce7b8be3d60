// Package sign is the record-signer's core: it makes the ledger's records of concluded cases, amendments, policies and an operator's orders, and
// checkpoints of ticks. It is a pure function of case.conclusions: nothing that it signs depends on when or where it runs,
// so a second signer, a retry or a replay gives the same bytes. Its one collaborator is a Store, which remembers the last
// checkpoint outside Kafka.
package sign

import (
	"fmt"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// When checkpoints come, by the time that ticks bring. They are part of the format: with other values a replay would give
// other checkpoints.
const (
	busyEvery    = 1_000  // ms, where records came since the last one
	idleEvery    = 10_000 // ms, where none came
	recordsEvery = 10_000 // records, with the last one's time
)

// generation is the ledger's: one until the ledger is sealed, which nothing does yet.
const generation = 1

// Signer is the stage.Handler of one partition of case.conclusions.
type Signer struct {
	partition int32
	ledger    string
	codec     *schemas.Codec
	prefix    string
	keys      Keys
	chain     *record.Chain
	issued    issued
	erased    int64 // when the last erasure of the ledger says it was, 0 before the first one
	keeper    keeper
	promises  []promise // what the chain must still come to while it is made again

	out     []stage.Record
	in      stage.Record
	arena   []byte
	payload []byte
	body    []byte
	rec     record.Record
	msg     messages
}

// issued is what the last checkpoint said; zero before the first one.
type issued struct{ size, time int64 }

// Ledger is the name of a partition's ledger.
func Ledger(prefix string, partition int32) string {
	return fmt.Sprintf("%s/%d/%d", prefix, partition, generation)
}

// New makes the signer of one partition. The first of the keys begins a ledger.
func New(partition int32, codec *schemas.Codec, keys Keys, prefix string, store Store) (*Signer, error) {
	ledger := Ledger(prefix, partition)
	chain, err := record.NewChain(ledger, keys[0].Verifier())
	if err != nil {
		return nil, fmt.Errorf("ledger prefix %q: %w", prefix, err)
	}
	return &Signer{partition: partition, ledger: ledger, codec: codec, prefix: prefix, keys: keys, chain: chain,
		keeper: keeper{store: store, ledger: ledger, keys: keys}}, nil
}

// Definition is the record-signer as a stage. The prefix begins the names of its ledgers: deployment/environment.
func Definition(codec *schemas.Codec, keys Keys, prefix string, store Store) stage.Definition {
	return stage.Definition{
		Name:           pipelines.RecordSigner,
		Inputs:         []string{pipelines.CaseConclusions},
		Outputs:        []string{pipelines.ConductRecords, pipelines.ConductCheckpoints, pipelines.ChatRejects},
		New:            func(partition int32) (stage.Handler, error) { return New(partition, codec, keys, prefix, store) },
		RejectEndsStep: true,
		Reject: func(in stage.Record, err error) stage.Record {
			return pipelines.Reject(codec, in, err, in.Time.UnixMilli(), pipelines.Reason{Err: errVoid, Code: "order_refused"})
		},
	}
}

// Handle implements stage.Handler.
func (s *Signer) Handle(in stage.Record) ([]stage.Record, error) {
	if s.keeper.err != nil {
		return nil, s.keeper.err
	}
	s.in, s.out = in, s.out[:0]
	kind, caseID, err := s.read()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, stage.ErrReject)
	}
	if kind == tick {
		err = s.tick(s.msg.tick.Time)
	} else {
		err = s.record(record.Kind(kind), caseID)
	}
	if err != nil {
		return nil, err
	}
	return s.out, nil
}

// record adds one record to the ledger, and before the first one the genesis record.
func (s *Signer) record(kind record.Kind, caseID string) error {
	source := record.Source(s.in.Position)
	if source.After(s.chain.Source()) { // else it is in the ledger already
		if s.chain.Sealed() {
			return fmt.Errorf("ledger %s is sealed at %d records, and takes no more: %w", s.ledger, s.chain.Size(), ErrSealed)
		}
		before := s.chain.Snapshot()
		err := s.append(kind, source, caseID)
		if err != nil {
			s.chain.Restore(before) // without the genesis record either
			return err
		}
	}
	end := kind == record.KindSeal && s.issued.size < s.chain.Size() // no tick need come after it
	if s.chain.Size()-s.issued.size < recordsEvery && !end {
		return nil
	}
	// The record may be in the log when the checkpoint is not: its ordinal may not depend on that.
	ordinal := int32(1)
	if s.chain.Size() == 2 {
		ordinal = 2
	}
	return s.checkpoint(s.issued.time, ordinal)
}

func (s *Signer) append(kind record.Kind, source record.Source, caseID string) error {
	if s.chain.Size() == 0 {
		if err := s.sign(record.KindGenesis, record.GenesisSource, nil, 0); err != nil {
			return err
		}
	}
	var key []byte
	if caseID != "" {
		key = []byte(caseID)
	}
	// The record's ordinal is 1 after the genesis record, which one input caused with it, and 0 otherwise; also when
	// only the genesis record is in the log.
	var ordinal int32
	if s.chain.Size() == 1 {
		ordinal = 1
	}
	return s.sign(kind, source, key, ordinal)
}

// sign makes the next record of the chain. The chain judges it as any reader would.
func (s *Signer) sign(kind record.Kind, source record.Source, key []byte, ordinal int32) error {
	s.rec.PreviousHash, s.rec.Ledger, s.rec.Sequence = s.chain.Last(), s.ledger, s.chain.Size()
	s.rec.Kind, s.rec.Source = kind, source
	s.rec.Rotation.FromSequence = s.rec.Sequence + 1
	s.payload = s.rec.Append(s.payload[:0])
	by, err := s.keys.of(s.chain.Key(s.rec.Sequence))
	if err != nil {
		return fmt.Errorf("ledger %s, sequence %d: %w", s.ledger, s.rec.Sequence, err)
	}
	if inject.SignsOnWithTheOldKey.Is() {
		by = s.keys[0]
	}
	if s.body, err = by.SignPayload(s.body[:0], s.payload); err != nil {
		return err
	}
	if _, err := s.chain.AcceptUnverified(s.body); err != nil {
		return fmt.Errorf("makes no valid record: %w: %w", err, stage.ErrReject)
	}
	if kind == record.KindErasure {
		s.erased = s.rec.Erasure.ErasedAt
	}
	s.emit(pipelines.ConductRecords, key, &framed{bytes: s.body}, ordinal)
	return s.hold()
}

// tick issues a checkpoint if it is time for one.
func (s *Signer) tick(now int64) error {
	since := now - s.issued.time
	if since >= idleEvery || since >= busyEvery && s.chain.Size() > s.issued.size {
		return s.checkpoint(now, 0)
	}
	return nil
}

func (s *Signer) checkpoint(now int64, ordinal int32) error {
	key, err := s.keys.of(s.chain.Key(s.chain.Size() - 1))
	if err != nil {
		return fmt.Errorf("checkpoint of ledger %s: %w", s.ledger, err)
	}
	cp, err := key.SignCheckpoint(s.ledger, s.chain.Size(), s.chain.Root())
	if err != nil {
		return err
	}
	tree := s.chain.Frontier()
	m := schemas.Checkpoint{Ledger: s.ledger, Partition: s.partition, Size: cp.Size, Root: schemas.Hash(cp.Root), Time: now, Note: string(cp.Note), ErasedAt: s.erased}
	for _, h := range tree.Roots() {
		m.Frontier = append(m.Frontier, schemas.Hash(h))
	}
	s.issued = issued{cp.Size, now}
	s.keeper.issued(cp)
	s.emit(pipelines.ConductCheckpoints, []byte(s.ledger), &m, ordinal)
	return nil
}

// arenaSize is how much the encoded outputs share one allocation.
const arenaSize = 64 << 10

func (s *Signer) emit(topic string, key []byte, m schemas.Message, ordinal int32) {
	if cap(s.arena)-len(s.arena) < 2<<10 {
		s.arena = make([]byte, 0, arenaSize)
	}
	from := len(s.arena)
	s.arena = s.codec.Append(s.arena, topic, m)
	s.out = append(s.out, stage.Record{
		Topic: topic, Partition: s.partition, Key: key, Value: s.arena[from:len(s.arena):len(s.arena)], Trace: s.in.Trace,
		Position: stage.Position{Partition: s.partition, Offset: s.in.Offset, Ordinal: ordinal},
	})
}

// framed is a body as a message: it is encoded already.
type framed struct {
	schemas.SignedRecord
	bytes []byte
}

func (f *framed) AppendAvro(dst []byte) []byte { return append(dst, f.bytes...) }
