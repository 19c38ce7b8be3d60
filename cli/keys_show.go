package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/services/keyfile"
)

type showKeyCommand struct {
	cluster   `embed:""`
	File      string `arg:"" optional:"" type:"existingfile" help:"A .vkey or .key file. Without one, the ledgers' keys are shown, and from which record on each signs."`
	LedgerKey string `name:"ledger-key" env:"CASETRAIL_LEDGER_KEY" default:"data/keys/ledger.vkey" placeholder:"FILE" help:"The ledgers' first public key, which you trust."`
}

// Run shows a key, or the ledgers'.
func (c *showKeyCommand) Run(ctx context.Context) error {
	if c.File != "" {
		return showFile(c.File)
	}
	trusted, err := record.LoadVerifier(c.LedgerKey)
	if err != nil {
		return err
	}
	client, codec, err := c.connect(ctx, "")
	if err != nil {
		return err
	}
	defer client.Close()
	all, err := ledgerKeys(ctx, log{client, codec}, trusted)
	if err != nil {
		return err
	}
	for _, l := range all {
		for _, k := range l.keys {
			fmt.Printf("%-32s from record %-10d %s, %08x\n", l.name, k.from.Size, k.vkey.Name(), k.vkey.KeyHash())
		}
	}
	return nil
}

// showFile shows what a key is; of a private key, nothing that signs.
func showFile(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(string(text), "PRIVATE+KEY+") && !keyfile.Encrypted(text) {
		v, err := record.LoadVerifier(path)
		if err != nil {
			return err
		}
		fmt.Printf("name   %s\nkey id %08x\npublic key\n", v.Name(), v.KeyHash())
		return nil
	}
	s, err := readSigner(path)
	if err != nil {
		return err
	}
	fmt.Printf("name   %s\nkey id %08x\nprivate key of %s\n", s.Name(), s.KeyHash(), s.VerifierKey())
	return nil
}
