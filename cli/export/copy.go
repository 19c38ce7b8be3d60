package export

import (
	"context"
	"fmt"

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
	ledger := rows[0].Ledger
	var size int64
	var text string
	err = c.Conn.QueryRow(ctx, "SELECT size, note FROM checkpoints WHERE ledger = ? ORDER BY size DESC LIMIT 1", ledger).Scan(&size, &text)
	if err != nil {
		return nil, nil, fmt.Errorf("the newest checkpoint of ledger %s: %w", ledger, err)
	}
	tree, err := c.tree(ctx, ledger, size)
	if err != nil {
		return nil, nil, err
	}
	for _, r := range rows {
		if r.Ledger != ledger || r.Sequence >= size {
			continue
		}
		proof, err := tree.Inclusion(r.Sequence, size)
		if err != nil {
			return nil, nil, err
		}
		out = append(out, record.Receipt{Sequence: r.Sequence, Body: []byte(r.Body), Note: []byte(text), Proof: proof})
	}
	if len(out) == 0 {
		return nil, nil, fmt.Errorf("case %q is under no checkpoint", caseID)
	}
	trusted, keys, err := c.keys(ctx, ledger, vkey, size)
	if err != nil {
		return nil, nil, err
	}
	for _, r := range out {
		s, _, err := record.VerifyReceipt(r.Text(), trusted...)
		if err == nil && s.Case.CaseID != caseID && s.Amendment.CaseID != caseID {
			err = fmt.Errorf("ledger %s sequence %d is of another case", ledger, s.Sequence)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("its rows don't verify: %w", err)
		}
	}
	return out, keys, nil
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

// keys are the trusted one and those that rotations name, each signed by the key before.
func (c Copy) keys(ctx context.Context, ledger, vkey string, size int64) (trusted []note.Verifier, keys []string, err error) {
	var bodies []struct{ Body string }
	err = c.Conn.Select(ctx, &bodies, "SELECT body AS Body FROM records WHERE ledger = ? AND kind = 'key_rotation' AND sequence < ? ORDER BY sequence", ledger, size)
	if err != nil {
		return nil, nil, err
	}
	for i := -1; i < len(bodies); i++ {
		if i >= 0 {
			s, err := record.Decode([]byte(bodies[i].Body))
			if err != nil {
				return nil, nil, err
			}
			if s.Kind != record.KindKeyRotation || s.Ledger != ledger || !trusted[i].Verify(record.PAE(nil, s.Payload), s.Signature[:]) {
				return nil, nil, fmt.Errorf("ledger %s sequence %d: the key before it did not sign this rotation", ledger, s.Sequence)
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
