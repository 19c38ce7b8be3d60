package record

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

var (
	tampered = flag.Int("tampered", 3, "how many records to flip every byte of; the headline is 1000")
	splits   = flag.Int("splits", 200, "how many split views to make; the headline is 1000")
)

// history is a ledger with its tree.
type history struct {
	*builder
	tree Tree
}

// fork makes a second history that is the same up to a size, and signed as validly.
func fork(t testing.TB, b *builder, at, size int) *history {
	h := &history{builder: newBuilder(t)}
	for i := range size {
		if i < at {
			h.bodies = append(h.bodies, b.bodies[i])
			if _, err := h.chain.Accept(b.bodies[i]); err != nil {
				t.Fatal(err)
			}
		} else {
			h.add(someCase("another"))
		}
		if err := h.tree.Append(LeafHash(h.bodies[i])); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// head is an opened checkpoint of a size.
func (h *history) head(size int) Checkpoint {
	root, err := h.tree.Root(int64(size))
	if err != nil {
		h.t.Fatal(err)
	}
	cp, err := h.signer.SignCheckpoint(testLedger, int64(size), root)
	if err == nil {
		cp, err = OpenCheckpoint(cp.Note, h.signer.Verifier())
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return cp
}

// A signer that shows two histories is caught: by two heads of one size alone, by heads of two sizes and whatever
// consistency proof it gives, and by either history's records and the other's head. Where the heads are of one history
// nothing is said. Without the comparison of two roots nobody would notice: a proof between heads of one size has nothing to prove.
func TestSplitView(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 14))
	honest := plain(t, 40)
	for range *splits {
		size := 2 + r.IntN(39)
		at := 1 + r.IntN(size-1)
		a, b := fork(t, honest, size, size), fork(t, honest, at, size)
		f, ok := CheckConsistency(a.head(size), b.head(size), nil).(*Fault)
		if !ok || f.Reason != Equivocation || f.Field != "checkpoint.root" || f.Ledger != testLedger || f.Sequence != int64(size-1) {
			t.Fatalf("two heads of size %d, apart from %d on: %v", size, at, f)
		}
		older := 1 + r.IntN(size)
		for _, liar := range []*history{a, b} {
			proof, err := liar.tree.Consistency(int64(older), int64(size))
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range []*history{a, b} {
				got := CheckConsistency(x.head(older), liar.head(size), proof)
				if same := x == liar || older <= at; same != (got == nil) {
					t.Fatalf("heads %d and %d, apart from %d on, one history: %t: %v", older, size, at, same, got)
				}
			}
		}
		var file bytes.Buffer
		w, err := NewExportWriter(&file, testLedger, "")
		if err != nil {
			t.Fatal(err)
		}
		for i, body := range a.bodies {
			if err := w.Record(int64(i), body); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		_, _, err = VerifyExport(bytes.NewReader(file.Bytes()), a.signer.Verifier(), nil, a.head(older).Note, b.head(older).Note)
		if f, ok := err.(*Fault); older > at != (ok && f.Reason == RootMismatch && f.Sequence == int64(older-1)) || older <= at && err != nil {
			t.Fatalf("records of one history, a head of the other at %d, apart from %d on: %v", older, at, err)
		}
	}
}

// A head of no records has one root, too.
func TestSplitViewOfNothing(t *testing.T) {
	b := fork(t, plain(t, 3), 3, 3)
	if err := CheckConsistency(Checkpoint{Ledger: testLedger, Root: (&Frontier{}).Root()}, b.head(3), nil); err != nil {
		t.Error(err)
	}
	if CheckConsistency(Checkpoint{Ledger: testLedger, Root: tlog.Hash{1}}, b.head(3), nil) == nil {
		t.Error("a head of nothing with a root of something is consistent")
	}
}

// Every byte of many records flipped; each record dropped, swapped with the next one, and cut: refused at that record.
func TestTampered(t *testing.T) {
	b := plain(t, *tampered)
	key := b.signer.Verifier()
	read := func(start Snapshot, bodies ...[]byte) *Fault {
		c, _ := NewChain(testLedger, key)
		c.Restore(start)
		for _, body := range bodies {
			if _, err := c.Accept(body); err != nil {
				return err.(*Fault)
			}
		}
		return nil
	}
	c := b.reader()
	for n, body := range b.bodies {
		named := func(what string, f *Fault) {
			if f == nil || f.Ledger != testLedger || f.Field == "" || f.Sequence != int64(n) {
				t.Fatalf("record %d, %s: %v", n, what, f)
			}
		}
		start := c.Snapshot()
		for at := range body {
			bad := bytes.Clone(body)
			bad[at] ^= 1 << (at % 8)
			f := read(start, bad)
			if f != nil && f.Sequence < int64(n) && f.Reason != Duplicate { // it says that it is an earlier one
				f.Sequence = int64(n)
			}
			named("a byte flipped", f)
		}
		named("cut", read(start, body[:len(body)-1]))
		if n+1 < len(b.bodies) {
			next := b.bodies[n+1]
			named("dropped", read(start, next))
			named("swapped", read(start, next, body))
		}
		other, _ := NewChain("casetrail/other/0/1", key)
		if _, err := other.Accept(body); err == nil || err.(*Fault).Reason != OtherLedger {
			t.Fatalf("record %d in another environment's ledger: %v", n, err)
		}
		wrong, _ := NewChain(testLedger, testSigner(t, "casetrail-test", 7).Verifier())
		wrong.Restore(start)
		wrong.keys = slices.Clone(wrong.keys)
		wrong.keys[0].Verifier = testSigner(t, "casetrail-test", 7).Verifier()
		if _, err := wrong.Accept(body); err == nil || err.(*Fault).Reason != UnknownKey {
			t.Fatalf("record %d under another key: %v", n, err)
		}
		if _, err := c.Accept(body); err != nil {
			t.Fatal(err)
		}
	}
}
