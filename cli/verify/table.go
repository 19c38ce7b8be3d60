package verify

import (
	"context"
	"errors"

	"github.com/casetrail/casetrail/record"
)

// Ledgers implements Table.
func (c ClickHouse) Ledgers(ctx context.Context) (out []string, err error) {
	rows, err := c.Conn.Query(ctx, "SELECT DISTINCT toString(ledger) AS name FROM (SELECT ledger FROM records UNION ALL SELECT ledger FROM checkpoints) ORDER BY name")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		out = append(out, name)
	}
	return out, rows.Err()
}

// Checkpoints implements Table.
func (c ClickHouse) Checkpoints(ctx context.Context, ledger string, fn func(record.Checkpoint) error) error {
	rows, err := c.Conn.Query(ctx, "SELECT size, root, note FROM checkpoints WHERE ledger = ? ORDER BY size", ledger)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var root, note string
		cp := record.Checkpoint{Ledger: ledger}
		if err := rows.Scan(&cp.Size, &root, &note); err != nil {
			return err
		}
		copy(cp.Root[:], root)
		cp.Note = []byte(note)
		if err := fn(cp); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Records implements Table.
func (c ClickHouse) Records(ctx context.Context, ledger string, fn func(int64, []byte) bool) error {
	err := c.bodies(ctx, "WHERE ledger = ? ORDER BY partition, ledger, sequence", []any{ledger}, func(sequence int64, body []byte) error {
		if !fn(sequence, body) {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}
