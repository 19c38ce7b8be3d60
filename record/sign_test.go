package record

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

func TestPAE(t *testing.T) {
	if got, want := string(PAE(nil, []byte("hello"))), "DSSEv1 48 application/vnd.casetrail.conduct-record.v1+avro 5 hello"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(PayloadType) != 48 {
		t.Error("the prefix has the wrong length")
	}
}

func TestSignatureIsDeterministic(t *testing.T) {
	a, _ := testSigner(t, "k", 1).SignPayload([]byte("before"), []byte("payload"))
	b, _ := testSigner(t, "k", 1).SignPayload(nil, []byte("payload"))
	if string(a) != "before"+string(b) || len(b) != len("payload")+trailer {
		t.Errorf("%x, %x", a, b)
	}
}

type brokenKey struct{ crypto.Signer }

func (brokenKey) Sign(_ io.Reader, _ []byte, _ crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("the HSM is away")
}

func TestNewSignerRefuses(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewSigner("k", ec); err == nil || !strings.Contains(err.Error(), "not Ed25519") {
		t.Error(err)
	}
	good := testSigner(t, "k", 1)
	for _, name := range []string{"", "a b", "a+b", "a\nb"} {
		if _, err := NewSigner(name, good.key); err == nil {
			t.Errorf("name %q: no error", name)
		}
	}
	s, err := NewSigner("k", brokenKey{good.key})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.SignPayload(nil, nil); err == nil || !strings.Contains(err.Error(), "away") {
		t.Error(err)
	}
	if _, err := s.SignCheckpoint(testLedger, 1, Hash{}); err == nil {
		t.Error("a checkpoint without a key")
	}
}

func TestKeyFiles(t *testing.T) {
	dir := t.TempDir()
	key, vkey, err := CreateKey(dir, "casetrail/dev")
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Base(key) != "casetrail-dev.key" || filepath.Base(vkey) != "casetrail-dev.vkey" {
		t.Error(key, vkey)
	}
	for path, want := range map[string]fs.FileMode{key: 0o600, vkey: 0o644} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	s, err := LoadSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	v, err := LoadVerifier(vkey)
	if err != nil || v.KeyHash() != s.KeyHash() || v.Name() != "casetrail/dev" {
		t.Fatal(v, err)
	}
	text, err := note.Sign(&note.Note{Text: "hello\n"}, s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := note.Open(text, note.VerifierList(v)); err != nil {
		t.Error(err)
	}

	before, _ := os.ReadFile(key)
	if _, _, err := CreateKey(dir, "casetrail/dev"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("overwriting: %v", err)
	}
	if err := os.Remove(vkey); err != nil {
		t.Fatal(err)
	}
	if _, _, err := CreateKey(dir, "casetrail/dev"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("overwriting the signer key alone: %v", err)
	}
	if after, _ := os.ReadFile(key); !bytes.Equal(before, after) {
		t.Error("the key was overwritten")
	}
	if _, _, err := CreateKey(dir, "a b"); err == nil {
		t.Error("a name with a space")
	}
	if err := os.Chmod(key, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadSigner(key); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("mode 0640: %v", err)
	}
	if _, err := LoadSigner(filepath.Join(dir, "none.key")); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "casetrail keys create") {
		t.Error(err)
	}
	bad := filepath.Join(dir, "bad.key")
	if err := os.WriteFile(bad, []byte("PRIVATE+KEY+x+00000000+SECRET"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadSigner(bad); err == nil || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("%v", err)
	}
	if _, err := LoadVerifier(bad); err == nil {
		t.Error("a signer key taken for a verifier key")
	}
}

func TestCheckpointNotes(t *testing.T) {
	s := testSigner(t, "casetrail-test", 1)
	cp, err := s.SignCheckpoint(testLedger, 5, Hash{7})
	if err != nil {
		t.Fatal(err)
	}
	again, err := OpenCheckpoint(cp.Note, s.Verifier())
	if err != nil || again.Size != 5 || again.Root != cp.Root || again.Ledger != testLedger {
		t.Fatal(again, err)
	}
	witness := testSigner(t, "witness", 2)
	n, _ := note.Open(cp.Note, note.VerifierList(s.Verifier()))
	both, err := note.Sign(n, witness)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenCheckpoint(both, s.Verifier()); err != nil {
		t.Errorf("with a witness's signature: %v", err)
	}
	signed := func(text string) []byte {
		b, err := note.Sign(&note.Note{Text: text}, s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	const root = "BwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	for text, want := range map[string]string{
		"a b\n5\n" + root + "\n":                               "checkpoint.origin",
		"\n5\n" + root + "\n":                                  "checkpoint.origin",
		"l\n05\n" + root + "\n":                                "checkpoint.size",
		"l\n-1\n" + root + "\n":                                "checkpoint.size",
		"l\n9223372036854775808\n" + root + "\n":               "checkpoint.size",
		"l\n5\nshort\n":                                        "checkpoint.root",
		"l\n5\nBwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n": "checkpoint.root",
		"l\n5\n" + root + "\nextension\n":                      "checkpoint",
		"l\n5\n":                                               "checkpoint",
	} {
		_, err := OpenCheckpoint(signed(text), s.Verifier())
		if f := (*Fault)(nil); !errors.As(err, &f) || f.Field != want || f.Reason != Malformed {
			t.Errorf("%q: got %v, want malformed %s", text, err, want)
		}
	}
	for i := range cp.Note {
		bad := bytes.Clone(cp.Note)
		bad[i] ^= 1
		if got, err := OpenCheckpoint(bad, s.Verifier()); err == nil && (got.Size != 5 || got.Root != cp.Root || got.Ledger != testLedger) {
			t.Fatalf("byte %d flipped: opens as %+v", i, got)
		}
	}
	if _, err := OpenCheckpoint(cp.Note, witness.Verifier()); err == nil || !strings.Contains(err.Error(), "trusted is witness") {
		t.Error(err)
	}
	if _, err := s.SignCheckpoint("a b", 1, Hash{}); err == nil {
		t.Error("a ledger with a space")
	}
}
