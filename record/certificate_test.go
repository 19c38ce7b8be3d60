package record

import (
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

// certificate is one of the golden ledger's erasure.
func certificate(t testing.TB) (c Certificate, operator *Signer, trusted []note.Verifier) {
	t.Helper()
	all, keys := receipts(t)
	operator = testSigner(t, "operator", 9)
	c = Certificate{Ledgers: "casetrail/test", Customers: 1, Cases: 2}
	for _, r := range all {
		s, err := Decode(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		if s.Kind == KindErasure {
			c.Erasure, c.Receipts = s.Erasure, [][]byte{r.Text()}
		}
	}
	return c, operator, append(keys, operator.Verifier())
}

func signed(t testing.TB, c Certificate, by *Signer) []byte {
	t.Helper()
	text, err := c.Sign(by)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestCertificates(t *testing.T) {
	c, operator, trusted := certificate(t)
	text := signed(t, c, operator)
	got, records, err := VerifyCertificate(text, trusted...)
	if err != nil || got.Cases != 2 || got.Customers != 1 || len(records) != 1 || records[0].Kind != KindErasure {
		t.Fatal(err)
	}
	for i := range text {
		changed := append([]byte(nil), text...)
		if changed[i] ^= 1; changed[i] == '\r' {
			continue
		}
		if got, _, err := VerifyCertificate(changed, trusted...); err == nil && got.text() != c.text() {
			t.Fatalf("byte %d is changed, and it verifies", i)
		}
	}
	all, _ := receipts(t)
	for _, x := range []struct {
		name, field string
		text        []byte
	}{
		{"nobody's signature", "certificate.signature", signed(t, c, testSigner(t, "operator", 8))},
		{"no receipt", "certificate.receipt", signed(t, Certificate{Ledgers: c.Ledgers, Erasure: c.Erasure}, operator)},
		{"another record's receipt", "certificate.receipt", signed(t, Certificate{Ledgers: c.Ledgers, Erasure: c.Erasure, Receipts: [][]byte{all[2].Text()}}, operator)},
		{"another erasure's receipt", "certificate.receipt", signed(t, Certificate{Ledgers: c.Ledgers, Receipts: c.Receipts}, operator)},
		{"another deployment's receipt", "certificate.receipt", signed(t, Certificate{Ledgers: "casetrail/production", Erasure: c.Erasure, Receipts: c.Receipts}, operator)},
		{"a receipt twice", "certificate.receipt", signed(t, Certificate{Ledgers: c.Ledgers, Erasure: c.Erasure, Receipts: append(c.Receipts, c.Receipts[0])}, operator)},
		{"an altered receipt", "proof", signed(t, Certificate{Ledgers: c.Ledgers, Erasure: c.Erasure, Receipts: [][]byte{func() []byte {
			r, err := ParseReceipt(c.Receipts[0])
			if err != nil {
				t.Fatal(err)
			}
			r.Proof[0][0] ^= 1
			return r.Text()
		}()}}, operator)},
	} {
		_, _, err := VerifyCertificate(x.text, trusted...)
		if f, ok := err.(*Fault); !ok || f.Field != x.field {
			t.Errorf("%s: %v, want a fault of %s", x.name, err, x.field)
		}
	}
}

func FuzzCertificate(f *testing.F) {
	c, operator, _ := certificate(f)
	f.Add(c.text())
	f.Add(strings.Replace(c.text(), "cases 2", "cases 02", 1))
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseCertificate(text)
		if err != nil {
			return
		}
		if c.text() != text {
			t.Error("a text that is read as another")
		}
		if _, _, err := VerifyCertificate(signed(t, c, operator)); err == nil {
			t.Error("it verifies under no key")
		}
	})
}
