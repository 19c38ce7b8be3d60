package record

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
)

// Checkpoint is a signed head of a ledger (https://c2sp.org/tlog-checkpoint): its origin is the ledger.
type Checkpoint struct {
	Ledger string
	Size   int64
	Root   Hash
	Note   []byte // the signed note; empty where it is not signed
}

// CheckLedger tells whether a name may be a ledger's: 1 to 256 bytes of UTF-8 without spaces, control characters and plus
// signs, so that it is a line of its own in a note, can name a file, and a checkpoint never reads like a record's PAE.
func CheckLedger(name string) error {
	bad := func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) || r == '+' }
	if name == "" || len(name) > 256 || !utf8.ValidString(name) || strings.ContainsFunc(name, bad) {
		return &Fault{Sequence: unknown, Field: "ledger", Reason: Malformed,
			Detail: fmt.Sprintf("%.300q is not 1 to 256 bytes without spaces, control characters and plus signs", name)}
	}
	return nil
}

// Text is the note's text: origin, size and base64 of the root, a line each.
func (c Checkpoint) Text() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Ledger, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]))
}

// SignCheckpoint signs a ledger's head.
func (s *Signer) SignCheckpoint(ledger string, size int64, root Hash) (Checkpoint, error) {
	c := Checkpoint{Ledger: ledger, Size: size, Root: root}
	if err := CheckLedger(ledger); err != nil {
		return c, err
	}
	var err error
	c.Note, err = note.Sign(&note.Note{Text: c.Text()}, s)
	return c, err
}

// OpenCheckpoint verifies a signed note under one of the keys that the caller trusts and parses it. Signatures of others,
// witnesses for instance, may stand beside ours and are not judged. Errors are a *Fault.
func OpenCheckpoint(text []byte, trusted ...note.Verifier) (Checkpoint, error) {
	if len(text) > MaxBody {
		return Checkpoint{}, badCheckpoint("checkpoint", Malformed, fmt.Sprintf("%d bytes", len(text)))
	}
	n, err := note.Open(text, note.VerifierList(trusted...))
	if n == nil || err != nil {
		reason, names := BadSignature, make([]string, len(trusted))
		for i, v := range trusted {
			names[i] = fmt.Sprintf("%s, %08x", v.Name(), v.KeyHash())
		}
		switch err.(type) {
		case *note.UnverifiedNoteError:
			reason = UnknownKey
		case *note.InvalidSignatureError:
		default:
			reason = Malformed
		}
		return Checkpoint{}, badCheckpoint("checkpoint", reason, fmt.Sprintf("%v; trusted is %s", err, strings.Join(names, "; ")))
	}
	c, err := parseCheckpoint(n.Text)
	c.Note = text
	return c, err
}

// ParseCheckpoint parses a signed note without verifying it: to learn which ledger and key it is about, no more.
func ParseCheckpoint(text []byte) (Checkpoint, error) {
	body, _, ok := strings.Cut(string(text), "\n\n")
	if !ok {
		return Checkpoint{}, badCheckpoint("checkpoint", Malformed, "is not a signed note")
	}
	c, err := parseCheckpoint(body + "\n")
	c.Note = text
	return c, err
}

// parseCheckpoint is the inverse of Text. It takes no extension lines, as our signers write none.
func parseCheckpoint(text string) (Checkpoint, error) {
	l := strings.Split(text, "\n")
	if len(l) != 4 || l[3] != "" {
		return Checkpoint{}, badCheckpoint("checkpoint", Malformed, "is not the three lines origin, size and root")
	}
	if err := CheckLedger(l[0]); err != nil {
		return Checkpoint{}, badCheckpoint("checkpoint.origin", Malformed, err.(*Fault).Detail)
	}
	c := Checkpoint{Ledger: l[0]}
	var ok bool
	if c.Size, ok = parseNumber(l[1]); !ok {
		return Checkpoint{}, badCheckpoint("checkpoint.size", Malformed, fmt.Sprintf("%.32q is not a size", l[1]))
	}
	if c.Root, ok = parseHash(l[2]); !ok {
		return Checkpoint{}, badCheckpoint("checkpoint.root", Malformed, fmt.Sprintf("%.64q is not base64 of 32 bytes", l[2]))
	}
	return c, nil
}

// parseNumber reads a number that is not negative, in its one form.
func parseNumber(s string) (n int64, ok bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= 0 && strconv.FormatInt(n, 10) == s
}

// parseHash reads base64 of a hash, in its one form.
func parseHash(s string) (h Hash, ok bool) {
	b, err := base64.StdEncoding.DecodeString(s)
	n := copy(h[:], b)
	return h, err == nil && n == len(h) && base64.StdEncoding.EncodeToString(b) == s
}

func badCheckpoint(field string, r Reason, detail string) *Fault {
	return &Fault{Sequence: unknown, Field: field, Reason: r, Detail: detail}
}
