package order

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"

	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

func key(t *testing.T, name string, seed byte) *record.Signer {
	t.Helper()
	k, err := record.NewSigner(name, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func rotation(t *testing.T) *schemas.LedgerOrder {
	return &schemas.LedgerOrder{Order: schemas.OrderKindRotateKey, Ledgers: "casetrail/test",
		Replaces: schemas.Some(key(t, "ledger", 1).VerifierKey()), PublicKey: schemas.Some(key(t, "ledger", 2).VerifierKey())}
}

func seal() *schemas.LedgerOrder {
	return &schemas.LedgerOrder{Order: schemas.OrderKindSeal, Ledgers: "casetrail/test", Generation: schemas.Some(int32(1))}
}

func erasure() *schemas.LedgerOrder {
	return &schemas.LedgerOrder{Order: schemas.OrderKindErase, Ledgers: "casetrail/test", Erase: schemas.Some(schemas.ErasureOrder{
		Erasure: schemas.Erasure{CaseIDsSHA256: schemas.Hash{1}, ErasedAt: 1_700_000_000_000}, CustomerKeyVersion: 1, CustomerKeySHA256: schemas.Hash{2}})}
}

func TestWhatTheOperatorSignedIsTakenAndNothingElse(t *testing.T) {
	operator := key(t, "operator", 9)
	for _, make := range []func() *schemas.LedgerOrder{func() *schemas.LedgerOrder { return rotation(t) }, seal, erasure} {
		o := make()
		if err := Sign(o, operator); err != nil {
			t.Fatal(err)
		}
		if err := Verify(o, operator.Verifier()); err != nil {
			t.Error(err)
		}
		if err := Verify(o, key(t, "operator", 8).Verifier()); !errors.Is(err, ErrOrder) || !strings.Contains(err.Error(), "not signed by operator") {
			t.Errorf("another operator: %v", err)
		}
		for name, change := range map[string]func(){
			"ledgers":    func() { o.Ledgers = "casetrail/other" },
			"public_key": func() { o.PublicKey = schemas.Some(key(t, "thief", 3).VerifierKey()) },
			"replaces":   func() { o.Replaces = schemas.Some(key(t, "thief", 3).VerifierKey()) },
			"generation": func() { o.Generation = schemas.Some(int32(2)) },
			"order":      func() { o.Order = (o.Order + 1) % 3 },
			"erase":      func() { o.Erase = schemas.Some(schemas.ErasureOrder{}) },
			"digest":     func() { o.Erase.Set, o.Erase.Value.Erasure.CaseIDsSHA256 = true, schemas.Hash{9} },
			"erased_at":  func() { o.Erase.Set, o.Erase.Value.Erasure.ErasedAt = true, 9 },
			"version":    func() { o.Erase.Set, o.Erase.Value.CustomerKeyVersion = true, 9 },
			"key":        func() { o.Erase.Set, o.Erase.Value.CustomerKeySHA256 = true, schemas.Hash{9} },
		} {
			signed := *o
			if change(); Verify(o, operator.Verifier()) == nil {
				t.Errorf("%v: %s was changed, and it is taken", signed.Order, name)
			}
			*o = signed
		}
	}
}

func TestOrdersThatNobodyCanFollowAreRefused(t *testing.T) {
	for want, edit := range map[string]func(o, s *schemas.LedgerOrder){
		"does not replace itself":    func(o, _ *schemas.LedgerOrder) { o.PublicKey = o.Replaces },
		"is no verifier key":         func(o, _ *schemas.LedgerOrder) { o.PublicKey.Value = "casetrail" },
		"at most 512":                func(o, _ *schemas.LedgerOrder) { o.PublicKey.Value = strings.Repeat("x", 600) },
		"belong to rotate_key":       func(o, _ *schemas.LedgerOrder) { o.Replaces.Set = false },
		"generation belongs to seal": func(_, s *schemas.LedgerOrder) { s.Generation.Set = false },
		"the first is 1":             func(_, s *schemas.LedgerOrder) { s.Generation.Value = 0 },
		"ledgers":                    func(o, _ *schemas.LedgerOrder) { o.Ledgers = "two words" },
	} {
		o, s := rotation(t), seal()
		edit(o, s)
		operator := key(t, "operator", 9)
		err := errors.Join(Sign(o, operator), Sign(s, operator))
		if !errors.Is(err, ErrOrder) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to say %q", err, want)
		}
	}
}
