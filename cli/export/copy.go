package export

import (
	"context"
	"fmt"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/record"
)

// Copy is ClickHouse with its copy of the ledgers. It finds a case without reading a ledger, and need not be trusted: what it says is
// used for nothing but receipts, and those verify under a signed checkpoint or they don't.
type Copy struct{ Conn driver.Conn }

// Receipts is the function Receipts from the copy's rows and its newest checkpoint. A case that it has not is an error. Of the
// ledger it reads the leaf hashes alone, 32 bytes a record.
func (c Copy) Receipts(ctx context.Context, vkey, caseID string) (out []record.Receipt, keys []string, err error) {
	type row struct {
		Ledger   string
		Sequence int64
		Body     string
	}
	var rows []row
	err = c.Conn.Select(ctx, &rows, `SELECT toString(ledger) AS Ledger, sequence AS Sequence, body AS Body FROM records
		WHERE case_id = ? AND kind IN ('case', 'amendment') ORDER BY ledger, sequence`, caseID)
	if err != nil {
		return nil, nil, err
	}
	if len(rows) == 0 {
		return nil, nil, fmt.Errorf("case %q has no row", caseID)
	}
	record.Sort(rows, func(r row) string { return r.Ledger })
	var at *covered
	for _, r := range rows {
		if at == nil || at.ledger != r.Ledger {
			if at, err = c.covered(ctx, r.Ledger); err != nil {
				return nil, nil, err
			}
		}
		if r.Sequence >= at.size {
			continue
		}
		proof, err := at.tree.Inclusion(r.Sequence, at.size)
		if err != nil {
			return nil, nil, err
		}
		out = append(out, record.Receipt{Sequence: r.Sequence, Body: []byte(r.Body), Note: []byte(at.note), Proof: proof})
	}
	if len(out) == 0 {
		return nil, nil, fmt.Errorf("case %q is under no checkpoint", caseID)
	}
	trusted, keys, err := c.keys(ctx, vkey, at)
	if err != nil {
		return nil, nil, err
	}
	for _, r := range out {
		s, _, err := record.VerifyReceipt(r.Text(), trusted...)
		if err == nil && s.Case.CaseID != caseID && s.Amendment.CaseID != caseID {
			err = fmt.Errorf("ledger %s sequence %d is of another case", s.Ledger, s.Sequence)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("its rows don't verify: %w", err)
		}
	}
	return out, keys, nil
}

// covered is a generation up to its newest checkpoint.
type covered struct {
	ledger, note string
	size         int64
	tree         *record.Tree
}

func (c Copy) covered(ctx context.Context, ledger string) (_ *covered, err error) {
	at := &covered{ledger: ledger}
	err = c.Conn.QueryRow(ctx, "SELECT size, note FROM checkpoints WHERE ledger = ? ORDER BY size DESC LIMIT 1", ledger).Scan(&at.size, &at.note)
	if err != nil {
		return nil, fmt.Errorf("the newest checkpoint of ledger %s: %w", ledger, err)
	}
	at.tree, err = c.tree(ctx, ledger, at.size)
	return at, err
}

func (c Copy) tree(ctx context.Context, ledger string, size int64) (*record.Tree, error) {
	rows, err := c.Conn.Query(ctx, "SELECT leaf_hash FROM records WHERE ledger = ? AND sequence < ? ORDER BY partition, ledger, sequence", ledger, size)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var tree record.Tree
	for rows.Next() {
		var hash string
		if err := rows.Scan(&hash); err != nil {
			return nil, err
		}
		var leaf record.Hash
		copy(leaf[:], hash)
		if err := tree.Append(leaf); err != nil {
			return nil, err
		}
	}
	return &tree, rows.Err()
}

// keys are the trusted one and those that rotations name, each signed by the key before: of a generation, and those before it.
func (c Copy) keys(ctx context.Context, vkey string, at *covered) (trusted []note.Verifier, keys []string, err error) {
	type row struct{ Ledger, Body string }
	var rows []row
	prefix, generation := record.Generation(at.ledger)
	err = c.Conn.Select(ctx, &rows, `SELECT toString(ledger) AS Ledger, body AS Body FROM records WHERE kind = 'key_rotation' AND startsWith(ledger, ?) AND (ledger != ? OR sequence < ?)
		ORDER BY partition, ledger, sequence`, prefix, at.ledger, at.size)
	if err != nil {
		return nil, nil, err
	}
	rows = slices.DeleteFunc(rows, func(r row) bool {
		p, g := record.Generation(r.Ledger)
		return r.Ledger != at.ledger && (p != prefix || g >= generation)
	})
	record.Sort(rows, func(r row) string { return r.Ledger })
	for i := -1; i < len(rows); i++ {
		if i >= 0 {
			s, err := record.Decode([]byte(rows[i].Body))
			if err != nil {
				return nil, nil, err
			}
			if s.Kind != record.KindKeyRotation || s.Ledger != rows[i].Ledger || !trusted[i].Verify(record.PAE(nil, s.Payload), s.Signature[:]) {
				return nil, nil, fmt.Errorf("ledger %s sequence %d: the key before it did not sign this rotation", rows[i].Ledger, s.Sequence)
			}
			vkey = s.Rotation.PublicKey
		}
		key, err := note.NewVerifier(vkey)
		if err != nil {
			return nil, nil, err
		}
		trusted, keys = append(trusted, key), append(keys, vkey)
	}
	return trusted, keys, nil
}
