package record

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

const certificateHeader = "casetrail erasure certificate"

// Certificate is an operator's word that customers were erased, with the receipts of the ledgers' erasure records. Nothing in it
// leads to a customer or a case. As a file it is a C2SP signed note by the operator's key, whose text is the header and lines of a name,
// a space and a value.
type Certificate struct {
	Ledgers   string // what the ledgers' names begin with: deployment/environment
	Erasure   Erasure
	Customers int64    // who were erased
	Cases     int64    // of theirs in the ledgers
	Receipts  [][]byte // of the erasure records, one a ledger
}

// Sign is the certificate as a file.
func (c *Certificate) Sign(key note.Signer) ([]byte, error) {
	return note.Sign(&note.Note{Text: c.text()}, key)
}

func (c *Certificate) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nledgers %s\nerased_at %d\ncase_ids_sha256 %x\ncustomers %d\ncases %d\n",
		certificateHeader, c.Ledgers, c.Erasure.ErasedAt, c.Erasure.CaseIDsSHA256[:], c.Customers, c.Cases)
	for _, r := range c.Receipts {
		fmt.Fprintf(&b, "receipt %s\n", base64.StdEncoding.EncodeToString(r))
	}
	return b.String()
}

// VerifyCertificate verifies a certificate under the keys that the caller trusts, the operator's and the ledgers': it is signed by one
// of them, has a receipt for at least one ledger and at most one for each, and every receipt verifies and is of this
// erasure. Errors are a *Fault.
func VerifyCertificate(text []byte, trusted ...note.Verifier) (c Certificate, records []Signed, err error) {
	fault := func(field string, reason Reason, format string, a ...any) (Certificate, []Signed, error) {
		return Certificate{}, nil, &Fault{Sequence: unknown, Field: "certificate." + field, Reason: reason, Detail: fmt.Sprintf(format, a...)}
	}
	n, err := note.Open(text, note.VerifierList(trusted...))
	if err != nil {
		return fault("signature", BadSignature, "%v", err)
	}
	if c, err = parseCertificate(n.Text); err != nil {
		return fault("text", Malformed, "%v", err)
	}
	if len(c.Receipts) == 0 {
		return fault("receipt", Malformed, "there is none")
	}
	seen := map[string]bool{}
	for _, r := range c.Receipts {
		s, _, err := VerifyReceipt(r, trusted...)
		if err != nil {
			return Certificate{}, nil, err
		}
		switch {
		case s.Kind != KindErasure || s.Erasure != c.Erasure:
			return fault("receipt", Malformed, "record %d of ledger %s is not of this erasure", s.Sequence, s.Ledger)
		case seen[s.Ledger] || !strings.HasPrefix(s.Ledger, c.Ledgers+"/"):
			return fault("receipt", OtherLedger, "ledger %s is there twice, or none of %s", s.Ledger, c.Ledgers)
		}
		seen[s.Ledger] = true
		records = append(records, s)
	}
	return c, records, nil
}

// parseCertificate is the inverse of text, and takes nothing that text does not write.
func parseCertificate(text string) (c Certificate, err error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	names := []string{"ledgers", "erased_at", "case_ids_sha256", "customers", "cases"}
	if lines[0] != certificateHeader || len(lines) < 1+len(names) {
		return c, fmt.Errorf("it does not begin with %q and %s", certificateHeader, strings.Join(names, ", "))
	}
	values := make([]string, len(names))
	for i, name := range names {
		var ok bool
		if values[i], ok = strings.CutPrefix(lines[1+i], name+" "); !ok {
			return c, fmt.Errorf("line %d is not of %s", i+2, name)
		}
	}
	c.Ledgers = values[0]
	sum, err := hex.DecodeString(values[2])
	if err != nil || len(sum) != len(Hash{}) {
		return c, fmt.Errorf("case_ids_sha256 %.80q is no hash", values[2])
	}
	c.Erasure.CaseIDsSHA256 = Hash(sum)
	for i, to := range map[int]*int64{1: &c.Erasure.ErasedAt, 3: &c.Customers, 4: &c.Cases} {
		if *to, err = strconv.ParseInt(values[i], 10, 64); err != nil || *to < 0 {
			return c, fmt.Errorf("%s %.32q is no number", names[i], values[i])
		}
	}
	for _, l := range lines[1+len(names):] {
		raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(l, "receipt "))
		if err != nil {
			return c, fmt.Errorf("receipt: %w", err)
		}
		c.Receipts = append(c.Receipts, raw)
	}
	if c.text() != text {
		return c, fmt.Errorf("a line is not in its one form")
	}
	return c, nil
}
