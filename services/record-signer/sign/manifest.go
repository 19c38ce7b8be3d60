package sign

import (
	"errors"
	"fmt"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// Manifest is the stage.Handler that writes the manifest ledger: it reads the checkpoints of all partitions, and when each has passed
// the end of a minute, puts the first checkpoint of each at or after it into one leaf, under one signed head. A minute in which no
// ledger promises anything new has no leaf. What it writes is a function of the ledgers' checkpoints alone: not of how they
// come to be read one after another.
//
// It is signed by the key that signed the head of the first partition in the leaf, so a rotated key takes over by itself.
type Manifest struct {
	name     string
	codec    *schemas.Codec
	keys     Keys
	chain    *record.Manifest
	ledgers  []checkpoints // by partition
	end      int64         // of the minute that is due; 0 while some ledger has no checkpoint
	keeper   keeper
	promised promise        // what the chain must still come to before anything is written
	held     []stage.Record // what is not written until then

	out     []stage.Record
	message schemas.Checkpoint
}

// checkpoints are one ledger's: those that are the first of their minute and may yet be the head of a leaf.
type checkpoints struct {
	waiting []promised
	minute  int64 // of the last one
}

type promised struct {
	record.Promise
	key *record.Signer // that signed it
}

const minute = 60_000 // milliseconds

// maxWaiting is how many minutes a ledger may be ahead of the slowest one.
const maxWaiting = 2_000

// maxHeld is how many leaves are made again before it is clear that what was published can't be.
const maxHeld = 10_000

// NewManifest makes the handler for a deployment. prefix begins the names of its ledgers; keys are those that sign them.
func NewManifest(codec *schemas.Codec, keys Keys, prefix string, store Store) (*Manifest, error) {
	name := record.ManifestName(prefix, first) // it goes on over the seals of the ledgers that it names
	chain, err := record.NewManifest(name)
	if err != nil {
		return nil, fmt.Errorf("ledger prefix %q: %w", prefix, err)
	}
	return &Manifest{name: name, codec: codec, keys: keys, chain: chain, keeper: keeper{store: store, series: prefix + "/manifest", keys: keys}}, nil
}

// ManifestDefinition is the record-signer's second stage. There are no dead letters: a checkpoint that can't be read stops it, since
// the record-signer alone writes them.
func ManifestDefinition(codec *schemas.Codec, keys Keys, prefix string, store Store) stage.Definition {
	return stage.Definition{
		Name:    pipelines.Manifest,
		Inputs:  []string{pipelines.ConductCheckpoints},
		Outputs: []string{pipelines.ConductManifest},
		Single:  true,
		New:     func(int32) (stage.Handler, error) { return NewManifest(codec, keys, prefix, store) },
	}
}

// Handle takes a checkpoint of any ledger and returns the leaves that it completes. A leaf's position is (0, its end in minutes
// since 1970, 0).
func (m *Manifest) Handle(in stage.Record) ([]stage.Record, error) {
	if m.keeper.err != nil {
		return nil, m.keeper.err
	}
	m.out = m.out[:0]
	if err := m.take(in); err != nil {
		return nil, err
	}
	err := m.close()
	return m.out, err
}

// take notes a checkpoint that is the first of its minute. All others change nothing: their signatures are not looked at.
func (m *Manifest) take(in stage.Record) error {
	if err := m.codec.DecodeInto(in.Value, &m.message); err != nil {
		return err
	}
	cp := &m.message
	if cp.Partition != in.Partition || int(cp.Partition) >= len(m.ledgers) || cp.Time < 0 {
		return fmt.Errorf("a checkpoint of partition %d at %d ms; here are %d partitions, this is %d", cp.Partition, cp.Time, len(m.ledgers), in.Partition)
	}
	l := &m.ledgers[cp.Partition]
	if cp.Time/minute <= l.minute {
		return nil
	}
	key, opened, err := m.open(cp.Note)
	if err != nil {
		return fmt.Errorf("ledger %s: %w", cp.Ledger, err)
	}
	if opened.Ledger != cp.Ledger || opened.Size != cp.Size || opened.Root != record.Hash(cp.Root) {
		return fmt.Errorf("the checkpoint says %d records of ledger %s, its note %d of %s", cp.Size, cp.Ledger, opened.Size, opened.Ledger)
	}
	l.minute = cp.Time / minute
	l.waiting = append(l.waiting, promised{record.Promise{Head: record.Head{Ledger: opened.Ledger, Size: opened.Size, Root: opened.Root}, Time: cp.Time}, key})
	return nil
}

// open verifies a note and tells which of the keys signed it.
func (m *Manifest) open(text string) (key *record.Signer, cp record.Checkpoint, err error) {
	for _, key = range m.keys {
		cp, err = record.OpenCheckpoint([]byte(text), key.Verifier())
		if f := (*record.Fault)(nil); !errors.As(err, &f) || f.Reason != record.UnknownKey {
			return key, cp, err
		}
	}
	return nil, cp, fmt.Errorf("%w: give the record-signer that key's file too (--key)", err)
}

// close makes all leaves that every ledger has passed the end of.
func (m *Manifest) close() error {
	for m.ready() {
		if err := m.leaf(); err != nil {
			return err
		}
	}
	return nil
}

// ready tells whether every ledger has a head for the minute that is due, and forgets those of before.
func (m *Manifest) ready() bool {
	if m.end == 0 {
		first := int64(-1)
		for i := range m.ledgers {
			w := m.ledgers[i].waiting
			if len(w) == 0 {
				return false
			}
			if t := w[0].Time; first < 0 || t < first {
				first = t
			}
		}
		m.end = record.DueAfter(first)
	}
	ready := true
	for i := range m.ledgers {
		l := &m.ledgers[i]
		for len(l.waiting) > 0 && l.waiting[0].Time < m.end && !(inject.ManifestEarly.Is() && i > 0 && len(l.waiting) == 1) {
			l.waiting = l.waiting[1:]
		}
		ready = ready && len(l.waiting) > 0
	}
	return ready
}

// leaf makes the leaf that is due. The chain judges it as any reader would.
func (m *Manifest) leaf() error {
	l := record.ManifestLeaf{Manifest: m.name, Sequence: m.chain.Size(), End: m.end, Previous: m.chain.Last()}
	for i := range m.ledgers {
		l.Heads = append(l.Heads, m.ledgers[i].waiting[0].Promise)
	}
	if inject.ManifestPartial.Is() && len(l.Heads) > 1 {
		l.Heads = l.Heads[:len(l.Heads)-1]
	}
	before, text := m.chain.Frontier(), l.Text()
	if err := m.chain.Accept(text); err != nil {
		return fmt.Errorf("makes no valid leaf: %w", err)
	}
	cp, err := m.ledgers[0].waiting[0].key.SignCheckpoint(m.name, m.chain.Size(), m.chain.Root())
	if err != nil {
		return err
	}
	msg := schemas.Manifest{Leaf: text, Note: string(cp.Note)}
	for _, h := range before.Roots() {
		msg.Frontier = append(msg.Frontier, schemas.Hash(h))
	}
	m.end = m.chain.Due()
	return m.emit(cp, stage.Record{Topic: pipelines.ConductManifest, Key: []byte(m.name), Value: m.codec.Append(nil, pipelines.ConductManifest, &msg),
		Position: stage.Position{Offset: l.End / minute}})
}

// emit writes a leaf, or holds it while the manifest is shorter than what was published.
func (m *Manifest) emit(cp record.Checkpoint, r stage.Record) error {
	if p := &m.promised; p.size > 0 {
		if m.held = append(m.held, r); len(m.held) > maxHeld {
			return fmt.Errorf("manifest %s: %s has %d leaves; made again from conduct.checkpoints there are %d by now: restore conduct.manifest or conduct.checkpoints from a backup: %w",
				m.name, p.by, p.size, cp.Size, ErrLost)
		}
		if cp.Size < p.size {
			return nil
		}
		if cp.Root != p.root {
			return fmt.Errorf("manifest %s: by %s its first %d leaves have the root %v; made again from conduct.checkpoints they have %v: %w",
				m.name, p.by, p.size, p.root, cp.Root, ErrFork)
		}
		m.out = append(m.out, m.held...)
		m.held, m.promised = nil, promise{}
	} else {
		m.out = append(m.out, r)
	}
	m.keeper.issued(cp)
	return nil
}

// Checkpoint implements stage.Checkpointer as Signer does.
func (m *Manifest) Checkpoint() []stage.Record {
	m.keeper.step()
	return nil
}

// Pause implements stage.Pauser: no ledger is read far ahead of the slowest one, which is never held up.
func (m *Manifest) Pause() (out []stage.TopicPartition) {
	for p := range m.ledgers {
		if len(m.ledgers[p].waiting) > maxWaiting {
			out = append(out, stage.TopicPartition{Topic: pipelines.ConductCheckpoints, Partition: int32(p)})
		}
	}
	return out
}
