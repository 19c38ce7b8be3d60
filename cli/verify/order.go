package verify

import (
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// void tells whether a message is an order that a generation could not follow where its record would have had this sequence:
// it makes no record.
func (l *ledger) void(c *record.Chain, m schemas.Message, sequence int64) bool {
	o, ok := m.(*schemas.LedgerOrder)
	if !ok {
		return false
	}
	if o.Ledgers != record.Deployment(c.Ledger()) || sequence == c.Size() && c.Sealed() {
		return true
	}
	switch o.Order {
	case schemas.OrderKindRotateKey:
		key := c.Key(sequence)
		replaces, err := note.NewVerifier(o.Replaces.Value)
		return err != nil || replaces.KeyHash() != key.KeyHash() || replaces.Name() != key.Name()
	case schemas.OrderKindSeal:
		return record.LedgerName(o.Ledgers, l.partition, o.Generation.Value) != c.Ledger()
	case schemas.OrderKindErase:
		return o.Erase.Value.Erasure.ErasedAt <= l.erased
	}
	return true
}

// follows tells whether a record is what an order makes.
func (l *ledger) follows(o *schemas.LedgerOrder, s *record.Signed) error {
	want := map[schemas.OrderKind]record.Kind{schemas.OrderKindRotateKey: record.KindKeyRotation, schemas.OrderKindSeal: record.KindSeal,
		schemas.OrderKindErase: record.KindErasure}
	switch kind, ok := want[o.Order]; {
	case !ok || kind != s.Kind:
		return fmt.Errorf("is a %v, where the router said %s", s.Kind, about(o))
	case l.void(l.judges(s.Ledger), o, s.Sequence):
		return fmt.Errorf("follows %s, which is not for it", about(o))
	case s.Kind == record.KindKeyRotation && s.Rotation.PublicKey != o.PublicKey.Value:
		return fmt.Errorf("names key %.300s, the order was %.300s", s.Rotation.PublicKey, o.PublicKey.Value)
	case s.Kind == record.KindErasure && s.Erasure != (record.Erasure{CaseIDsSHA256: record.Hash(o.Erase.Value.Erasure.CaseIDsSHA256), ErasedAt: o.Erase.Value.Erasure.ErasedAt}):
		return fmt.Errorf("says %x, erased at %d; the order was %x, at %d", s.Erasure.CaseIDsSHA256, s.Erasure.ErasedAt, o.Erase.Value.Erasure.CaseIDsSHA256, o.Erase.Value.Erasure.ErasedAt)
	}
	return nil
}
