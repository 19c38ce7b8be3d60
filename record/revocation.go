package record

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// Revocation says that a key may be in other hands, and up to where its signatures stand: the heads that the ledgers had when
// another key took over. It is a signed note by that other key:
//
//	casetrail revocation
//	key NAME+HASH+BASE64
//	replaced_by NAME+HASH+BASE64
//	reason WHY, IN ONE LINE
//	ledger NAME SIZE ROOT
//
// with a line for each ledger that the key signed in, at whose size the last record is the rotation to the other key, or the seal with which a
// generation ended. So whoever checks a ledger that
// goes that far with it holds it against the ledger's own history, and a second history made with the revoked key is refused.
type Revocation struct {
	Key, ReplacedBy note.Verifier
	Reason          string
	Heads           []Head
	Note            []byte // the signed note
}

const revocationTitle = "casetrail revocation"

// maxRevocation bounds a revocation's text.
const maxRevocation = 16 << 20

// SignRevocation revokes a key, name+hash+base64, that the Signer's own has replaced. Every ledger must be among the heads: in
// one that is not, no signature of the key stands.
func (s *Signer) SignRevocation(vkey, reason string, heads []Head) ([]byte, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nkey %s\nreplaced_by %s\nreason %s\n", revocationTitle, vkey, s.vkey, reason)
	for _, h := range heads {
		fmt.Fprintf(&b, "ledger %s %d %s\n", h.Ledger, h.Size, base64.StdEncoding.EncodeToString(h.Root[:]))
	}
	if _, err := parseRevocation(b.String()); err != nil {
		return nil, err
	}
	return note.Sign(&note.Note{Text: b.String()}, s)
}

// IsRevocation tells whether a signed note says that it is a revocation.
func IsRevocation(text []byte) bool { return bytes.HasPrefix(text, []byte(revocationTitle+"\n")) }

// OpenRevocation parses a revocation and verifies that the key signed it which it says has replaced the other. Errors are a
// *Fault.
func OpenRevocation(text []byte) (Revocation, error) {
	if len(text) > maxRevocation {
		return Revocation{}, badRevocation("revocation", Malformed, fmt.Sprintf("%d bytes", len(text)))
	}
	body, _, ok := strings.Cut(string(text), "\n\n")
	if !ok {
		return Revocation{}, badRevocation("revocation", Malformed, "is not a signed note")
	}
	r, err := parseRevocation(body + "\n")
	if err != nil {
		return r, err
	}
	if n, err := note.Open(text, note.VerifierList(r.ReplacedBy)); err != nil || n.Text != body+"\n" {
		return r, badRevocation("revocation", BadSignature, fmt.Sprintf("not signed by %s, %08x, which it says has replaced the key: %v", r.ReplacedBy.Name(), r.ReplacedBy.KeyHash(), err))
	}
	r.Note = text
	return r, nil
}

// parseRevocation is strict: what it takes is written in one way only.
func parseRevocation(text string) (r Revocation, err error) {
	lines := strings.Split(text, "\n")
	bad := func(field, format string, a ...any) (Revocation, error) {
		return Revocation{}, badRevocation("revocation."+field, Malformed, fmt.Sprintf(format, a...))
	}
	if len(lines) < 5 || lines[0] != revocationTitle || lines[len(lines)-1] != "" {
		return bad("title", "does not begin with %q, or has too few lines", revocationTitle)
	}
	words := make([]string, 3)
	for i, name := range []string{"key", "replaced_by", "reason"} {
		var ok bool
		if words[i], ok = strings.CutPrefix(lines[1+i], name+" "); !ok || words[i] == "" {
			return bad(name, "is missing in line %d", 2+i)
		}
	}
	if r.Key, err = note.NewVerifier(words[0]); err != nil {
		return bad("key", "%v", err)
	}
	if r.ReplacedBy, err = note.NewVerifier(words[1]); err != nil {
		return bad("replaced_by", "%v", err)
	}
	if words[0] == words[1] {
		return bad("replaced_by", "is the key itself")
	}
	r.Reason = words[2]
	for _, line := range lines[4 : len(lines)-1] {
		f := strings.Split(line, " ")
		if len(f) != 4 || f[0] != "ledger" {
			return bad("ledger", "%.300q is not `ledger NAME SIZE ROOT`", line)
		}
		h := Head{Ledger: f[1]}
		if err := CheckLedger(h.Ledger); err != nil {
			return bad("ledger", "%s", err.(*Fault).Detail)
		}
		h.Size, err = strconv.ParseInt(f[2], 10, 64)
		if err != nil || h.Size < 1 || strconv.FormatInt(h.Size, 10) != f[2] {
			return bad("ledger", "%.32q is not a size", f[2])
		}
		root, err := base64.StdEncoding.DecodeString(f[3])
		if copy(h.Root[:], root); err != nil || len(root) != len(h.Root) || base64.StdEncoding.EncodeToString(root) != f[3] {
			return bad("ledger", "%.64q is not base64 of 32 bytes", f[3])
		}
		if n := len(r.Heads); n > 0 && r.Heads[n-1].Ledger >= h.Ledger {
			return bad("ledger", "%s does not come after %s: the names are sorted, each once", h.Ledger, r.Heads[n-1].Ledger)
		}
		r.Heads = append(r.Heads, h)
	}
	return r, nil
}

// Head is how far the key's signatures stand in a ledger; of size 0 in one that is not named.
func (r *Revocation) Head(ledger string) Head {
	for _, h := range r.Heads {
		if h.Ledger == ledger {
			return h
		}
	}
	return Head{Ledger: ledger}
}

// Judge refuses a checkpoint that the revoked key signed, where it goes beyond the revocation's head or contradicts
// it. A shorter one stands: whether it is of the same history, a proof between the two would show.
func (r *Revocation) Judge(cp Checkpoint) error {
	h := r.Head(cp.Ledger)
	if cp.Size < h.Size || cp.Size == h.Size && cp.Root == h.Root {
		return nil
	}
	if _, err := OpenCheckpoint(cp.Note, r.Key); err != nil {
		return nil // another key's
	}
	return &Fault{Ledger: cp.Ledger, Sequence: cp.Size - 1, Field: "checkpoint", Reason: Revoked, Detail: r.says(h)}
}

func (r *Revocation) says(h Head) string {
	return fmt.Sprintf("is signed by key %s, %08x, which was revoked (%s): its signatures stand for the first %d records, root %v", r.Key.Name(), r.Key.KeyHash(), r.Reason, h.Size, h.Root)
}

func sameKey(a, b note.Verifier) bool { return a.Name() == b.Name() && a.KeyHash() == b.KeyHash() }

func badRevocation(field string, reason Reason, detail string) *Fault {
	return &Fault{Sequence: unknown, Field: field, Reason: reason, Detail: detail}
}

// Revoke has the chain refuse what a revoked key signed beyond the revocation's head, and any other history up to it. It is
// called before the first record.
func (c *Chain) Revoke(r Revocation) { c.revoked = append(c.revoked, r) }

// Revoke has the ledger held against a revocation; see Chain.Revoke.
func (v *Verifier) Revoke(r Revocation) { v.chain.Revoke(r) }

// beyond refuses a record that a revoked key signs after its end.
func (c *Chain) beyond(s *Signed) *Fault {
	for i := range c.revoked {
		r := &c.revoked[i]
		if h := r.Head(c.ledger); s.Sequence >= h.Size && sameKey(keyAt(c.keys, s.Sequence), r.Key) {
			return c.at(s, "key_id", Revoked, r.says(h))
		}
	}
	return nil
}

// revocations holds the chain against every revocation's head that it has come to.
func (c *Chain) revocations() *Fault {
	for i := range c.revoked {
		r := &c.revoked[i]
		if h := r.Head(c.ledger); h.Size == c.Size() && (h.Root != c.Root() || !c.sealed && !sameKey(keyAt(c.keys, h.Size), r.ReplacedBy)) {
			return &Fault{Ledger: c.ledger, Sequence: h.Size - 1, Field: "checkpoint.root", Reason: Revoked,
				Detail: fmt.Sprintf("the first %d records have the root %v, and key %s, %08x, signs after them; %s", h.Size, c.Root(), keyAt(c.keys, h.Size).Name(), keyAt(c.keys, h.Size).KeyHash(),
					strings.Replace(r.says(h), "is signed by", "this is not the history of", 1))}
		}
	}
	return nil
}
