package sign

import (
	"cmp"

	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
)

// first is the generation with which a partition's ledgers begin.
const first = 1

// extent is how far a partition's ledgers go: so many records of a generation, and all of the generations before it.
type extent struct {
	generation int32
	size       int64
}

func (e extent) compare(o extent) int {
	return cmp.Or(cmp.Compare(e.generation, o.generation), cmp.Compare(e.size, o.size))
}

// to is how far a checkpoint goes; zero where it is none.
func to(cp record.Checkpoint) extent {
	_, generation := record.Generation(cp.Ledger)
	return extent{generation, cp.Size}
}

// of is how far a chain goes.
func of(c *record.Chain) extent {
	_, generation := record.Generation(c.Ledger())
	return extent{generation, c.Size()}
}

// Ledger is the name of a partition's first ledger. What comes after its seal is another one, whose name ends in 2, and so on.
func Ledger(prefix string, partition int32) string {
	return record.LedgerName(prefix, partition, first)
}

// generationOf tells which generation of a series a ledger is; 0 where it is of another series.
func generationOf(series, ledger string) int32 {
	if of, generation := record.Generation(ledger); of == series {
		return generation
	}
	return 0
}

// point is where a signer is: all that an input changes.
type point struct {
	chain  *record.Chain
	state  record.Snapshot
	issued issued
	erased int64
	at     stage.Position
	owed   []point
}

func (s *Signer) here() point {
	return point{s.chain, s.chain.Snapshot(), s.issued, s.erased, s.at, s.owed}
}

func (s *Signer) goTo(p point) {
	s.chain, s.issued, s.erased, s.at, s.owed = p.chain, p.issued, p.erased, p.at, p.owed
	s.chain.Restore(p.state)
}

// open begins the next generation after a seal. What it writes comes after the seal in position, whichever input it is that has it
// written: the checkpoint over all of the sealed ledger, unless there is one, and the genesis record that names the seal.
func (s *Signer) open() error {
	if s.issued.size < s.chain.Size() {
		if err := s.checkpoint(s.issued.time, next(s.at)); err != nil {
			return err
		}
	}
	chain, err := s.chain.Next()
	if err == nil && inject.SealUnlinked.Is() {
		chain, err = record.NewChain(chain.Ledger(), s.chain.Key(s.chain.Size()))
	}
	if err != nil {
		return err
	}
	s.chain, s.issued.size = chain, 0
	return s.sign(record.KindGenesis, record.GenesisSource, nil, next(s.at))
}

// settle issues what a signer that goes on from the end of the log owes: checkpoints over ledgers that are sealed in the log, and whose
// input is not there any more.
func (s *Signer) settle() error {
	now := s.here()
	for _, p := range s.owed {
		s.chain, s.issued, s.erased = p.chain, p.issued, p.erased
		if err := s.checkpoint(p.issued.time, next(p.at)); err != nil {
			return err
		}
	}
	s.goTo(now)
	s.owed = nil
	if !s.chain.Sealed() || inject.SealForgotten.Is() {
		return nil
	}
	return s.open()
}

// next is the position right after one, of the same input.
func next(p stage.Position) stage.Position {
	p.Ordinal++
	return p
}
