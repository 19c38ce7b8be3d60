package sign

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// errVoid is wrapped by the refusal of an order that this ledger can't follow.
var errVoid = errors.New("order_refused")

// order says which kind of record an order makes, and fills it. Intake has judged the operator's signature. All errors are
// the order's.
func (s *Signer) order(o *schemas.LedgerOrder) (record.Kind, error) {
	void := func(format string, a ...any) (record.Kind, error) {
		return 0, fmt.Errorf("ledger %s does not follow the order %v: "+format+": %w", append(append([]any{s.chain.Ledger(), o.Order}, a...), errVoid)...)
	}
	if o.Ledgers != s.prefix {
		return void("it is for the ledgers of %s", o.Ledgers)
	}
	after := record.Source(s.in.Position).After(s.chain.Source()) // else it was followed already
	switch o.Order {
	case schemas.OrderKindRotateKey:
		if !after {
			return record.KindKeyRotation, nil
		}
		now := s.chain.Key(s.chain.Size())
		if v, err := note.NewVerifier(o.Replaces.Value); err != nil || v.KeyHash() != now.KeyHash() || v.Name() != now.Name() {
			return void("it replaces key %.300q, and key %s, %08x, signs here", o.Replaces.Value, now.Name(), now.KeyHash())
		}
		s.rec.Rotation.PublicKey = o.PublicKey.Value
		return record.KindKeyRotation, nil
	case schemas.OrderKindSeal:
		if after && o.Generation.Value != of(s.chain).generation {
			return void("it seals generation %d", o.Generation.Value)
		}
		return record.KindSeal, nil
	case schemas.OrderKindErase:
		e := &o.Erase.Value.Erasure
		if after && e.ErasedAt <= s.erased && !inject.ErasurePlayedAgain.Is() {
			return void("customers were erased at %d, and it has an erasure of %d already", e.ErasedAt, s.erased)
		}
		s.rec.Erasure = record.Erasure{CaseIDsSHA256: record.Hash(e.CaseIDsSHA256), ErasedAt: e.ErasedAt}
		return record.KindErasure, nil
	}
	return void("there is no such order yet")
}
