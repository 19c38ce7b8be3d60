package record

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

const receiptHeader = "c2sp.org/tlog-proof@v1"

// maxReceipt bounds a receipt: a body in base64, 64 hashes and a note.
const maxReceipt = 4 * MaxBody

// Receipt is one record and the proof that it is in a ledger under a signed checkpoint, as a C2SP tlog-proof
// (https://c2sp.org/tlog-proof) whose extra data is the record's body. It says nothing about later records of the same case.
type Receipt struct {
	Sequence int64
	Body     []byte
	Proof    []Hash // RFC 6962, 2.1.1: from the leaf's sibling up
	Note     []byte // the checkpoint
}

// Text is the receipt as a file.
func (r *Receipt) Text() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\nextra %s\nindex %d\n", receiptHeader, base64.StdEncoding.EncodeToString(r.Body), r.Sequence)
	for _, h := range r.Proof {
		fmt.Fprintln(&b, h)
	}
	b.WriteByte('\n')
	b.Write(r.Note)
	return b.Bytes()
}

// ParseReceipt is the inverse of Text, and takes nothing that Text does not write. It verifies nothing. Errors are a *Fault.
func ParseReceipt(text []byte) (r Receipt, err error) {
	fail := func(field, detail string) (Receipt, error) {
		return Receipt{}, &Fault{Sequence: unknown, Field: "receipt." + field, Reason: Malformed, Detail: detail}
	}
	if len(text) > maxReceipt {
		return fail("size", fmt.Sprintf("%d bytes; a receipt has at most %d", len(text), maxReceipt))
	}
	head, checkpoint, ok := bytes.Cut(text, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	switch {
	case lines[0] != receiptHeader:
		return fail("header", "the first line is not "+receiptHeader)
	case !ok:
		return fail("checkpoint", "is missing: no empty line comes before it")
	case len(lines) < 3 || !strings.HasPrefix(lines[1], "extra "):
		return fail("extra", "the second line does not hold the record: extra, a space, base64")
	case !strings.HasPrefix(lines[2], "index "):
		return fail("index", "the third line is not index, a space, a number")
	}
	r.Note = checkpoint
	if r.Body, err = base64.StdEncoding.DecodeString(lines[1][len("extra "):]); err != nil {
		return fail("extra", err.Error())
	}
	if r.Sequence, err = strconv.ParseInt(lines[2][len("index "):], 10, 64); err != nil || r.Sequence < 0 {
		return fail("index", fmt.Sprintf("%.32q is not a sequence", lines[2]))
	}
	for i, l := range lines[3:] {
		raw, err := base64.StdEncoding.DecodeString(l)
		if err != nil || len(raw) != len(Hash{}) || i == 64 {
			return fail("proof", fmt.Sprintf("line %d is not one of at most 64 hashes in base64", i+4))
		}
		r.Proof = append(r.Proof, Hash(raw))
	}
	if !bytes.Equal(r.Text(), text) || !canonical(r.Note) {
		return fail("text", "a number or base64 is not in its one form")
	}
	return r, nil
}

// canonical tells whether the base64 of a note's signatures is in its one form, which note.Open does not ask for: else a receipt
// could be altered, though in nothing that it says.
func canonical(text []byte) bool {
	for _, l := range strings.Split(strings.TrimSuffix(string(text[bytes.LastIndex(text, []byte("\n\n"))+1:]), "\n"), "\n") {
		sig := l[strings.LastIndexByte(l, ' ')+1:]
		if raw, err := base64.StdEncoding.DecodeString(sig); err == nil && base64.StdEncoding.EncodeToString(raw) != sig {
			return false
		}
	}
	return true
}

// VerifyReceipt verifies a receipt under the keys that the caller trusts: the checkpoint is signed by one of them, the record by one
// of them, the record says what it may, and it is in the ledger that the checkpoint signs, at the place that it says. A
// receipt can't show since when a key is valid: name only keys that were the ledger's. Errors are a *Fault; one about the
// checkpoint's text or the record's names the ledger as the receipt does.
func VerifyReceipt(text []byte, trusted ...note.Verifier) (Signed, Checkpoint, error) {
	var s Signed
	r, err := ParseReceipt(text)
	if err != nil {
		return s, Checkpoint{}, err
	}
	claimed, _ := ParseCheckpoint(r.Note) // for its name
	fault := func(err error) (Signed, Checkpoint, error) {
		f := err.(*Fault)
		f.Ledger, f.Sequence = claimed.Ledger, r.Sequence
		return Signed{}, Checkpoint{}, f
	}
	cp, err := OpenCheckpoint(r.Note, trusted...)
	if err != nil {
		return fault(err)
	}
	if err := s.Decode(r.Body); err != nil {
		return fault(err)
	}
	switch {
	case s.Ledger != cp.Ledger:
		return fault(&Fault{Field: "ledger", Reason: OtherLedger, Detail: fmt.Sprintf("of the record is %.128q", s.Ledger)})
	case s.Sequence != r.Sequence:
		return fault(&Fault{Field: "sequence", Reason: Malformed, Detail: fmt.Sprintf("of the record is %d, the receipt says %d", s.Sequence, r.Sequence)})
	}
	if f := s.signedBy(trusted); f != nil {
		return fault(f)
	}
	if err := CheckInclusion(cp, r.Sequence, r.Body, r.Proof); err != nil {
		return fault(err)
	}
	if err := CheckConduct(&s.Record); err != nil {
		return fault(err)
	}
	return s, cp, nil
}

// signedBy checks the signature under the key of some that the record names.
func (s *Signed) signedBy(trusted []note.Verifier) *Fault {
	for _, k := range trusted {
		if k.KeyHash() != s.keyID() {
			continue
		}
		if !k.Verify(PAE(nil, s.Payload), s.Signature[:]) {
			return &Fault{Field: "signature", Reason: BadSignature, Detail: fmt.Sprintf("does not verify under key %s, %08x", k.Name(), k.KeyHash())}
		}
		return nil
	}
	return &Fault{Field: "key_id", Reason: UnknownKey, Detail: fmt.Sprintf("is %08x, which is none of the keys that are trusted", s.keyID())}
}
