package export

import (
	"bytes"
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/record"
)

// Receipts makes the receipts of a case: of its record, and of each amendment to it. They are under the newest checkpoint of the
// case's ledger, and keys are the keys that they need: the first is the ledger's first one, others come from rotations. The
// ledger is verified on the way. It reads the ledgers from their beginning, until it finds the case; a case that no
// checkpoint covers yet is an error.
func Receipts(ctx context.Context, o Options, caseID string) (out []record.Receipt, keys []string, err error) {
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
	for _, p := range points {
		var tree record.Tree
		keys = []string{o.VKey}
		_, err := o.fold(ctx, p, trusted, func(s *record.Signed) error {
			done++
			o.Progress(done, total)
			switch {
			case s.Kind == record.KindCase && s.Case.CaseID == caseID, s.Kind == record.KindAmendment && s.Amendment.CaseID == caseID:
				out = append(out, record.Receipt{Sequence: s.Sequence, Body: bytes.Clone(s.Body), Note: []byte(p.Note)})
			case s.Kind == record.KindKeyRotation:
				keys = append(keys, s.Rotation.PublicKey)
			}
			return tree.Append(record.LeafHash(s.Body))
		})
		if err != nil {
			return nil, nil, err
		}
		for i := range out {
			if out[i].Proof, err = tree.Inclusion(out[i].Sequence, p.Size); err != nil {
				return nil, nil, err
			}
		}
		if len(out) > 0 {
			return out, keys, nil
		}
	}
	return nil, nil, fmt.Errorf("case %q is in no ledger under its newest checkpoint: it is not concluded yet, or of less than 10 s ago, or not of this Casetrail", caseID)
}
