package sign

import (
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
	ErrFork = errors.New("this contradicts what was published; the signer does not go on, as that would fork the ledger")
)

// promise is a size and root of a ledger that were published: a chain of that size must have that root.
type promise struct {
	extent
	root record.Hash
	by   string
}

// Recover implements stage.Handler. The signer goes back to its last checkpoint whose records are all in the log and takes
// up its input where that was issued: what follows is made again, bit for bit, and dropped where the log has it. Before
// that it makes certain that it will be the same: it reads the records after the checkpoint by the rule of every
// reader and makes them again, and goes on making until it has come to every checkpoint ever published, the one kept
// outside Kafka included, the ledgers that were sealed on the way too. If the log is shorter than one of these and they can't be made again, it refuses. If all is in the
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
	base, end := to(t.base.cp), of(t.end.chain)
	lost := to(outside).compare(end) > 0 || to(t.newest.cp).compare(end) > 0

	s.promises = s.promises[:0]
	for _, p := range []promise{{end, t.end.chain.Root(), "conduct.records"}, {to(t.newest.cp), t.newest.cp.Root, "conduct.checkpoints"},
		{to(outside), outside.Root, "the checkpoint kept outside Kafka"}} {
		if p.compare(base) > 0 {
			s.promises = append(s.promises, p)
		}
	}
	slices.SortStableFunc(s.promises, func(a, b promise) int { return a.compare(b.extent) })
	if inject.ShorterLedger.Is() {
		s.promises = nil
	}

	s.rewind(t.start)
	next := max(0, t.start.at.Offset)
	err = s.makeAgain(log, next)
	switch {
	case err == nil:
		s.rewind(t.start)
	case lost || !errors.Is(err, ErrFork) && !s.expired(log, max(next, t.first.Offset)):
		return nil, err // its end is lost or does not show yet: to go on without it would leave checkpoints out
	default:
		s.promises = nil
		s.rewind(t.end)
		next = max(next, t.end.at.Offset)
	}
	if err := s.keeper.keep(t.newest.cp); err != nil {
		return nil, err
	}
	if next == 0 {
		return nil, nil // from its start
	}
	return map[stage.TopicPartition]int64{s.tp(pipelines.CaseConclusions): next}, s.inputReaches(log, next)
}

// rewind puts the signer to where it was.
func (s *Signer) rewind(p point) {
	s.goTo(p)
	s.keeper.newest = s.keeper.newest[:0]
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
			s.name(last.generation), last.by, last.size, from, s.made(last.generation), ErrLost)
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

// name is a ledger's, and made how many records of it have been made again.
func (s *Signer) name(generation int32) string { return fmt.Sprintf("%s/%d", s.series, generation) }

func (s *Signer) made(generation int32) int64 {
	if now := of(s.chain); now.generation == generation {
		return now.size
	}
	return 0
}

// hold compares the chain with what was promised of its size.
func (s *Signer) hold() error {
	now := of(s.chain)
	for len(s.promises) > 0 && s.promises[0].compare(now) <= 0 {
		p := s.promises[0]
		if p.extent != now { // its ledger has been sealed before it
			return fmt.Errorf("ledger %s: %s has %d records; made again from case.conclusions it is sealed with fewer: %w", s.name(p.generation), p.by, p.size, ErrFork)
		}
		if root := s.chain.Root(); root != p.root {
			return fmt.Errorf("ledger %s: by %s its first %d records have the root %v; made again from case.conclusions they have %v: %w",
				s.chain.Ledger(), p.by, p.size, p.root, root, ErrFork)
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
		s.chain.Ledger(), pipelines.CaseConclusions, s.partition, next, end, ErrLost)
}

func (s *Signer) tp(topic string) stage.TopicPartition {
	return stage.TopicPartition{Topic: topic, Partition: s.partition}
}
