package main

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

type rotateKeyCommand struct {
	cluster  `embed:""`
	Old      string `arg:"" name:"old.vkey" type:"existingfile" help:"The public key that signs the ledgers now."`
	New      string `arg:"" name:"new.vkey" type:"existingfile" help:"The public key that signs them from here on. The record-signer must have its private key already (--key)."`
	Operator string `name:"operator-key" default:"data/keys/operator.key" placeholder:"FILE" help:"The operator's signing key."`
}

// Run orders the rotation and waits until every ledger has followed it.
func (c *rotateKeyCommand) Run(ctx context.Context) error {
	old, err := loadVerifierKey(c.Old)
	if err != nil {
		return err
	}
	next, err := loadVerifierKey(c.New)
	if err != nil {
		return err
	}
	client, codec, err := c.connect(ctx, "")
	if err != nil {
		return err
	}
	defer client.Close()
	return rotate(ctx, client, codec, old, next, c.Operator)
}

// rotate has every ledger rotate from one verifier key to another.
func rotate(ctx context.Context, client *kafka.Client, codec *schemas.Codec, old, next, operatorFile string) error {
	operator, err := readSigner(operatorFile)
	if err != nil {
		return err
	}
	prefix, _, err := ledgers(ctx, client, codec)
	if err != nil {
		return err
	}
	done, err := obey(ctx, client, codec, &schemas.LedgerOrder{Order: schemas.OrderKindRotateKey, Ledgers: prefix, Replaces: schemas.Some(old), PublicKey: schemas.Some(next)}, operator)
	for _, f := range done {
		fmt.Printf("ledger %s: record %d is the old key's last one\n", f.Ledger, f.Sequence)
	}
	return err
}

type revokeKeyCommand struct {
	cluster   `embed:""`
	Old       string `arg:"" name:"old.vkey" type:"existingfile" help:"The public key to revoke."`
	By        string `arg:"" name:"new.key" type:"existingfile" help:"The private key that replaces it, and signs the revocation. The record-signer must have it already (--key)."`
	Out       string `arg:"" name:"revocation" help:"The file to write: hand it out to whoever verifies."`
	Reason    string `required:"" help:"Why, in one line."`
	LedgerKey string `name:"ledger-key" env:"CASETRAIL_LEDGER_KEY" default:"data/keys/ledger.vkey" placeholder:"FILE" help:"The ledgers' first public key, which you trust."`
	Operator  string `name:"operator-key" default:"data/keys/operator.key" placeholder:"FILE" help:"The operator's signing key."`
}

// Run rotates away from a key where that has not been done, and writes up to where its signatures stand. Run again, it gives
// the same.
func (c *revokeKeyCommand) Run(ctx context.Context) error {
	old, err := loadVerifierKey(c.Old)
	if err != nil {
		return err
	}
	by, err := readSigner(c.By)
	if err != nil {
		return err
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
	if slices.ContainsFunc(all, func(l keyed) bool { return !l.sealed && l.last().vkey.matches(old) }) {
		if err := rotate(ctx, client, codec, old, by.VerifierKey(), c.Operator); err != nil {
			return err
		}
		if all, err = ledgerKeys(ctx, log{client, codec}, trusted); err != nil {
			return err
		}
	}
	heads, err := ends(all, old, by.VerifierKey())
	if err != nil {
		return err
	}
	for _, h := range heads {
		fmt.Printf("ledger %s: the key's signatures stand for the first %d records\n", h.Ledger, h.Size)
	}
	text, err := by.SignRevocation(old, c.Reason, heads)
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.Out, text, 0o644); err != nil { //nolint:gosec // made to be handed out
		return err
	}
	fmt.Printf("revocation: %s (hand it out: verify --revoked takes it)\n", c.Out)
	return nil
}
