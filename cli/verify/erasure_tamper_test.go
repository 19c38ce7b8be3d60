package verify

import (
	"slices"
	"testing"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/pipelines/stage/memory"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
	orders "github.com/casetrail/casetrail/services/intake/order"
	"github.com/casetrail/casetrail/services/record-signer/sign"
)

// erase publishes an order to erase to every partition, as casetrail erase does.
func (w *world) erase(n byte) {
	o := &schemas.LedgerOrder{Order: schemas.OrderKindErase, Ledgers: prefixName, Erase: schemas.Some(schemas.ErasureOrder{
		Erasure: schemas.Erasure{CaseIDsSHA256: schemas.Hash{n}, ErasedAt: t0 + int64(n)}, CustomerKeyVersion: 1})}
	check(w.t, orders.Sign(o, w.operator))
	for p := range int32(partitions) {
		w.Append(stage.Record{Topic: pipelines.ChatEvents, Partition: partitions - 1 - p, Value: codec.Append(nil, pipelines.ChatEvents, o)})
	}
}

func erases(m schemas.Message) bool {
	o, ok := m.(*schemas.LedgerOrder)
	return ok && o.Erase.Set
}

// second is the order that was given after the first and before that was played again.
func second(m schemas.Message) bool {
	return erases(m) && m.(*schemas.LedgerOrder).Erase.Value.Erasure.ErasedAt == t0+2
}

// signWithout has the signer leave orders to erase out, as if the router had said none.
func (w *world) signWithout() {
	other := memory.New(partitions, pipelines.ConductManifest)
	for p := range int32(partitions) {
		for _, r := range w.Records(pipelines.CaseConclusions, p) {
			if !erases(must1(codec.Decode(r.Value))) {
				other.Append(r)
			}
		}
		s, err := memory.Start(other, sign.Definition(codec, sign.Keys{w.key}, prefixName, noStore{}), p)
		check(w.t, err)
		check(w.t, s.Drain(100))
	}
	signed := func(topic string) bool {
		return topic == pipelines.ConductRecords || topic == pipelines.ConductCheckpoints
	}
	w.hides = func(r stage.Record) bool {
		return signed(r.Topic) && r.Offset >= int64(len(other.Records(r.Topic, r.Partition)))
	}
	w.alters = func(r *stage.Record) {
		if signed(r.Topic) {
			r.Value = other.Records(r.Topic, r.Partition)[r.Offset].Value
		}
	}
}

func TestTamperedErasures(t *testing.T) {
	digest := func(r *record.Record) bool {
		if r.Kind != record.KindErasure {
			return false
		}
		r.Erasure.CaseIDsSHA256[5] ^= 1
		return true
	}
	for _, c := range []struct {
		name   string
		tamper func(*world)
		says   []string
	}{
		{"nothing, though an order was played again", func(*world) {}, nil},
		{"a record without an order", func(w *world) { w.hide(w.find(pipelines.CaseConclusions, second)) }, []string{"I1", "where the router said nothing"}},
		{"a record without an order from outside", func(w *world) { w.hide(w.find(pipelines.CaseEvents, second)) }, []string{"I1", "case.conclusions/", "order"}},
		{"an order without a record", func(w *world) { w.signWithout() }, []string{"I1", "the order erase of", "is not in the ledger"}},
		{"an order that nobody gave", func(w *world) {
			r := w.later(w.find(pipelines.CaseConclusions, erases))
			var o schemas.LedgerOrder
			check(w.t, codec.DecodeInto(r.Value, &o))
			o.Erase.Value.Erasure.ErasedAt = t0 + 9
			w.add(r, &o)
		}, []string{"I1", "case.conclusions/", "calls for"}},
		{"a record of another erasure", func(w *world) { w.lie(digest) }, []string{"I1", "the order was"}},
		{"a record of an order that was played again", func(w *world) {
			w.lie(func(r *record.Record) bool {
				if r.Kind != record.KindErasure || r.Erasure.ErasedAt == t0+1 {
					return false
				}
				r.Erasure = record.Erasure{CaseIDsSHA256: record.Hash{1}, ErasedAt: t0 + 1}
				return true
			})
		}, []string{"I2", "an order was followed that somebody had played again"}},
		{"a checkpoint that knows of no erasure", func(w *world) {
			alter(w, w.find(pipelines.ConductCheckpoints, any1), func(m *schemas.Checkpoint) { m.ErasedAt = 0 })
		}, []string{"I2", "it says that the last erasure in the first"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, 11)
			w.random(200)
			w.erase(1)
			w.erase(2)
			w.erase(1)
			w.put(&schemas.ChatEvent{EventID: "after", CaseID: "after", Kind: schemas.EventKindMessage, OccurredAt: t0 + 1000*minute, Text: schemas.Some(texts[0])}, "after")
			w.clock(1100 * minute)
			w.clock(2000 * minute)
			w.flow()
			if n := len(slices.DeleteFunc(slices.Clone(w.Records(pipelines.ChatRejects, 0)), func(r stage.Record) bool {
				return must1(codec.Decode(r.Value)).(*schemas.ChatReject).Reason != "order_refused"
			})); n != 1 {
				t.Errorf("%d orders are refused, want the one that was played again", n)
			}
			c.tamper(w)
			expect(t, w.verify(), c.says)
		})
	}
}
