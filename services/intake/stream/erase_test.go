package stream

import (
	"errors"
	"testing"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/intake/customers"
	"github.com/casetrail/casetrail/services/intake/order"
)

// held is a customer key that somebody has put in the place of the last one, or not yet.
type held struct{ *customers.Key }

func (w *world) erasure(left *customers.Key) stage.Record {
	o := &schemas.LedgerOrder{Order: schemas.OrderKindErase, Ledgers: "casetrail/test", Erase: schemas.Some(schemas.ErasureOrder{
		Erasure: schemas.Erasure{ErasedAt: t0}, CustomerKeyVersion: left.Version(), CustomerKeySHA256: left.Sum()})}
	if err := order.Sign(o, w.signer); err != nil {
		w.t.Fatal(err)
	}
	return stage.Record{Topic: pipelines.ChatEvents, Value: codec.Append(nil, pipelines.ChatEvents, o)}
}

// Every intake sees the order, stops if its key still knows the customer, and one of them tells the ledgers.
func TestAnOrderToErase(t *testing.T) {
	w := newWorld(t)
	left := customerKey.Erase("anna")
	in := w.erasure(left)
	for partition := range int32(3) {
		h := &Handler{Options: w.opt, partition: partition, sources: 3, targets: 4}
		if _, err := h.Handle(in); err == nil || errors.Is(err, stage.ErrReject) {
			t.Errorf("partition %d goes on with the old key, or sends the order back: %v", partition, err)
		}
		h.Customers = held{left}
		out, err := h.Handle(in)
		want := 0
		if partition == 0 {
			want = 4
		}
		if err != nil || len(out) != want {
			t.Errorf("partition %d passes on %d, want %d: %v", partition, len(out), want, err)
		}
	}
}
