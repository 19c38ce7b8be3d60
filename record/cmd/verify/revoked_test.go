package main

import (
	"bytes"
	"crypto/ed25519"
	"os"
	"strings"
	"testing"

	"github.com/casetrail/casetrail/record"
)

func second(t *testing.T) *record.Signer {
	t.Helper()
	s, err := record.NewSigner("casetrail-test-2", ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// golden reads the golden ledger up to a size.
func golden(t *testing.T, size int64) *record.Chain {
	t.Helper()
	text, err := os.ReadFile(data + "golden.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	trusted, err := record.LoadVerifier(data + "golden.vkey")
	if err != nil {
		t.Fatal(err)
	}
	c, err := record.NewChain("casetrail/test/0/1", trusted)
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range bodies(t, text) {
		if c.Size() == size {
			break
		}
		if _, err := c.Accept(body); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// The golden ledger rotates with its tenth record. Revoked there, it verifies; revoked with another head, it does not.
func TestRevoked(t *testing.T) {
	old, err := os.ReadFile(data + "golden.vkey")
	if err != nil {
		t.Fatal(err)
	}
	revocation := func(root record.Hash) string {
		text, err := second(t).SignRevocation(strings.TrimSpace(string(old)), "stolen", []record.Head{{Ledger: "casetrail/test/0/1", Size: 10, Root: root}})
		if err != nil {
			t.Fatal(err)
		}
		return write(t, "revocation", text)
	}
	good, bad := revocation(golden(t, 10).Root()), revocation(record.Hash{1})
	keys := data + "golden.vkey," + rotated(t)
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"-vkey", data + "golden.vkey", "-revoked", good, data + "golden.jsonl"}, 0, "ledger verified"},
		{[]string{"-vkey", data + "golden.vkey", "-revoked", bad, data + "golden.jsonl"}, 1, "sequence 9 field checkpoint.root: revoked"},
		{[]string{"receipt", "-vkey", keys, "-revoked", bad, data + "golden.tlog-proof"}, 0, "receipt verified"}, // its checkpoint is the new key's
		{[]string{"-vkey", data + "golden.vkey", "-revoked", data + "golden.vkey", data + "golden.jsonl"}, 2, "field revocation: malformed"},
	} {
		if code, out, errs := call(c.args...); code != c.code || !strings.Contains(out+errs, c.says) {
			t.Errorf("%v: %d, no word of %q in\n%s%s", c.args, code, c.says, out, errs)
		}
	}
}

// The next generation is checked from the key on that signed last, and must begin with the seal.
func TestGenerations(t *testing.T) {
	const name = "casetrail/test/0/2"
	sealed := golden(t, -1)
	next := func(seal record.Hash) string {
		var out bytes.Buffer
		w, err := record.NewExportWriter(&out, name, second(t).VerifierKey())
		if err != nil {
			t.Fatal(err)
		}
		genesis := record.Record{Kind: record.KindGenesis, Ledger: name, PreviousHash: seal, Source: record.GenesisSource}
		body, err := second(t).SignPayload(nil, genesis.Append(nil))
		if err == nil {
			err = w.Record(0, body)
		}
		if err == nil {
			err = w.Flush()
		}
		if err != nil {
			t.Fatal(err)
		}
		return write(t, "next", out.Bytes())
	}
	for seal, want := range map[record.Hash]string{sealed.Last(): "it goes on after the seal " + sealed.Last().String(), {1}: "ledger casetrail/test/0/2 sequence 0 field previous_record_hash: broken_chain"} {
		code, out, errs := call("-vkey", data+"golden.vkey", data+"golden.jsonl", next(seal))
		if (code == 0) != (seal == sealed.Last()) || !strings.Contains(out+errs, want) {
			t.Errorf("%d, no word of %q in\n%s%s", code, want, out, errs)
		}
	}
}
