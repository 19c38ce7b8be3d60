package record

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

// rotatedLedger is one whose key was replaced after so many cases, and went on.
func rotatedLedger(t *testing.T) (b *builder, old, by *Signer, end Head) {
	t.Helper()
	b, old, by = plain(t, 5), testSigner(t, "casetrail-test", 1), testSigner(t, "casetrail-test-2", 2)
	b.add(Record{Kind: KindKeyRotation, Rotation: Rotation{PublicKey: by.VerifierKey(), FromSequence: b.chain.Size() + 1}})
	end = Head{b.chain.Ledger(), b.chain.Size(), b.chain.Root()}
	b.mark()
	b.signer = by
	b.add(someCase("after"))
	b.mark()
	return b, old, by, end
}

func revoke(t *testing.T, old, by *Signer, heads ...Head) Revocation {
	t.Helper()
	text, err := by.SignRevocation(old.VerifierKey(), "the laptop was stolen", heads)
	if err != nil {
		t.Fatal(err)
	}
	r, err := OpenRevocation(text)
	if err != nil || r.Reason != "the laptop was stolen" || !sameKey(r.Key, old.Verifier()) || !slices.Equal(r.Heads, heads) || !IsRevocation(text) {
		t.Fatal(r, err)
	}
	return r
}

// What the key signed before it was replaced stands; another history that a thief makes with it does not, however it goes on.
func TestARevokedKeyTellsNoOtherStory(t *testing.T) {
	b, old, by, end := rotatedLedger(t)
	r := revoke(t, old, by, end)
	read := func(bodies [][]byte) error {
		c, err := NewChain(testLedger, old.Verifier())
		if err != nil {
			t.Fatal(err)
		}
		c.Revoke(r)
		for _, body := range bodies {
			if _, err := c.Accept(body); err != nil {
				return err
			}
		}
		return nil
	}
	if err := read(b.bodies); err != nil {
		t.Errorf("the ledger itself: %v", err)
	}
	thief := plain(t, 5)
	thief.signer = old
	thief.add(someCase("forged")) // in the rotation's place
	refused := func(bodies [][]byte, sequence int64) {
		t.Helper()
		if f := (*Fault)(nil); !errors.As(read(bodies), &f) || f.Reason != Revoked || f.Sequence != sequence || !strings.Contains(f.Detail, "the laptop was stolen") || !strings.Contains(f.Detail, "casetrail-test, ") {
			t.Errorf("got %v", read(bodies))
		}
	}
	refused(thief.bodies, end.Size-1)
	other := plain(t, 5)
	other.add(Record{Kind: KindKeyRotation, Rotation: Rotation{PublicKey: testSigner(t, "thief", 9).VerifierKey(), FromSequence: other.chain.Size() + 1}})
	refused(other.bodies, end.Size-1)
	sameKeys := plain(t, 4)
	sameKeys.add(someCase("forged"))
	sameKeys.add(Record{Kind: KindKeyRotation, Rotation: Rotation{PublicKey: by.VerifierKey(), FromSequence: sameKeys.chain.Size() + 1}})
	refused(sameKeys.bodies, end.Size-1)
	unnamed := revoke(t, old, by)
	c, _ := NewChain(testLedger, old.Verifier())
	c.Revoke(unnamed)
	if _, err := c.Accept(b.bodies[0]); err == nil || !strings.Contains(err.Error(), "revoked") {
		t.Errorf("a ledger that the revocation does not name: %v", err)
	}
}

func TestCheckpointsOfARevokedKey(t *testing.T) {
	b, old, by, end := rotatedLedger(t)
	r := revoke(t, old, by, end)
	head := func(s *Signer, size int64, root Hash) Checkpoint {
		cp, err := s.SignCheckpoint(testLedger, size, root)
		if err != nil {
			t.Fatal(err)
		}
		return cp
	}
	for name, c := range map[string]struct {
		cp      Checkpoint
		refused bool
	}{
		"the end itself":           {head(old, end.Size, end.Root), false},
		"before it":                {head(old, end.Size-1, Hash{1}), false},
		"another root at the end":  {head(old, end.Size, Hash{1}), true},
		"beyond":                   {head(old, end.Size+1, b.chain.Root()), true},
		"beyond, by the other key": {head(by, end.Size+1, b.chain.Root()), false},
	} {
		f := (*Fault)(nil)
		if err := r.Judge(c.cp); errors.As(err, &f) != c.refused || c.refused && f.Reason != Revoked {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRevocationsAreReadStrictly(t *testing.T) {
	_, old, by, end := rotatedLedger(t)
	text, err := by.SignRevocation(old.VerifierKey(), "why", []Head{end})
	if err != nil {
		t.Fatal(err)
	}
	for i := range text {
		bad := bytes.Clone(text)
		bad[i] ^= 1
		if r, err := OpenRevocation(bad); err == nil && !slices.Equal(r.Heads, []Head{end}) {
			t.Fatalf("byte %d flipped: opens as %+v", i, r)
		}
	}
	for want, sign := range map[string]func() ([]byte, error){
		"replaced_by": func() ([]byte, error) { return old.SignRevocation(old.VerifierKey(), "why", nil) },
		"key":         func() ([]byte, error) { return by.SignRevocation("x", "why", nil) },
		"reason":      func() ([]byte, error) { return by.SignRevocation(old.VerifierKey(), "", nil) },
		"ledger":      func() ([]byte, error) { return by.SignRevocation(old.VerifierKey(), "two\nlines", nil) },
		"sorted":      func() ([]byte, error) { return by.SignRevocation(old.VerifierKey(), "why", []Head{end, end}) },
		"size":        func() ([]byte, error) { return by.SignRevocation(old.VerifierKey(), "why", []Head{{Ledger: "l"}}) },
	} {
		if _, err := sign(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to name %s", err, want)
		}
	}
}

func FuzzOpenRevocation(f *testing.F) {
	f.Add([]byte("casetrail revocation\nkey a\nreplaced_by b\nreason c\nledger l 1 r\n\n— x y\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if r, err := OpenRevocation(text); err == nil && (r.Key == nil || r.Reason == "") {
			t.Errorf("%+v", r)
		}
	})
}
