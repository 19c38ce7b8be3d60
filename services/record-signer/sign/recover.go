package sign

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
)

// Why a signer refuses to go on. Both are for a human to look into: to go on would be to tell a second story.
var (
	// ErrLost says that records that were published are gone and can't be made again.
	ErrLost = errors.New("published records are missing and can't be made again: restore conduct.records or case.conclusions from a backup; the signer does not go on, as that would fork the ledger")
	// ErrFork says that the ledger, or what was made again of it, contradicts what was published.
	// ErrSealed says that the ledger has ended. Nothing is lost: what comes after stays in case.conclusions.
	ErrSealed = errors.New("the signer does not go on, as no next generation has been opened; what came after the seal stays in case.conclusions for as long as its retention")
	ErrFork   = errors.New("this contradicts what was published; the signer does not go on, as that would fork the ledger")
)

// promise is a size and root that were published: a chain of that size must have that root.
type promise struct {
	size int64
	root record.Hash
	by   string
}

// Recover implements stage.Handler. The signer goes back to its last checkpoint whose records are all in the log and takes
// up its input where that was issued: what follows is made again, bit for bit, and dropped where the log has it. Before
// that it makes certain that it will be the same: it reads the records after the checkpoint by the rule of every
// reader and makes them again, and goes on making until it has come to every checkpoint ever published, the one kept
// outside Kafka included. If the log is shorter than one of these and they can't be made again, it refuses. If all is in the
// log but its input is not there any more, it goes on from the end of the log.
func (s *Signer) Recover(log stage.Log) (map[stage.TopicPartition]int64, error) {
	if err := s.samePartitions(log); err != nil {
		return nil, err
	}
	outside, err := s.keeper.load()
	if err != nil {
		return nil, err
	}
	t, err := s.readBack(log, outside)
	if err != nil {
		return nil, err
	}
	base, end := t.base, t.chain.Snapshot()
	size, root := t.chain.Size(), t.chain.Root()
	lost := outside.Size > size || t.newest.cp.Size > size

	s.promises = s.promises[:0]
	for _, p := range []promise{{size, root, "conduct.records"}, {t.newest.cp.Size, t.newest.cp.Root, "conduct.checkpoints"},
		{outside.Size, outside.Root, "the checkpoint kept outside Kafka"}} {
		if p.size > base.cp.Size {
			s.promises = append(s.promises, p)
		}
	}
	slices.SortStableFunc(s.promises, func(a, b promise) int { return cmp.Compare(a.size, b.size) })
	if inject.ShorterLedger.Is() {
		s.promises = nil
	}

	s.chain = t.chain
	s.rewind(t.start, base.erased, base)
	next := max(0, base.at.Offset)
	err = s.makeAgain(log, next)
	switch {
	case err == nil:
		s.rewind(t.start, base.erased, base)
	case !errors.Is(err, ErrFork) && !errors.Is(err, ErrLost) || lost:
		return nil, err
	case errors.Is(err, ErrLost) && !s.expired(log, max(next, t.first.Offset)):
		return nil, err // its end is lost or does not show yet: to go on without it would leave checkpoints out
	default:
		s.promises = nil
		s.rewind(end, t.erased, base)
		next = max(next, t.at.Offset)
	}
	if err := s.keeper.keep(t.newest.cp); err != nil {
		return nil, err
	}
	if next == 0 {
		return nil, nil // from its start
	}
	return map[stage.TopicPartition]int64{s.tp(pipelines.CaseConclusions): next}, s.inputReaches(log, next)
}

// rewind puts the signer to where a checkpoint was issued.
func (s *Signer) rewind(to record.Snapshot, erased int64, last logged) {
	s.chain.Restore(to)
	s.erased = erased
	s.issued = issued{last.cp.Size, last.time}
	s.keeper.newest = record.Checkpoint{}
}

// makeAgain handles inputs until every promise is kept.
func (s *Signer) makeAgain(log stage.Log, from int64) error {
	done := errors.New("done")
	if len(s.promises) == 0 {
		return nil
	}
	last := s.promises[len(s.promises)-1]
	_, err := log.Read(s.tp(pipelines.CaseConclusions), from, func(in stage.Record) error {
		if _, err := s.Handle(in); err != nil && !errors.Is(err, stage.ErrReject) {
			return err
		}
		if len(s.promises) == 0 {
			return done
		}
		return nil
	})
	if err == nil {
		err = fmt.Errorf("ledger %s: %s has %d records; made again from case.conclusions, offset %d on, there are %d; was the topic made anew?: %w",
			s.ledger, last.by, last.size, from, s.chain.Size(), ErrLost)
	}
	if errors.Is(err, done) {
		return nil
	}
	return err
}

// expired tells whether retention has taken the input from an offset on.
func (s *Signer) expired(log stage.Log, from int64) bool {
	first := int64(-1)
	enough := errors.New("enough")
	_, err := log.Read(s.tp(pipelines.CaseConclusions), 0, func(in stage.Record) error {
		first = in.Offset
		return enough
	})
	return errors.Is(err, enough) && first > from
}

// hold compares the chain with what was promised of its size.
func (s *Signer) hold() error {
	for len(s.promises) > 0 && s.promises[0].size == s.chain.Size() {
		p := s.promises[0]
		if root := s.chain.Root(); root != p.root {
			return fmt.Errorf("ledger %s: by %s its first %d records have the root %v; made again from case.conclusions they have %v: %w",
				s.ledger, p.by, p.size, p.root, root, ErrFork)
		}
		s.promises = s.promises[1:]
	}
	return nil
}

// samePartitions refuses a partition count that was changed under the ledgers: cases would move between them.
func (s *Signer) samePartitions(log stage.Log) error {
	want, err := log.Partitions(pipelines.CaseConclusions)
	if err != nil {
		return err
	}
	for _, topic := range []string{pipelines.ConductRecords, pipelines.ConductCheckpoints} {
		n, err := log.Partitions(topic)
		if err != nil {
			return err
		}
		if n != want {
			return fmt.Errorf("%s has %d partitions and %s has %d: a ledger belongs to one partition; set them alike", topic, n, pipelines.CaseConclusions, want)
		}
	}
	return pinned(log, s.codec, want)
}

// inputReaches refuses an input that ends before the ledger does: it is not the one that the ledger was made of.
func (s *Signer) inputReaches(log stage.Log, next int64) error {
	some := errors.New("some")
	end, err := log.Read(s.tp(pipelines.CaseConclusions), next, func(stage.Record) error { return some })
	if errors.Is(err, some) || err == nil && end > next {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("ledger %s was made of %s/%d up to offset %d, which now ends at %d: was the topic made anew?: %w",
		s.ledger, pipelines.CaseConclusions, s.partition, next, end, ErrLost)
}

func (s *Signer) tp(topic string) stage.TopicPartition {
	return stage.TopicPartition{Topic: topic, Partition: s.partition}
}
