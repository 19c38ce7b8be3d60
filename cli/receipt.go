package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/cli/export"
	"github.com/casetrail/casetrail/record"
)

type receiptCommand struct {
	cluster   `embed:""`
	CaseID    string `arg:"" help:"The case."`
	Folder    string `name:"dir" default:"." placeholder:"DIR" help:"Where to write the receipts; files that are there are not overwritten."`
	LedgerKey string `name:"ledger-key" env:"CASETRAIL_LEDGER_KEY" default:"data/keys/ledger.vkey" placeholder:"FILE" help:"The public key that you trust."`
}

// Run writes a receipt for the case's record and for each amendment, and verifies each as its holder will. ClickHouse knows where the
// case stands; where it is not there, or has nothing that verifies, the ledgers are read.
func (c *receiptCommand) Run(ctx context.Context) error {
	trusted, err := loadVerifierKey(c.LedgerKey)
	if err != nil {
		return err
	}
	receipts, keys, err := c.fromCopy(ctx, trusted)
	if err != nil {
		fmt.Fprintf(os.Stderr, "ClickHouse gives no receipt (%v); the ledgers are read from their beginning\n", err)
		receipts, keys, err = c.fromLedger(ctx, trusted)
	}
	if err != nil {
		return err
	}
	return writeReceipts(c.Folder, receipts, keys)
}

// fromCopy makes the receipts from ClickHouse's copy of the ledger, which holds the case's place.
func (c *receiptCommand) fromCopy(ctx context.Context, trusted string) ([]record.Receipt, []string, error) {
	db, err := c.database(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer db.Close()
	return export.Copy{Conn: db}.Receipts(ctx, trusted, c.CaseID)
}

func (c *receiptCommand) fromLedger(ctx context.Context, trusted string) ([]record.Receipt, []string, error) {
	client, codec, err := c.connect(ctx, "")
	if err != nil {
		return nil, nil, err
	}
	defer client.Close()
	bar := progress("reading the ledger")
	defer func() { _ = bar.Finish() }()
	return export.Receipts(ctx, export.Options{Topics: log{client, codec}, Codec: codec, VKey: trusted,
		Progress: func(n, _ int64) { _ = bar.Set64(n) }}, c.CaseID) // a bar that can't be drawn changes nothing
}

func writeReceipts(dir string, receipts []record.Receipt, keys []string) error {
	var trusted []note.Verifier
	for _, k := range keys {
		v, err := note.NewVerifier(k)
		if err != nil {
			return err
		}
		trusted = append(trusted, v)
	}
	for _, r := range receipts {
		text := r.Text()
		s, cp, err := record.VerifyReceipt(text, trusted...)
		if err != nil {
			return fmt.Errorf("the receipt does not verify: %w", err)
		}
		path := filepath.Join(dir, fmt.Sprintf("%s-%d.tlog-proof", strings.ReplaceAll(s.Ledger, "/", "-"), r.Sequence))
		if err := writeNew(path, text); err != nil {
			return err
		}
		fmt.Printf("%s: record %d of ledger %s, kind %v, under a checkpoint of %d records\n", path, s.Sequence, s.Ledger, s.Kind, cp.Size)
	}
	if len(keys) > 1 {
		fmt.Printf("the ledger's key was rotated: whoever checks a receipt needs these keys, each in a file, as -vkey FILE,FILE: %s\n", strings.Join(keys, " "))
	}
	return nil
}

// writeNew writes a file that is not there yet.
func writeNew(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
