package export

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// Receipts makes the receipts of a case: of its record, and of each amendment to it. They are under the newest checkpoint of the
// case's ledger, and keys are the keys that they need: the first is the ledger's first one, others come from rotations. The
// ledger is verified on the way. It reads the ledgers from their beginning, until it finds the case; a case that no
// checkpoint covers yet is an error.
func Receipts(ctx context.Context, o Options, caseID string) (out []record.Receipt, keys []string, err error) {
	out, keys, err = o.receipts(ctx, false, func(s *record.Signed) bool {
		return s.Kind == record.KindCase && s.Case.CaseID == caseID || s.Kind == record.KindAmendment && s.Amendment.CaseID == caseID
	})
	if err == nil && len(out) == 0 {
		err = fmt.Errorf("case %q is in no ledger under its newest checkpoint: it is not concluded yet, or of less than 10 s ago, or not of this Casetrail", caseID)
	}
	return out, keys, err
}

// Erasures makes the receipts of an erasure: one a ledger, as far as it is under that one's newest checkpoint. Keys are as in
// Receipts.
func Erasures(ctx context.Context, o Options, e record.Erasure) (out []record.Receipt, keys []string, err error) {
	last := ""
	return o.receipts(ctx, true, func(s *record.Signed) bool {
		first := s.Kind == record.KindErasure && s.Erasure == e && s.Ledger != last
		if first {
			last = s.Ledger
		}
		return first
	})
}

// receipts makes the receipts of the records that are wanted: of all ledgers, or of the first that has one.
func (o Options) receipts(ctx context.Context, all bool, want func(*record.Signed) bool) (out []record.Receipt, keys []string, err error) {
	trusted, err := note.NewVerifier(o.VKey)
	if err != nil {
		return nil, nil, err
	}
	if o.Progress == nil {
		o.Progress = func(int64, int64) {}
	}
	points, total, err := o.newest(ctx)
	if err != nil {
		return nil, nil, err
	}
	var done int64
	for _, generations := range points {
		found, by, err := o.ofLedger(ctx, generations, trusted, func(s *record.Signed) bool {
			done++
			o.Progress(done, total)
			return want(s)
		})
		if err != nil {
			return nil, nil, err
		}
		if len(found) == 0 {
			continue
		}
		out = append(out, found...)
		for _, k := range by {
			if !slices.Contains(keys, k) {
				keys = append(keys, k)
			}
		}
		if !all {
			break
		}
	}
	return out, keys, nil
}

// ofLedger makes the receipts of the records of one partition that are wanted, each under its generation's newest checkpoint.
func (o Options) ofLedger(ctx context.Context, generations []schemas.Checkpoint, trusted note.Verifier, want func(*record.Signed) bool) (out []record.Receipt, keys []string, err error) {
	var tree *record.Tree // of a generation
	made := 0             // receipts, of the generations before
	keys = []string{o.VKey}
	each := func(s *record.Signed) error {
		if s.Kind == record.KindGenesis {
			tree = &record.Tree{}
		}
		if want(s) {
			out = append(out, record.Receipt{Sequence: s.Sequence, Body: bytes.Clone(s.Body)})
		}
		if s.Kind == record.KindKeyRotation {
			keys = append(keys, s.Rotation.PublicKey)
		}
		return tree.Append(record.LeafHash(s.Body))
	}
	end := func(p schemas.Checkpoint, _ record.Hash) (err error) {
		for ; made < len(out) && err == nil; made++ {
			r := &out[made]
			r.Note = []byte(p.Note)
			r.Proof, err = tree.Inclusion(r.Sequence, p.Size)
		}
		return err
	}
	err = o.fold(ctx, generations, trusted, each, end)
	return out, keys, err
}
