package record

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Tree is a whole Merkle tree in memory, from which proofs are made: 64 bytes a leaf. To fold a ledger a Frontier suffices.
type Tree struct {
	stored []Hash
	size   int64
}

// Append adds a leaf.
func (t *Tree) Append(leaf Hash) error {
	h, err := tlog.StoredHashesForRecordHash(t.size, leaf, t)
	if err != nil {
		return err
	}
	t.stored = append(t.stored, h...)
	t.size++
	return nil
}

// ReadHashes implements tlog.HashReader.
func (t *Tree) ReadHashes(indexes []int64) ([]Hash, error) {
	out := make([]Hash, len(indexes))
	for i, x := range indexes {
		if x < 0 || x >= int64(len(t.stored)) {
			return nil, fmt.Errorf("hash %d of a tree of size %d", x, t.size)
		}
		out[i] = t.stored[x]
	}
	return out, nil
}

// Size is how many leaves the tree has.
func (t *Tree) Size() int64 { return t.size }

// Root is the root over the first size leaves.
func (t *Tree) Root(size int64) (Hash, error) {
	if err := t.has(size); err != nil {
		return Hash{}, err
	}
	return tlog.TreeHash(size, t)
}

// Inclusion proves that a leaf is among the first size ones (RFC 6962, 2.1.1).
func (t *Tree) Inclusion(leaf, size int64) ([]Hash, error) {
	if err := t.has(size); err != nil {
		return nil, err
	}
	return tlog.ProveRecord(size, leaf, t)
}

// Consistency proves that the first older leaves are the beginning of the first newer ones (RFC 6962, 2.1.2).
func (t *Tree) Consistency(older, newer int64) ([]Hash, error) {
	if err := t.has(newer); err != nil {
		return nil, err
	}
	return tlog.ProveTree(newer, older, t)
}

func (t *Tree) has(size int64) error {
	if size < 0 || size > t.size {
		return fmt.Errorf("the first %d leaves of %d", size, t.size)
	}
	return nil
}

// CheckInclusion verifies that a body is the record of a sequence under a checkpoint that was opened.
func CheckInclusion(cp Checkpoint, sequence int64, body []byte, proof []Hash) error {
	if sequence < 0 || sequence >= cp.Size {
		return &Fault{Ledger: cp.Ledger, Sequence: sequence, Field: "sequence", Reason: Missing, Detail: fmt.Sprintf("is not under a checkpoint of size %d", cp.Size)}
	}
	if err := tlog.CheckRecord(proof, cp.Size, cp.Root, sequence, LeafHash(body)); err != nil {
		return &Fault{Ledger: cp.Ledger, Sequence: sequence, Field: "proof", Reason: RootMismatch, Detail: err.Error()}
	}
	return nil
}

// CheckConsistency verifies that of two checkpoints of one ledger, both opened, the newer one only adds to the older one. Two
// roots for one size need no proof: they are Equivocation, a split view that the two notes alone show. For other sizes an
// honest ledger has a proof; a proof that fails means that it is not this ledger's, or that its signer shows two histories.
func CheckConsistency(older, newer Checkpoint, proof []Hash) error {
	fault := func(r Reason, detail string) error {
		return &Fault{Ledger: older.Ledger, Sequence: older.Size, Field: "proof", Reason: r, Detail: detail}
	}
	switch {
	case older.Ledger != newer.Ledger:
		return fault(OtherLedger, "the other checkpoint is of "+newer.Ledger)
	case older.Size > newer.Size:
		return fault(Missing, fmt.Sprintf("the newer checkpoint has %d records, the older one %d", newer.Size, older.Size))
	case older.Size == newer.Size && older.Root == newer.Root:
		return nil
	case older.Size == newer.Size:
		f := fault(Equivocation, fmt.Sprintf("two signed checkpoints of %d records have the roots %v and %v: a split view", older.Size, older.Root, newer.Root)).(*Fault)
		f.Sequence, f.Field = older.Size-1, "checkpoint.root"
		return f
	}
	if older.Size == 0 {
		if empty := (&Frontier{}).Root(); older.Root != empty {
			return fault(RootMismatch, fmt.Sprintf("the older checkpoint has the root %v for no records, which is %v", older.Root, empty))
		}
		return nil
	}
	if err := tlog.CheckTree(proof, newer.Size, newer.Root, older.Size, older.Root); err != nil {
		return fault(RootMismatch, err.Error())
	}
	return nil
}
