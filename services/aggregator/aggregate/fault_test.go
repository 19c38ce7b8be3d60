package aggregate

import (
	"encoding/binary"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

const start = 29_000_000 * minute

func caseAt(ms int64) record.Record {
	return record.Record{Kind: record.KindCase, Case: record.Case{CaseID: "c", CaseType: "dispute", ConcludedAt: ms, OpenedAt: ms - 5}}
}

// story is a book of ten minutes, with two cases and a checkpoint in each.
func story(t *testing.T, edit func(b *book, m int)) *book {
	b := newBook(t, 0)
	for m := range 10 {
		now := start + int64(m)*minute
		b.add(caseAt(now))
		if edit != nil {
			edit(b, m)
		}
		b.add(caseAt(now + 1))
		b.checkpoint(now + minute)
	}
	return b
}

// orders are the orders in which a book may be read that differ most.
func (b *book) orders() map[string][]stage.Record {
	return map[string][]stage.Record{
		"records first":     slices.Concat(b.bodies, b.checkpoints),
		"checkpoints first": slices.Concat(b.checkpoints, b.bodies),
	}
}

// TestSealsChangeNothing has the same cases in one ledger after another: what is published differs in the heads alone.
func TestSealsChangeNothing(t *testing.T) {
	want, err := run(t, 1, story(t, nil).orders()["records first"])
	if err != nil {
		t.Fatal(err)
	}
	sealed := story(t, func(b *book, m int) {
		if m == 2 || m == 3 || m == 7 {
			b.seal(start + int64(m)*minute)
		}
		if m == 3 {
			b.seal(start + int64(m)*minute) // of two records
		}
	})
	for order, in := range sealed.orders() {
		got, err := run(t, 1, in)
		if err != nil {
			t.Fatal(order, err)
		}
		if len(got) != len(want) {
			t.Fatalf("%s: %d outputs, want %d", order, len(got), len(want))
		}
		for i := range got {
			a, b := decode(t, got[i]), decode(t, want[i])
			for _, m := range []*schemas.MetricRecord{a, b} {
				if m != nil {
					m.Heads, m.Signature = nil, schemas.Signature{}
				}
			}
			if !reflect.DeepEqual(a, b) {
				t.Fatalf("%s: output %d differs", order, i)
			}
		}
	}
}

// decode gives a metric record; nil for anything else.
func decode(t *testing.T, r stage.Record) *schemas.MetricRecord {
	t.Helper()
	if r.Topic != pipelines.ConductMetrics {
		return nil
	}
	var m schemas.MetricRecord
	if err := codec.DecodeInto(r.Value, &m); err != nil {
		t.Fatal(err)
	}
	return &m
}

// TestForgeriesChangeNothing slips bodies in that the signer did not sign.
func TestForgeriesChangeNothing(t *testing.T) {
	want, err := run(t, 1, story(t, nil).orders()["records first"])
	if err != nil || len(want) == 0 {
		t.Fatalf("%d outputs, %v", len(want), err)
	}
	mallory := newSigner(t, 66)
	slip := func(b *book, m stage.Record) { b.bodies = append(b.bodies, m) }
	for name, edit := range map[string]func(b *book, m int){
		"before the signer's": func(b *book, m int) {
			forged, _, _ := b.sign(caseAt(start+int64(m)*minute+7), mallory)
			slip(b, forged)
		},
		"a chain of three": func(b *book, m int) {
			c := *b
			c.bodies, c.records, c.signer = nil, nil, mallory
			for range 3 {
				c.add(caseAt(start + int64(m)*minute + 7))
			}
			b.bodies = append(b.bodies, c.bodies...)
		},
		"once, in the last minute": func(b *book, m int) {
			if m == 9 {
				forged, _, _ := b.sign(caseAt(start+int64(m)*minute+7), mallory)
				slip(b, forged)
			}
		},
		"far beyond": func(b *book, m int) {
			c := *b
			c.tree = record.Frontier{}
			for range 1000 {
				c.tree.Append(c.last)
			}
			forged, _, _ := c.sign(caseAt(start), mallory)
			slip(b, forged)
		},
		"another ledger": func(b *book, m int) {
			c := *b
			c.name = prefix + "/0/2"
			forged, _, _ := c.sign(caseAt(start), b.signer)
			slip(b, forged)
		},
		"a seal and the ledger after it": func(b *book, m int) {
			c := *b
			c.bodies, c.signer = nil, mallory
			c.seal(start + int64(m)*minute)
			c.add(caseAt(start + int64(m)*minute + 7))
			b.bodies = append(b.bodies, c.bodies...)
		},
		"no record at all": func(b *book, m int) {
			junk := b.bodies[len(b.bodies)-1]
			junk.Value = append(slices.Clone(junk.Value), 0)
			slip(b, junk)
		},
		"too large": func(b *book, m int) {
			junk := b.bodies[len(b.bodies)-1]
			junk.Value = append(slices.Clone(junk.Value), make([]byte, record.MaxBody)...)
			slip(b, junk)
		},
	} {
		for order, in := range story(t, edit).orders() {
			t.Run(name+"/"+order, func(t *testing.T) {
				got, err := run(t, 1, in)
				if err != nil {
					t.Fatal(err)
				}
				same(t, got, want)
			})
		}
	}
}

// TestABrokenLedgerStops names the ledger and the sequence, whatever the order.
func TestABrokenLedgerStops(t *testing.T) {
	at := func(m int, edit func(b *book)) func(b *book, m int) {
		return func(b *book, i int) {
			if i == m {
				edit(b)
			}
		}
	}
	for name, c := range map[string]struct {
		edit func(b *book, m int)
		want string
	}{
		"two stories": {at(4, func(b *book) {
			other, _, _ := b.sign(caseAt(start+5*minute), b.signer)
			b.bodies = append(b.bodies, other)
		}), "sequence 10 field checkpoint.root: root_mismatch"},
		"two stories, one after the checkpoint": {func(b *book, m int) {
			if m == 4 {
				c := *b
				other, _, _ := c.sign(caseAt(start+5*minute), b.signer)
				b.late = append(b.late, other)
			}
			if m == 5 {
				b.bodies = append(b.bodies, b.late...)
			}
		}, "sequence 10 field sequence: equivocation"},
		"a record is missing": {at(4, func(b *book) { b.bodies = b.bodies[:len(b.bodies)-1] }), "sequence 9 field sequence: gap"},
		"the seal is missing": {at(4, func(b *book) {
			b.seal(start + 4*minute)
			b.bodies = slices.Delete(b.bodies, len(b.bodies)-2, len(b.bodies)-1)
		}), "sequence 10 field ledger: other_ledger"},
		"the next ledger does not link": {at(4, func(b *book) {
			b.seal(start + 4*minute)
			b.last, b.tree = record.Hash{1}, record.Frontier{}
			b.bodies = b.bodies[:len(b.bodies)-1]
			b.add(record.Record{Kind: record.KindGenesis, Source: record.GenesisSource})
		}), "ledger " + prefix + "/0/2 sequence 0 field previous_record_hash: broken_chain"},
		"a root over other records": {at(9, func(b *book) {
			c := *b
			c.add(caseAt(start + 20*minute))
			c.checkpoint(start + 9*minute + 60_001)
			b.checkpoints, b.heads = c.checkpoints, c.heads
		}), "sequence 20 field checkpoint.root: root_mismatch"},
		"a broken promise": {at(4, func(b *book) { b.add(caseAt(start + 3*minute)) }), "sequence 10: it is of"},
		"a checkpoint of fewer records": {at(4, func(b *book) {
			c := *b
			c.tree = record.Frontier{}
			for _, m := range c.bodies[:5] {
				c.tree.Append(record.LeafHash(m.Value[5:]))
			}
			c.checkpoint(start + 5*minute)
			b.checkpoints = c.checkpoints
		}), "sequence 8: a checkpoint covers it"},
		"an unknown key": {at(4, func(b *book) {
			c := *b
			c.signer = newSigner(t, 66)
			c.checkpoint(start + 5*minute)
			b.checkpoints = c.checkpoints
		}), "sequence 10 field checkpoint: unknown_key"},
	} {
		for order, in := range story(t, c.edit).orders() {
			t.Run(name+"/"+order, func(t *testing.T) {
				_, err := run(t, 1, in)
				if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "ledger "+prefix+"/0/") || errors.Is(err, stage.ErrReject) {
					t.Fatalf("got %v, want %q", err, c.want)
				}
			})
		}
	}
}

func TestBrokenInputsAreRejected(t *testing.T) {
	cp := func(edit func(cp *schemas.Checkpoint)) stage.Record {
		b := story(t, nil)
		edit(&b.heads[0])
		b.head(b.heads[0])
		return b.checkpoints[10]
	}
	for name, in := range map[string]stage.Record{
		"no frame":           {Topic: pipelines.ConductRecords, Value: []byte("{}")},
		"another message":    {Topic: pipelines.ConductRecords, Value: story(t, nil).checkpoints[0].Value},
		"unknown schema":     {Topic: pipelines.ConductRecords, Value: binary.BigEndian.AppendUint32([]byte{0}, 99)},
		"no checkpoint":      {Topic: pipelines.ConductCheckpoints, Value: story(t, nil).bodies[0].Value},
		"other topic":        {Topic: "other"},
		"no such partition":  {Topic: pipelines.ConductRecords, Partition: 1},
		"negative partition": {Topic: pipelines.ConductRecords, Partition: -1},
		"other partition":    cp(func(cp *schemas.Checkpoint) { cp.Partition = 1 }),
		"other size":         cp(func(cp *schemas.Checkpoint) { cp.Size++ }),
		"other root":         cp(func(cp *schemas.Checkpoint) { cp.Root[0]++ }),
		"no note":            cp(func(cp *schemas.Checkpoint) { cp.Note = "" }),
		"bad signature":      cp(func(cp *schemas.Checkpoint) { cp.Note = strings.Replace(cp.Note, "\n3\n", "\n4\n", 1) }),
		"other ledger": cp(func(cp *schemas.Checkpoint) {
			n, _ := newSigner(t, 1).SignCheckpoint(prefix+"/1/1", cp.Size, record.Hash(cp.Root))
			cp.Ledger, cp.Note = prefix+"/1/1", string(n.Note)
		}),
	} {
		t.Run(name, func(t *testing.T) {
			h := newHandler(t, 1)
			if _, err := h.Handle(in); !errors.Is(err, stage.ErrReject) {
				t.Fatalf("got %v", err)
			}
			want, _ := run(t, 1, story(t, nil).orders()["records first"])
			var got []stage.Record
			for _, in := range story(t, nil).orders()["records first"] {
				out, err := h.Handle(in)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, out...)
			}
			same(t, got, want)
		})
	}
}

// TestKeysRotate follows a rotation, and takes nothing from the old key after it.
func TestKeysRotate(t *testing.T) {
	next := newSigner(t, 2)
	rotate := func(b *book, m int) {
		if m == 3 {
			b.add(record.Record{Kind: record.KindKeyRotation, Rotation: record.Rotation{PublicKey: next.VerifierKey(), FromSequence: b.tree.Size() + 1}})
			b.signer = next
		}
	}
	for order, in := range story(t, rotate).orders() {
		if out, err := run(t, 1, in); err != nil || len(out) == 0 {
			t.Errorf("%s: %d outputs, %v", order, len(out), err)
		}
	}
	stolen := func(b *book, m int) {
		rotate(b, m)
		if m == 6 {
			b.signer = newSigner(t, 1)
		}
	}
	for order, in := range story(t, stolen).orders() {
		if _, err := run(t, 1, in); err == nil || !strings.Contains(err.Error(), prefix) {
			t.Errorf("%s: %v", order, err)
		}
	}
}
