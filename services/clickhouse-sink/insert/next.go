package insert

import (
	"errors"
	"fmt"
	"strings"

	"github.com/casetrail/casetrail/record"
)

// Next gives the next block, or nil where records or a checkpoint are still to come. The caller inserts it before it calls
// again. An error is ErrContradiction and final: the signed heads and the records don't agree.
func (f *Fold) Next() (*Block, error) {
	for len(f.heads) > 0 {
		h := &f.heads[0]
		cp, ok, err := f.due(h)
		if err != nil {
			return nil, err
		}
		if !ok {
			f.drop()
			continue
		}
		if !f.advance(cp.Size) {
			return nil, nil
		}
		b, ok, err := f.close(h, cp)
		if err != nil {
			return nil, err
		}
		if ok {
			f.drop()
			return b, nil
		}
	}
	return nil, nil
}

func (f *Fold) drop() {
	f.heads[0] = heading{}
	f.heads = f.heads[1:]
}

// due judges a checkpoint before its records are read; false where it is not to be waited for.
func (f *Fold) due(h *heading) (cp record.Checkpoint, ok bool, err error) {
	if h.opened {
		return h.cp, true, nil
	}
	text := []byte(h.Note)
	cp, v, err := f.open(text)
	if err == nil && !strings.HasPrefix(cp.Ledger, f.prefix) {
		f.Skipped[record.OtherLedger.String()]++
		return cp, false, nil
	}
	if says, unread := record.ParseCheckpoint(text); unread == nil {
		f.turn(says.Ledger)
	}
	if err == nil {
		h.opened, h.cp = true, cp
		if f.chain == nil {
			if f.chain, err = record.NewChain(cp.Ledger, v); err != nil {
				return cp, false, fmt.Errorf("%w: %w", ErrContradiction, err)
			}
			f.key, f.next, f.head = v, v, Head{}
			f.save()
		}
	} else if cp, unread := record.ParseCheckpoint(text); unread != nil || f.chain != nil && cp.Size <= f.chain.Size() || f.overtaken() {
		f.skip(err) // no record on the way to it can bring its key
		return cp, false, nil
	} else {
		return cp, true, nil
	}
	switch {
	case cp.Ledger != f.chain.Ledger():
		f.Skipped[record.OtherLedger.String()]++
		return cp, false, nil
	case cp.Size < f.head.Size || f.head.Ledger != "" && h.offset <= f.head.Offset:
		f.Skipped[record.Stale.String()]++
		return cp, false, nil
	}
	return cp, true, nil
}

// turn begins the next generation, where that is what is named, and all of this one is in ClickHouse up to its seal. Nothing else can
// come any more, so whoever named it need not be believed: the key may be one that only the records tell.
func (f *Fold) turn(ledger string) {
	if f.chain == nil || !f.sealed || f.head.Ledger != f.chain.Ledger() || f.head.Size != f.chain.Size() {
		return
	}
	next, err := f.chain.Next()
	if err != nil || next.Ledger() != ledger {
		return
	}
	f.chain, f.key, f.sealed, f.head = next, f.next, false, Head{}
	f.save()
}

// begin begins the ledger with its genesis record, where the first checkpoint is signed by a key that only the records tell;
// false where that is not read yet.
func (f *Fold) begin() bool {
	for _, e := range f.ahead {
		s, err := record.Decode(e.body)
		if err != nil || s.Kind != record.KindGenesis || !strings.HasPrefix(s.Ledger, f.prefix) {
			continue
		}
		for _, v := range f.trusted {
			chain, err := record.NewChain(s.Ledger, v)
			if err != nil {
				break
			}
			empty := chain.Snapshot()
			if _, err := chain.Accept(e.body); err == nil {
				chain.Restore(empty)
				f.chain, f.key, f.next = chain, v, v
				f.save()
				return true
			}
		}
	}
	return false
}

// overtaken tells whether a later checkpoint can be opened: then one that can't was never the ledger's.
func (f *Fold) overtaken() bool {
	for i := range f.heads[1:] {
		if _, _, err := f.open([]byte(f.heads[1+i].Note)); err == nil {
			return true
		}
	}
	return false
}

// advance takes records up to a size; false where that is not reached yet.
func (f *Fold) advance(size int64) bool {
	if f.chain == nil && !f.begin() {
		return false
	}
	for f.chain.Size() < size {
		if len(f.ahead) == 0 {
			f.ahead = nil // lets go of the memory
			return false
		}
		e := f.ahead[0]
		f.ahead[0], f.ahead = entry{}, f.ahead[1:]
		f.taken = append(f.taken, e)
		accept := f.chain.AcceptUnverified
		if f.strict {
			accept = f.chain.Accept
		}
		s, err := accept(e.body)
		var fault *record.Fault
		if errors.As(err, &fault) && fault.Reason == record.Contested && !f.strict {
			f.again()
			continue
		}
		if err != nil {
			f.skip(err)
			continue
		}
		f.follow(s)
		f.rows.add(f.partition, s, f.chain.Last())
	}
	return true
}

// close compares the chain with the checkpoint that it has reached. False asks for the same again: a body that nobody
// signed had slipped in, or the checkpoint is none.
func (f *Fold) close(h *heading, cp record.Checkpoint) (*Block, bool, error) {
	signed, err := f.chain.Verify([]byte(h.Note))
	if err != nil {
		if _, _, bad := f.open([]byte(h.Note)); bad != nil {
			f.skip(err)
			f.drop()
			return nil, false, nil
		}
		if !f.strict && f.rows.Len() > 0 {
			f.again()
			return nil, false, nil
		}
		return nil, false, fmt.Errorf("%w: partition %d, checkpoint at offset %d: %w", ErrContradiction, f.partition, h.offset, err)
	}
	next := f.head.RecordsOffset
	if f.head.Ledger == "" && len(f.taken) == 0 {
		next = 0
	}
	if n := len(f.taken); n > 0 {
		next = f.taken[n-1].offset + 1
	}
	tree := f.chain.Frontier()
	b := &Block{From: f.head.Size, Rows: &f.rows, Last: f.chain.Last(), Head: Head{
		Partition: f.partition, Ledger: signed.Ledger, Size: signed.Size, Time: h.Time, Root: signed.Root,
		Frontier: tree.Roots(), Note: h.Note, Key: f.keys[f.key.KeyHash()], Offset: h.offset, RecordsOffset: next,
	}}
	f.head = b.Head
	return b, true, nil
}

// Inserted says that the last block is in ClickHouse, and lets go of it.
func (f *Fold) Inserted() { f.save() }

// again goes back to the last block, to read what came since with every signature verified.
func (f *Fold) again() {
	f.chain.Restore(f.before.chain)
	f.key, f.next, f.sealed = f.before.key, f.before.next, f.before.sealed
	f.ahead = append(append([]entry(nil), f.taken...), f.ahead...)
	clear(f.taken)
	f.taken = f.taken[:0]
	f.rows.Reset()
	f.strict = true
}
