package sign

import (
	"errors"
	"fmt"

	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
)

// keeper keeps the last durable checkpoint of each ledger of a series in the store: of the newest one it looks after, and that of a sealed
// one stays as it is.
type keeper struct {
	store   Store
	series  string // the ledgers' name without their generation
	keys    Keys
	ledger  string              // the newest that is kept; none before the first checkpoint
	kept    []byte              // what the store has of it
	size    int64               // of what it has
	written []record.Checkpoint // issued in an earlier step, so durable when this step ends; the last one of each ledger
	newest  []record.Checkpoint // issued in this step
	err     error               // stops the signer at its next input
}

// Checkpoint implements stage.Checkpointer, for its moment, not for a changelog: it is called once a step, after the
// inputs and before anything of this step is written, and a step begins when all of the last one is durable. So what the
// last step issued may be kept outside Kafka now, and never a checkpoint that Kafka does not have.
func (s *Signer) Checkpoint() []stage.Record {
	s.keeper.step()
	return nil
}

func (k *keeper) step() {
	for _, cp := range k.written {
		if k.err == nil {
			k.err = k.keep(cp)
		}
	}
	k.written, k.newest = k.newest, k.written[:0]
}

func (k *keeper) issued(cp record.Checkpoint) {
	if n := len(k.newest); n > 0 && k.newest[n-1].Ledger == cp.Ledger {
		k.newest = k.newest[:n-1]
	}
	k.newest = append(k.newest, cp)
}

// load returns the checkpoint that is kept of the newest ledger; without a note where there is none.
func (k *keeper) load() (cp record.Checkpoint, err error) {
	ledger, err := k.store.Newest(k.series)
	if err != nil {
		return cp, fmt.Errorf("the checkpoints that are kept outside Kafka for the ledgers %s, the first in %s: %w. The signer does not go on, as only they may know "+
			"of records that Kafka has lost: make them readable, and start the signer again", k.series, k.store.Path(fmt.Sprintf("%s/%d", k.series, first)), err)
	}
	if inject.OldestKept.Is() && ledger != "" {
		ledger = fmt.Sprintf("%s/%d", k.series, first)
	}
	if k.ledger, k.kept, k.size = ledger, nil, 0; ledger == "" {
		return cp, nil
	}
	return k.look()
}

// look returns the checkpoint that is kept of the ledger in hand; without a note where there is none. A torn or empty one is not none:
// that would forget what was published.
func (k *keeper) look() (cp record.Checkpoint, err error) {
	k.size = 0
	if k.kept, err = k.store.Load(k.ledger); err == nil {
		if k.kept == nil {
			return cp, nil
		}
		cp, err = record.OpenCheckpoint(k.kept, k.keys.verifiers()...)
	}
	if err == nil && cp.Ledger != k.ledger {
		err = fmt.Errorf("is of ledger %s", cp.Ledger)
	}
	if err == nil {
		k.size = cp.Size
		return cp, nil
	}
	if inject.TornIsNone.Is() {
		return record.Checkpoint{}, nil
	}
	return cp, fmt.Errorf("the checkpoint that is kept outside Kafka for ledger %s, in %s: %w. The signer does not go on, as only that may know "+
		"of records that Kafka has lost: put it back from a backup; or see that `casetrail verify` holds, remove it, and start the signer again",
		k.ledger, k.store.Path(k.ledger), err)
}

// keep replaces what is kept by a checkpoint that is durable in Kafka and covers more.
func (k *keeper) keep(cp record.Checkpoint) error {
	switch was, is := generationOf(k.series, k.ledger), generationOf(k.series, cp.Ledger); {
	case is < was:
		return nil
	case is > was:
		k.ledger = cp.Ledger
		if _, err := k.look(); err != nil {
			return err
		}
	}
	for cp.Size > k.size && !inject.CheckpointNotKept.Is() {
		err := k.store.Swap(k.ledger, k.kept, cp.Note)
		if err == nil {
			k.kept, k.size = cp.Note, cp.Size
			return nil
		}
		if !errors.Is(err, ErrConflict) {
			return fmt.Errorf("keep a checkpoint of ledger %s outside Kafka, in %s: %w. The signer does not go on, as nothing would remember "+
				"what it published: make room there, or make it writable, and start the signer again", k.ledger, k.store.Path(k.ledger), err)
		}
		other, err := k.look() // a second owner was here
		if err != nil {
			return err
		}
		if other.Size == cp.Size && other.Root != cp.Root {
			return fmt.Errorf("ledger %s: at size %d this signer has the root %v, what is kept outside Kafka has %v: %w",
				k.ledger, cp.Size, cp.Root, other.Root, ErrFork)
		}
	}
	return nil
}
