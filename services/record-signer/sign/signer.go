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

// Signer is the stage.Handler of one partition of case.conclusions. It signs one ledger after another: after a seal the next generation.
type Signer struct {
	partition int32
	series    string // what the names of the partition's ledgers are without their generation
	codec     *schemas.Codec
	prefix    string
	keys      Keys
	chain     *record.Chain
	issued    issued
	erased    int64          // when the last erasure says it was, over all generations; 0 before the first one
	at        stage.Position // of the last record or checkpoint
	owed      []point        // seals in the log without a checkpoint, which can't be made again
	keeper    keeper
	promises  []promise // what the chain must still come to while it is made again

	out         []stage.Record
	checkpoints []record.Checkpoint // of the input in hand
	in          stage.Record
	arena       []byte
	payload     []byte
	body        []byte
	rec         record.Record
	msg         messages
}

// issued is what the last checkpoint said; zero before the first one. In a new generation the time goes on, and the size does not.
type issued struct{ size, time int64 }

// New makes the signer of one partition. The first of the keys begins a ledger.
func New(partition int32, codec *schemas.Codec, keys Keys, prefix string, store Store) (*Signer, error) {
	ledger := Ledger(prefix, partition)
	chain, err := record.NewChain(ledger, keys[0].Verifier())
	if err != nil {
		return nil, fmt.Errorf("ledger prefix %q: %w", prefix, err)
	}
	series, _ := record.Generation(ledger)
	return &Signer{partition: partition, series: series, codec: codec, prefix: prefix, keys: keys, chain: chain,
		keeper: keeper{store: store, series: series, keys: keys}}, nil
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
	s.in, s.out, s.checkpoints = in, s.out[:0], s.checkpoints[:0]
	before := s.here()
	if err := s.handle(); err != nil {
		s.goTo(before) // without what nobody gets: a genesis record, for one
		return nil, err
	}
	for _, cp := range s.checkpoints {
		s.keeper.issued(cp)
	}
	return s.out, nil
}

func (s *Signer) handle() error {
	if err := s.settle(); err != nil {
		return err
	}
	kind, caseID, err := s.read()
	if err != nil {
		return fmt.Errorf("%w: %w", err, stage.ErrReject)
	}
	if kind == tick {
		return s.tick(s.msg.tick.Time)
	}
	return s.record(record.Kind(kind), caseID)
}

// record adds one record to the ledger: before the first one of all the genesis record, and after a seal that of the next generation.
func (s *Signer) record(kind record.Kind, caseID string) error {
	source := record.Source(s.in.Position)
	if source.After(s.chain.Source()) { // else it is in the ledger already
		if err := s.append(kind, source, caseID); err != nil {
			return err
		}
	}
	if s.chain.Sealed() {
		return s.open()
	}
	if s.chain.Size()-s.issued.size < recordsEvery {
		return nil
	}
	return s.checkpoint(s.issued.time, next(s.at))
}

func (s *Signer) append(kind record.Kind, source record.Source, caseID string) error {
	at := s.caused()
	if s.chain.Size() == 0 {
		if err := s.sign(record.KindGenesis, record.GenesisSource, nil, at); err != nil {
			return err
		}
	}
	var key []byte
	if caseID != "" {
		key = []byte(caseID)
	}
	// One input causes the first genesis record and the record after it; also when only the genesis record is in the log.
	if of(s.chain) == (extent{first, 1}) {
		at = next(at)
	}
	return s.sign(kind, source, key, at)
}

// caused is the position of the first thing that the input in hand causes.
func (s *Signer) caused() stage.Position {
	return stage.Position{Partition: s.partition, Offset: s.in.Offset}
}

// sign makes the next record of the chain. The chain judges it as any reader would.
func (s *Signer) sign(kind record.Kind, source record.Source, key []byte, at stage.Position) error {
	s.rec.PreviousHash, s.rec.Ledger, s.rec.Sequence = s.chain.Last(), s.chain.Ledger(), s.chain.Size()
	s.rec.Kind, s.rec.Source = kind, source
	if inject.SealUnlinked.Is() && kind == record.KindGenesis && s.rec.Ledger != s.name(first) {
		s.rec.PreviousHash = record.LeafHash(nil)
	}
	s.rec.Rotation.FromSequence = s.rec.Sequence + 1
	s.payload = s.rec.Append(s.payload[:0])
	by, err := s.keys.of(s.chain.Key(s.rec.Sequence))
	if err != nil {
		return fmt.Errorf("ledger %s, sequence %d: %w", s.rec.Ledger, s.rec.Sequence, err)
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
	s.emit(pipelines.ConductRecords, key, &framed{bytes: s.body}, at)
	return s.hold()
}

// tick issues a checkpoint if it is time for one.
func (s *Signer) tick(now int64) error {
	since := now - s.issued.time
	if since >= idleEvery || since >= busyEvery && s.chain.Size() > s.issued.size {
		return s.checkpoint(now, s.caused())
	}
	return nil
}

func (s *Signer) checkpoint(now int64, at stage.Position) error {
	key, err := s.keys.of(s.chain.Key(s.chain.Size() - 1))
	if err != nil {
		return fmt.Errorf("checkpoint of ledger %s: %w", s.chain.Ledger(), err)
	}
	cp, err := key.SignCheckpoint(s.chain.Ledger(), s.chain.Size(), s.chain.Root())
	if err != nil {
		return err
	}
	tree := s.chain.Frontier()
	m := schemas.Checkpoint{Ledger: cp.Ledger, Partition: s.partition, Size: cp.Size, Root: schemas.Hash(cp.Root), Time: now, Note: string(cp.Note), ErasedAt: s.erased}
	for _, h := range tree.Roots() {
		m.Frontier = append(m.Frontier, schemas.Hash(h))
	}
	s.issued = issued{cp.Size, now}
	s.checkpoints = append(s.checkpoints, cp)
	s.emit(pipelines.ConductCheckpoints, []byte(cp.Ledger), &m, at)
	return nil
}

// arenaSize is how much the encoded outputs share one allocation.
const arenaSize = 64 << 10

func (s *Signer) emit(topic string, key []byte, m schemas.Message, at stage.Position) {
	if cap(s.arena)-len(s.arena) < 2<<10 {
		s.arena = make([]byte, 0, arenaSize)
	}
	from := len(s.arena)
	s.arena = s.codec.Append(s.arena, topic, m)
	s.out = append(s.out, stage.Record{
		Topic: topic, Partition: s.partition, Key: key, Value: s.arena[from:len(s.arena):len(s.arena)], Trace: s.in.Trace,
		Position: at,
	})
	s.at = at
}

// framed is a body as a message: it is encoded already.
type framed struct {
	schemas.SignedRecord
	bytes []byte
}

func (f *framed) AppendAvro(dst []byte) []byte { return append(dst, f.bytes...) }
