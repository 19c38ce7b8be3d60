package record

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

// receipts are those of a ledger's records under its last checkpoint, and the keys that they need.
func receipts(t testing.TB) (out []Receipt, keys []note.Verifier) {
	t.Helper()
	b := goldenLedger(t)
	var tree Tree
	for _, body := range b.bodies {
		if err := tree.Append(LeafHash(body)); err != nil {
			t.Fatal(err)
		}
	}
	for i, body := range b.bodies {
		proof, err := tree.Inclusion(int64(i), tree.Size())
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, Receipt{int64(i), body, proof, b.marks[len(b.bodies)]})
	}
	return out, []note.Verifier{testSigner(t, "casetrail-test", 1).Verifier(), b.signer.Verifier()}
}

func TestReceipts(t *testing.T) {
	all, keys := receipts(t)
	for i, r := range all {
		s, cp, err := VerifyReceipt(r.Text(), keys...)
		if err != nil || s.Sequence != int64(i) || cp.Size != 12 || !bytes.Equal(s.Body, r.Body) {
			t.Errorf("%d: %v", i, err)
		}
	}
	golden(t, "golden.tlog-proof", all[4].Text())
}

// A receipt with whatever byte changed is refused, and the fault says why.
func TestReceiptWithAByteChanged(t *testing.T) {
	all, keys := receipts(t)
	text := all[4].Text()
	for i := range text {
		for _, bit := range []byte{1, 2, 32} {
			bad := bytes.Clone(text)
			bad[i] ^= bit
			_, _, err := VerifyReceipt(bad, keys...)
			if f, ok := err.(*Fault); !ok || f.Field == "" || f.Detail == "" {
				t.Fatalf("byte %d of %q is changed: %v", i, text, err)
			}
		}
		if _, _, err := VerifyReceipt(text[:i], keys...); err == nil {
			t.Fatalf("cut after %d bytes it verifies", i)
		}
	}
}

func TestReceiptsThatAreRefused(t *testing.T) {
	all, keys := receipts(t)
	with := func(change func(*Receipt)) []byte { r := all[4]; change(&r); return r.Text() }
	resigned := func(seed byte, change func(*Record)) func(*Receipt) {
		return func(r *Receipt) {
			s, err := Decode(r.Body)
			if err != nil {
				t.Fatal(err)
			}
			change(&s.Record)
			r.Body, _ = testSigner(t, "casetrail-test", seed).SignPayload(nil, s.Append(nil))
		}
	}
	other, _ := testSigner(t, "casetrail-test", 1).SignCheckpoint("casetrail/production/0/1", 12, Hash{})
	forged, _ := testSigner(t, "casetrail-test", 7).SignCheckpoint(testLedger, 12, Hash{})
	early, _ := testSigner(t, "casetrail-test", 1).SignCheckpoint(testLedger, 4, Hash{})
	for _, c := range []struct {
		name, field string
		reason      Reason
		text        []byte
	}{
		{"another record's body", "sequence", Malformed, with(func(r *Receipt) { r.Body = all[5].Body })},
		{"another record's proof", "proof", RootMismatch, with(func(r *Receipt) { r.Proof = all[5].Proof })},
		{"a shorter proof", "proof", RootMismatch, with(func(r *Receipt) { r.Proof = r.Proof[1:] })},
		{"a record that its signer never put there", "proof", RootMismatch, with(resigned(1, func(r *Record) { r.Case.ComplaintLodged = true }))},
		{"a record of a key that nobody trusts", "key_id", UnknownKey, with(resigned(7, func(*Record) {}))},
		{"a signature of something else", "signature", BadSignature, with(func(r *Receipt) { r.Body = bytes.Clone(r.Body); r.Body[len(r.Body)-1] ^= 1 })},
		{"a checkpoint of another environment", "ledger", OtherLedger, with(func(r *Receipt) { r.Note = other.Note })},
		{"a checkpoint that nobody trusts", "checkpoint", UnknownKey, with(func(r *Receipt) { r.Note = forged.Note })},
		{"a checkpoint from before the record", "sequence", Missing, with(func(r *Receipt) { r.Note = early.Note })},
		{"no record", "receipt.extra", Malformed, []byte(strings.Replace(string(all[4].Text()), "extra ", "index ", 1))},
		{"another format", "receipt.header", Malformed, []byte(strings.Replace(string(all[4].Text()), "@v1", "@v2", 1))},
		{"a second form of a number", "receipt.text", Malformed, []byte(strings.Replace(string(all[4].Text()), "index 4", "index 04", 1))},
		{"too much of it", "receipt.size", Malformed, append(all[4].Text(), make([]byte, maxReceipt)...)},
		{"nothing", "receipt.header", Malformed, nil},
	} {
		_, _, err := VerifyReceipt(c.text, keys...)
		if f, ok := err.(*Fault); !ok || f.Field != c.field || f.Reason != c.reason {
			t.Errorf("%s: %v, want %v of %s", c.name, err, c.reason, c.field)
		} else if !strings.HasPrefix(c.field, "receipt.") && (f.Sequence != 4 || f.Ledger == "") {
			t.Errorf("%s: %v names no record", c.name, err)
		}
	}
	if _, _, err := VerifyReceipt(all[4].Text(), keys[0]); err.(*Fault).Reason != UnknownKey {
		t.Errorf("without the newer key: %v", err)
	}
}

func FuzzReceipt(f *testing.F) {
	all, keys := receipts(f)
	for _, r := range all {
		f.Add(r.Text())
	}
	f.Add([]byte(receiptHeader + "\nextra \nindex 0\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if r, err := ParseReceipt(text); err == nil && !bytes.Equal(r.Text(), text) {
			t.Fatal("not canonical")
		}
		s, _, err := VerifyReceipt(text, keys...)
		if fault, ok := err.(*Fault); err != nil && (!ok || fault.Field == "") {
			t.Fatalf("a fault that names no field: %v", err)
		} else if err == nil && !bytes.Equal(s.Body, all[s.Sequence].Body) {
			t.Fatal("nobody signed it")
		}
	})
}
