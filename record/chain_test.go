package record

import (
	"bytes"
	"errors"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

func wantFault(t *testing.T, err error, r Reason, field string, sequence int64) {
	t.Helper()
	f, ok := err.(*Fault)
	if !ok || f.Reason != r || f.Field != field || f.Sequence != sequence || f.Ledger != testLedger {
		t.Fatalf("got %v, want %v of %s in %s, sequence %d", err, r, field, testLedger, sequence)
	}
}

func TestChainRefuses(t *testing.T) {
	b := plain(t, 3)
	other := testSigner(t, "casetrail-test", 2)
	for _, c := range []struct {
		name     string
		field    string
		reason   Reason
		sequence int64
		body     func() []byte
	}{
		{"other ledger", "ledger", OtherLedger, 4, func() []byte { r := b.next(someCase("x")); r.Ledger = "casetrail/test/1/1"; return b.sign(r) }},
		{"the last one again", "sequence", Duplicate, 3, func() []byte { return b.bodies[3] }},
		{"the first one again", "sequence", Duplicate, 0, func() []byte { return b.bodies[0] }},
		{"a gap", "sequence", Gap, 4, func() []byte { r := b.next(someCase("x")); r.Sequence++; return b.sign(r) }},
		{"another previous hash", "previous_record_hash", BrokenChain, 4, func() []byte { r := b.next(someCase("x")); r.PreviousHash[31] ^= 1; return b.sign(r) }},
		{"a second genesis record", "kind", WrongKind, 4, func() []byte { return b.sign(b.next(Record{Kind: KindGenesis})) }},
		{"the source of the last one", "source", SourceNotAbove, 4, func() []byte { r := b.next(someCase("x")); r.Source = b.chain.Source(); return b.sign(r) }},
		{"a source before it", "source", SourceNotAbove, 4, func() []byte { r := b.next(someCase("x")); r.Source.Offset = 1; return b.sign(r) }},
		{"another key of the same name", "key_id", UnknownKey, 4, func() []byte {
			r := b.next(someCase("x"))
			body, _ := other.SignPayload(nil, r.Append(nil))
			return body
		}},
		{"a signature of something else", "signature", BadSignature, 4, func() []byte {
			body := b.sign(b.next(someCase("x")))
			return append(body[:len(body)-64:len(body)-64], b.bodies[1][len(b.bodies[1])-64:]...)
		}},
		{"a second history", "sequence", Equivocation, 2, func() []byte { s, _ := Decode(b.bodies[2]); s.Case.CaseID = "x"; return b.sign(s.Record) }},
		{"a second history that nobody signed", "signature", BadSignature, 4, func() []byte { x := bytes.Clone(b.bodies[2]); x[len(x)-1] ^= 1; return x }},
		{"no record", "body", Malformed, 4, func() []byte { return []byte("hello") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, root := b.chain.Skipped(c.reason), b.chain.Root()
			_, err := b.chain.Accept(c.body())
			wantFault(t, err, c.reason, c.field, c.sequence)
			if b.chain.Skipped(c.reason) != before+1 || b.chain.Root() != root || b.chain.Size() != 4 {
				t.Error("a refused body changed the chain, or was not counted")
			}
		})
	}
	if _, err := b.reader().Accept(b.sign(Record{Ledger: testLedger, Kind: KindPolicy})); err.(*Fault).Reason != WrongKind {
		t.Errorf("a ledger without a genesis record: %v", err)
	}
	b.add(Record{Kind: KindSeal})
	_, err := b.chain.Accept(b.sign(b.next(someCase("x"))))
	wantFault(t, err, WrongKind, "kind", 5)
}

// A record from long ago can't be told from a second history, so it is neither.
func TestStale(t *testing.T) {
	b := plain(t, remembered+5)
	_, err := b.chain.Accept(b.bodies[3])
	wantFault(t, err, Stale, "sequence", 3)
	_, err = b.chain.Accept(b.bodies[6])
	wantFault(t, err, Duplicate, "sequence", 6)
}

func TestRotation(t *testing.T) {
	b := plain(t, 2)
	old, next := b.signer, testSigner(t, "casetrail-next", 2)
	rotation := func(key string, from int64) []byte {
		return b.sign(b.next(Record{Kind: KindKeyRotation, Rotation: Rotation{key, from}}))
	}
	_, err := b.chain.Accept(rotation("nonsense", 4))
	wantFault(t, err, BadRotation, "rotation.public_key", 3)
	_, err = b.chain.Accept(rotation(next.VerifierKey(), 3))
	wantFault(t, err, BadRotation, "rotation.from_sequence", 3)

	before := b.chain.Snapshot()
	b.add(Record{Kind: KindKeyRotation, Rotation: Rotation{next.VerifierKey(), 4}})
	if _, err := b.chain.Verify(b.mark()); err != nil { // the old key speaks for what it signed
		t.Fatal(err)
	}
	resumed, err := ResumeChain(Checkpoint{Ledger: testLedger, Size: 4, Root: b.chain.Root()}, b.chain.tree.Roots(), b.bodies[3], old.Verifier())
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.chain.Accept(b.sign(b.next(someCase("by the old key"))))
	wantFault(t, err, UnknownKey, "key_id", 4)
	b.signer = next
	b.add(someCase("by the new key"))
	if _, err := resumed.Accept(b.bodies[4]); err != nil {
		t.Error(err)
	}
	if _, err := b.chain.Verify(b.mark()); err != nil {
		t.Error(err)
	}
	b.signer = old
	_, err = b.chain.Verify(b.mark())
	wantFault(t, err, UnknownKey, "checkpoint", 5)

	// Without signatures too a rotation is verified: else whoever can write a record could choose the key of the
	// checkpoint that is to vouch for it.
	b.chain.Restore(before)
	b.signer = testSigner(t, "casetrail-test", 3)
	_, err = b.chain.AcceptUnverified(b.sign(b.next(Record{Kind: KindKeyRotation, Rotation: Rotation{b.signer.VerifierKey(), 4}})))
	wantFault(t, err, UnknownKey, "key_id", 3)
}

// An inline reader takes a forged record in, is told so by the checkpoint, and comes clean from its snapshot.
func TestUnverifiedThenFolded(t *testing.T) {
	b := plain(t, 20)
	cp := b.mark()
	forged := bytes.Clone(b.bodies[20])
	forged[len(forged)-1] ^= 1
	c := b.reader()
	for _, body := range b.bodies[:10] {
		if _, err := c.AcceptUnverified(body); err != nil {
			t.Fatal(err)
		}
	}
	start, later := c.Snapshot(), append(append([][]byte{}, b.bodies[10:20]...), forged, b.bodies[20])
	for _, body := range later {
		_, _ = c.AcceptUnverified(body)
	}
	// The forged record was not verified, so the true one after it proves nothing against the signer.
	if c.Skipped(Contested) != 1 || c.Skipped(Equivocation) != 0 {
		t.Error("the true record was not refused as contested")
	}
	_, err := c.Verify(cp)
	wantFault(t, err, RootMismatch, "checkpoint.root", 20)
	c.Restore(start)
	for _, body := range later {
		_, err := c.Accept(body)
		if (err != nil) != bytes.Equal(body, forged) {
			t.Fatal(err)
		}
	}
	if _, err := c.Verify(cp); err != nil {
		t.Fatal(err)
	}
	s, _ := Decode(b.bodies[20])
	s.Case.CaseID = "another"
	_, err = c.Accept(b.sign(s.Record))
	wantFault(t, err, Equivocation, "sequence", 20)
	if c.Skipped(BadSignature) != 1 {
		t.Errorf("%d bad signatures, want 1", c.Skipped(BadSignature))
	}
}

// From every size a chain goes on after a checkpoint as if it had seen everything.
func TestResume(t *testing.T) {
	whole := plain(t, 40)
	c := whole.reader()
	for n, body := range whole.bodies {
		if _, err := c.Accept(body); err != nil {
			t.Fatal(err)
		}
		cp, f := Checkpoint{Ledger: testLedger, Size: c.Size(), Root: c.Root()}, c.Frontier()
		r, err := ResumeChain(cp, f.Roots(), body, whole.signer.Verifier())
		if err != nil {
			t.Fatal(err)
		}
		for _, later := range whole.bodies[n+1:] {
			if _, err := r.Accept(later); err != nil {
				t.Fatal(err)
			}
		}
		if r.Root() != whole.chain.Root() || r.Size() != whole.chain.Size() {
			t.Fatalf("resumed at %d: another root", n+1)
		}
	}
	cp, f := Checkpoint{Ledger: testLedger, Size: 41, Root: c.Root()}, c.Frontier()
	last, key := whole.bodies[40], whole.signer.Verifier()
	forged := whole.sign(Record{Ledger: testLedger, Sequence: 40, Kind: KindPolicy, Source: Source{0, 999, 0}})
	for name, c := range map[string]struct {
		cp    Checkpoint
		roots []Hash
		last  []byte
		key   note.Verifier
		want  Reason
	}{
		"another root":               {Checkpoint{Ledger: testLedger, Size: 41}, f.Roots(), last, key, RootMismatch},
		"too few subtrees":           {cp, f.Roots()[1:], last, key, Malformed},
		"not its last record":        {cp, f.Roots(), whole.bodies[39], key, Gap},
		"a record it does not cover": {cp, f.Roots(), forged, key, RootMismatch},
		"another key":                {cp, f.Roots(), last, testSigner(t, "x", 9).Verifier(), UnknownKey},
		"no record":                  {cp, f.Roots(), nil, key, Malformed},
	} {
		_, err := ResumeChain(c.cp, c.roots, c.last, c.key)
		if got := (*Fault)(nil); !errors.As(err, &got) || got.Reason != c.want {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}
