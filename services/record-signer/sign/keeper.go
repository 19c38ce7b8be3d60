package sign

import (
	"errors"
	"fmt"

	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
)

// keeper keeps a ledger's last durable checkpoint in the store.
type keeper struct {
	store   Store
	ledger  string
	keys    Keys
	kept    []byte            // what the store has
	size    int64             // of what it has
	written record.Checkpoint // issued in an earlier step, so durable when this step ends
	newest  record.Checkpoint // issued in this step
	err     error             // stops the signer at its next input
}

// Checkpoint implements stage.Checkpointer, for its moment, not for a changelog: it is called once a step, after the
// inputs and before anything of this step is written, and a step begins when all of the last one is durable. So what the
// last step issued may be kept outside Kafka now, and never a checkpoint that Kafka does not have.
func (s *Signer) Checkpoint() []stage.Record {
	s.keeper.step()
	return nil
}

func (k *keeper) step() {
	if len(k.written.Note) > 0 && k.err == nil {
		k.err = k.keep(k.written)
	}
	k.written, k.newest = k.newest, record.Checkpoint{}
}

func (k *keeper) issued(cp record.Checkpoint) { k.newest = cp }

// load returns the checkpoint that is kept; without a note where there is none. A torn or empty one is not none: that
// would forget what was published.
func (k *keeper) load() (cp record.Checkpoint, err error) {
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
		other, err := k.load() // a second owner was here
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
