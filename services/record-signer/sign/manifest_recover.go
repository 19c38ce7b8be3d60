package sign

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

var manifestPartition = stage.TopicPartition{Topic: pipelines.ConductManifest}

// Recover implements stage.Handler. The manifest goes on after its last leaf that is in the log, with the heads that stand in it. If
// that is less than what is kept outside Kafka, it makes the missing leaves again from the checkpoints, and writes none of them
// before it has come to the same root; what the record-signer has to make again first, it waits for. A partition count that
// was changed under it is refused.
func (m *Manifest) Recover(log stage.Log) (map[stage.TopicPartition]int64, error) {
	n, err := log.Partitions(pipelines.ConductCheckpoints)
	if err != nil {
		return nil, err
	}
	outside, err := m.keeper.load()
	if err != nil {
		return nil, err
	}
	last, err := m.readBack(log, outside)
	if err != nil {
		return nil, err
	}
	if err := pinned(log, m.codec, n); err != nil {
		return nil, err
	}
	m.rewind(last, n)
	next := map[stage.TopicPartition]int64{}
	if last.chain.Size() > 0 {
		for p, h := range last.chain.Leaf().Heads {
			tp := stage.TopicPartition{Topic: pipelines.ConductCheckpoints, Partition: int32(p)}
			if next[tp], err = m.after(log, tp, h.Time); err != nil {
				return nil, err
			}
		}
	}
	if outside.Size <= last.chain.Size() || inject.ShorterLedger.Is() {
		return next, m.keeper.keep(last.cp)
	}
	if err := m.makeAgain(log, n, next, outside); err != nil {
		return nil, err
	}
	reached := m.promised.size == 0
	m.rewind(last, n)
	if !reached {
		m.promised = promise{to(outside), outside.Root, "the checkpoint kept outside Kafka"}
	}
	return next, nil
}

// leafIn is a leaf of the log: the manifest that ends with it, the checkpoint over that, and the key that signed it.
type leafIn struct {
	chain *record.Manifest
	cp    record.Checkpoint
	key   *record.Signer
}

// rewind puts the manifest to where a leaf was the last one.
func (m *Manifest) rewind(last leafIn, partitions int32) {
	chain := *last.chain
	m.chain, m.ledgers, m.end, m.held, m.promised = &chain, make([]checkpoints, partitions), chain.Due(), nil, promise{}
	m.keeper.newest = m.keeper.newest[:0]
	for p := range m.ledgers {
		m.ledgers[p].minute = -1
	}
	if chain.Size() == 0 {
		return
	}
	for p, h := range chain.Leaf().Heads {
		// The key that signed the leaf is the one that signed the first partition's head; nobody asks for the others'.
		m.ledgers[p] = checkpoints{[]promised{{h, last.key}}, h.Time / minute}
	}
}

// readBack gives the last leaf in the log. The one that is kept outside Kafka must be among those before it, or still to come.
func (m *Manifest) readBack(log stage.Log, outside record.Checkpoint) (leafIn, error) {
	empty, err := record.NewManifest(m.name)
	if err != nil {
		return leafIn{}, err
	}
	r, ok, err := log.Last(manifestPartition, pipelines.Manifest, 0)
	if err != nil || !ok {
		return leafIn{chain: empty}, err
	}
	last, err := m.resume(r)
	if err != nil || outside.Size == 0 || outside.Size > last.cp.Size {
		return last, err
	}
	done := errors.New("done")
	_, err = log.Read(manifestPartition, max(0, outside.Size-1), func(r stage.Record) error { // every leaf has its own offset
		if r.Stage != pipelines.Manifest {
			return nil
		}
		l, err := m.resume(r)
		if err != nil || l.cp.Size != outside.Size {
			return err
		}
		if l.cp.Root != outside.Root {
			return fmt.Errorf("manifest %s: its first %d leaves have the root %v; the checkpoint kept outside Kafka has %v: %w", m.name, outside.Size, l.cp.Root, outside.Root, ErrFork)
		}
		return done
	})
	if err == nil {
		err = fmt.Errorf("manifest %s has %d leaves, but not leaf %d, which is kept outside Kafka: %w", m.name, last.cp.Size, outside.Size-1, ErrLost)
	}
	if errors.Is(err, done) {
		err = nil
	}
	return last, err
}

func (m *Manifest) resume(r stage.Record) (l leafIn, err error) {
	var msg schemas.Manifest
	if err := m.codec.DecodeInto(r.Value, &msg); err != nil {
		return l, fmt.Errorf("%s offset %d: %w", r.Topic, r.Offset, err)
	}
	if l.key, l.cp, err = m.open(msg.Note); err == nil && l.cp.Ledger != m.name {
		err = fmt.Errorf("is of %s, this is %s", l.cp.Ledger, m.name)
	}
	var before []record.Hash
	for _, h := range msg.Frontier {
		before = append(before, record.Hash(h))
	}
	if err == nil {
		l.chain, err = record.ResumeManifest(l.cp, before, msg.Leaf)
	}
	if err != nil {
		err = fmt.Errorf("%s offset %d: %w; is it the right key?", r.Topic, r.Offset, err)
	}
	return l, err
}

// slack is how many checkpoints further back than need be reading begins: a replaced owner may have left copies of older ones
// behind newer ones.
const slack = 4096

// after finds an offset from which on all checkpoints are that are later than a time.
func (m *Manifest) after(log stage.Log, tp stage.TopicPartition, time int64) (int64, error) {
	last, ok, err := log.Last(tp, pipelines.RecordSigner, tp.Partition)
	if err != nil || !ok {
		return 0, err
	}
	enough := errors.New("enough")
	for window := int64(64); ; window *= 8 {
		from := last.Offset - window
		if from <= slack {
			return 0, nil
		}
		earlier := false
		_, err := log.Read(tp, from, func(r stage.Record) error {
			if err := m.codec.DecodeInto(r.Value, &m.message); err != nil {
				return err
			}
			earlier = m.message.Time <= time
			return enough
		})
		if err != nil && !errors.Is(err, enough) {
			return 0, err
		}
		if earlier {
			return from - slack, nil
		}
	}
}

// makeAgain goes through the checkpoints, partition by partition, as far as they are there. All that it makes is dropped; what was
// promised is not promised any more where it was reached.
func (m *Manifest) makeAgain(log stage.Log, partitions int32, next map[stage.TopicPartition]int64, outside record.Checkpoint) error {
	m.promised = promise{to(outside), outside.Root, "the checkpoint kept outside Kafka"}
	for p := range partitions {
		tp := stage.TopicPartition{Topic: pipelines.ConductCheckpoints, Partition: p}
		_, err := log.Read(tp, next[tp], func(in stage.Record) error {
			_, err := m.Handle(in)
			m.held = m.held[:0]
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// pinned refuses a partition count other than that of the manifest's last leaf: cases would move between ledgers.
func pinned(log stage.Log, codec *schemas.Codec, partitions int32) error {
	last, ok, err := log.Last(manifestPartition, pipelines.Manifest, 0)
	if err != nil || !ok {
		return err
	}
	var msg schemas.Manifest
	err = codec.DecodeInto(last.Value, &msg)
	l, wrong := record.ParseManifestLeaf(msg.Leaf)
	if err = cmp.Or(err, wrong); err != nil {
		return fmt.Errorf("%s offset %d: %w", last.Topic, last.Offset, err)
	}
	if n := len(l.Heads); n != int(partitions) {
		return fmt.Errorf("conduct.checkpoints has %d partitions, and manifest %s is of %d: a changed count moves cases between ledgers. "+
			"Make the topics anew with %d partitions from a backup, or begin another deployment (--ledger)", partitions, l.Manifest, n, n)
	}
	return nil
}
