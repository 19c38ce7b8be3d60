package aggregate

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/aggregator/window"
)

// maxSpan is after how many records a checkpoint counts that no minute ends before: it bounds what is held.
const maxSpan = 1024

// Trust is what the aggregator takes for granted.
type Trust struct {
	Key    note.Verifier // the first key of every ledger
	Prefix string        // what ledgers' names begin with, deployment/environment; partition and generation follow
}

// ledger gives the generation of a ledger's name, prefix/partition/generation.
func (t Trust) ledger(name string, partition int32) (int32, error) {
	series, generation := record.Generation(name)
	if generation == 0 || series != t.Prefix+"/"+strconv.Itoa(int(partition)) {
		return 0, fmt.Errorf("ledger %.300q is not %s/%d/ and a generation", name, t.Prefix, partition)
	}
	return generation, nil
}

// checkpoint is a checkpoint that changes something.
type checkpoint struct {
	ledger string
	extent
	root   record.Hash
	time   int64
	note   string
	opened bool // its signature was verified when it came
}

// extent is how far a partition's ledgers go: so many records of a generation, and all of those before it.
type extent struct {
	generation int32
	size       int64
}

func (e extent) before(o extent) bool {
	return e.generation < o.generation || e.generation == o.generation && e.size < o.size
}

// consider takes a checkpoint if it is the first one after the end of a minute, or covers many records. All others
// change no output, and most of a ledger's checkpoints are such: their signatures are not even looked at.
func (l *ledger) consider(m *schemas.Checkpoint) error {
	if m.Partition != l.partition {
		return fmt.Errorf("the checkpoint is of partition %d: %w", m.Partition, stage.ErrReject)
	}
	if l.chain != nil {
		more := m.Size - l.last.size
		if m.Ledger != l.last.ledger {
			more = m.Size
		}
		if m.Time < l.last.time || window.Minute(m.Time) == window.Minute(l.last.time) && more < maxSpan {
			return nil
		}
	}
	generation, err := l.trust.ledger(m.Ledger, l.partition)
	if err != nil {
		return fmt.Errorf("the checkpoint: %w: %w", err, stage.ErrReject)
	}
	cp := checkpoint{ledger: strings.Clone(m.Ledger), extent: extent{generation, m.Size}, root: record.Hash(m.Root), time: m.Time, note: strings.Clone(m.Note)}
	if window.Minute(cp.time) >= l.published {
		if err := l.open(&cp); err != nil {
			return err
		}
	}
	if l.chain == nil {
		chain, err := record.NewChain(cp.ledger, l.trust.Key)
		if err != nil {
			return fmt.Errorf("%w: %w", err, stage.ErrReject)
		}
		l.begin(chain, generation)
	}
	if cp.before(l.last.extent) {
		return fmt.Errorf("ledger %s sequence %d: a checkpoint covers it, a later one ends at %d records of %s", l.last.ledger, l.last.size-1, cp.size, cp.ledger)
	}
	l.last = cp
	l.waiting = append(l.waiting, cp)
	return l.settle()
}

// open verifies a checkpoint's note, unless its key is one that only the records to come can tell.
func (l *ledger) open(cp *checkpoint) error {
	opened, err := record.OpenCheckpoint([]byte(cp.note), l.keys...)
	if err == nil {
		cp.opened, err = true, cp.says(opened)
	}
	var f *record.Fault
	if errors.As(err, &f) && f.Reason == record.UnknownKey {
		return nil
	}
	if err != nil {
		return fmt.Errorf("ledger %.300q sequence %d: %w: %w", cp.ledger, cp.size-1, err, stage.ErrReject)
	}
	return nil
}

// says tells whether the message beside a note says what the note says.
func (cp *checkpoint) says(note record.Checkpoint) error {
	if note.Ledger != cp.ledger || note.Size != cp.size || note.Root != cp.root {
		return fmt.Errorf("the checkpoint says ledger %.300q, %d records, root %v; its note says %q, %d, %v", cp.ledger, cp.size, cp.root,
			note.Ledger, note.Size, note.Root)
	}
	return nil
}

// match compares a checkpoint with the chain, which has its size. A signature is verified that was not, unless an earlier
// run has published what it closes; and always where keys have changed, or records had to be read again.
func (l *ledger) match(cp *checkpoint) error {
	oneKey := len(l.keys) == 1 && len(l.span.rotations) == 0
	if !l.verifying && (cp.opened && oneKey || window.Minute(cp.time) < l.published) {
		return l.chain.Matches(record.Checkpoint{Ledger: cp.ledger, Size: cp.size, Root: cp.root})
	}
	opened, err := l.chain.Verify([]byte(cp.note))
	if err != nil {
		return err
	}
	if err := cp.says(opened); err != nil {
		return fmt.Errorf("ledger %s sequence %d: %w", cp.ledger, cp.size-1, err)
	}
	return nil
}

// keyring is the keys of a ledger that are known so far.
type keyring []note.Verifier

func (k *keyring) add(vkey string) {
	v, err := note.NewVerifier(vkey)
	known := func(o note.Verifier) bool { return o.Name() == v.Name() && o.KeyHash() == v.KeyHash() }
	if err != nil || slices.ContainsFunc(*k, known) {
		return // the chain has taken it, so it is a key
	}
	*k = append(*k, v)
}

// signed tells whether one of the keys signed a body.
func (k keyring) signed(body []byte) bool {
	s, err := record.Decode(body)
	if err != nil {
		return false
	}
	pae := record.PAE(nil, s.Payload)
	return slices.ContainsFunc(k, func(v note.Verifier) bool { return v.Verify(pae, s.Signature[:]) })
}
