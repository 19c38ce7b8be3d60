// Package order is how an operator's word gets into the ledgers: who signs what, and how that is judged.
package order

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// ErrOrder is wrapped by every fault of an order.
var ErrOrder = errors.New("order")

// maxKey bounds a verifier key's text.
const maxKey = 512

// Sign checks an order and puts the operator's signed note (C2SP signed-note) on it.
func Sign(o *schemas.LedgerOrder, key note.Signer) error {
	if err := check(o); err != nil {
		return err
	}
	signed, err := note.Sign(&note.Note{Text: statement(o)}, key)
	if err != nil {
		return fmt.Errorf("sign the order %v: %w", o.Order, err)
	}
	o.Note = string(signed)
	return nil
}

// Verify checks that an order is whole, possible and signed by the operator's key. Whether a ledger can follow it is for
// the ledger to say. Errors wrap ErrOrder.
func Verify(o *schemas.LedgerOrder, key note.Verifier) error {
	if err := check(o); err != nil {
		return err
	}
	n, err := note.Open([]byte(o.Note), note.VerifierList(key))
	if err != nil {
		return fmt.Errorf("%w %v: not signed by %s; sign it with the operator's key: %w", ErrOrder, o.Order, key.Name(), err)
	}
	if n.Text != statement(o) {
		return fmt.Errorf("%w %v: the signature is over another order", ErrOrder, o.Order)
	}
	return nil
}

// check judges an order by itself.
func check(o *schemas.LedgerOrder) error {
	bad := func(format string, a ...any) error {
		return fmt.Errorf("%w %v: "+format, append([]any{ErrOrder, o.Order}, a...)...)
	}
	if err := record.CheckLedger(o.Ledgers); err != nil {
		return bad("ledgers: %w", err)
	}
	rotates, seals, erases := o.Order == schemas.OrderKindRotateKey, o.Order == schemas.OrderKindSeal, o.Order == schemas.OrderKindErase
	switch {
	case o.Replaces.Set != rotates || o.PublicKey.Set != rotates:
		return bad("replaces and public_key belong to rotate_key, and to nothing else")
	case o.Generation.Set != seals:
		return bad("generation belongs to seal, and to nothing else")
	case o.Erase.Set != erases:
		return bad("erase belongs to erase, and to nothing else")
	case rotates:
		for _, k := range []string{o.Replaces.Value, o.PublicKey.Value} {
			if len(k) > maxKey {
				return bad("a key of %d bytes; at most %d", len(k), maxKey)
			}
			if _, err := note.NewVerifier(k); err != nil || strings.ContainsAny(k, "\r\n") { // base64 would overlook these
				return bad("%q is no verifier key, name+hash+base64: %w", k, err)
			}
		}
		if o.Replaces == o.PublicKey {
			return bad("a key does not replace itself")
		}
		return nil
	case seals:
		if o.Generation.Value < 1 {
			return bad("generation %d; the first is 1", o.Generation.Value)
		}
		return nil
	case erases:
		if e := &o.Erase.Value; e.CustomerKeyVersion < 1 || e.Erasure.ErasedAt < 1 {
			return bad("version %d of the customer key, erased at %d: both are at least 1", e.CustomerKeyVersion, e.Erasure.ErasedAt)
		}
		return nil
	}
	return bad("there is no such order yet")
}

// statement is what the operator signs: all that the order says.
func statement(o *schemas.LedgerOrder) string {
	var b strings.Builder
	line := func(name string, value any) { fmt.Fprintf(&b, "%s %v\n", name, value) }
	b.WriteString("casetrail order\n")
	line("order", o.Order)
	line("ledgers", o.Ledgers)
	if o.Replaces.Set {
		line("replaces", o.Replaces.Value)
	}
	if o.PublicKey.Set {
		line("public_key", o.PublicKey.Value)
	}
	if o.Generation.Set {
		line("generation", o.Generation.Value)
	}
	if e := &o.Erase.Value; o.Erase.Set {
		line("case_ids_sha256", hex.EncodeToString(e.Erasure.CaseIDsSHA256[:]))
		line("erased_at", e.Erasure.ErasedAt)
		line("customer_key_version", e.CustomerKeyVersion)
		line("customer_key_sha256", hex.EncodeToString(e.CustomerKeySHA256[:]))
	}
	return b.String()
}
