package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/casetrail/casetrail/record"
	"golang.org/x/mod/sumdb/note"
)

// heads checks that two checkpoints are of one history: alone where their sizes are the same, by the third file where not.
func heads(files []string, trusted []note.Verifier, revoked revocations, out io.Writer) error {
	var cps [2]record.Checkpoint
	for i, path := range files[:2] {
		text, err := readSmall(path)
		if err == nil {
			cps[i], err = record.OpenCheckpoint(text, trusted...)
		}
		if err == nil {
			err = revoked.judge(cps[i])
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	older, newer := cps[0], cps[1]
	if older.Size > newer.Size {
		older, newer = newer, older
	}
	by := "a consistency proof"
	switch {
	case older.Ledger != newer.Ledger || older.Size == newer.Size || older.Size == 0:
		by = "themselves"
		if err := record.CheckConsistency(older, newer, nil); err != nil {
			return err
		}
	case len(files) < 3:
		return fmt.Errorf("ledger %s: checkpoints of %d and %d records say nothing about each other without a consistency proof or an export", older.Ledger, older.Size, newer.Size)
	default:
		proof, err := readProof(files[2])
		if errors.Is(err, errNoProof) {
			by = "the records"
			if err := holds(files[2], trusted[0], append([][]byte{older.Note, newer.Note}, revoked.notes...)); err != nil {
				return fmt.Errorf("%s: %w", files[2], err)
			}
		} else if err != nil {
			return err
		} else if err := record.CheckConsistency(older, newer, proof); err != nil {
			return fmt.Errorf("%s: %w", files[2], err)
		}
	}
	_, err := fmt.Fprintf(out, "heads verified: checkpoints of %d and %d records of ledger %s are of one history, by %s\n", older.Size, newer.Size, older.Ledger, by)
	return err
}

// holds checks an export under checkpoints and revocations that it need not have itself.
func holds(path string, trusted note.Verifier, notes [][]byte) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, _, err = record.VerifyExport(f, trusted, nil, notes...)
	return err
}

// errNoProof says that a file is no proof but may be an export.
var errNoProof = errors.New("not a proof")

// readProof reads hashes in base64, a line each.
func readProof(path string) (proof []record.Hash, err error) {
	text, err := readSmall(path)
	if len(text) > 0 && text[0] == '{' {
		return nil, errNoProof
	}
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(text) {
		raw, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(line)))
		if err != nil || len(raw) != len(record.Hash{}) || len(proof) == 64 {
			return nil, fmt.Errorf("%s: line %d is not one of at most 64 hashes in base64, nor is the file an export", path, len(proof)+1)
		}
		proof = append(proof, record.Hash(raw))
	}
	return proof, nil
}
