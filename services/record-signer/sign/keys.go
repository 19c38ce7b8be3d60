package sign

import (
	"encoding/binary"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/record"
)

// Keys are the signing keys that a signer has, from old to new; at least one. The ledger says which of them signs what: the
// first one signs from its beginning, and each key_rotation record names the next.
type Keys []*record.Signer

// of is the signing half of a verifier key.
func (k Keys) of(v note.Verifier) (*record.Signer, error) {
	for _, s := range k {
		if s.KeyHash() == v.KeyHash() && s.Name() == v.Name() {
			return s, nil
		}
	}
	return nil, fmt.Errorf("key %s, %08x, signs here, and the record-signer has only %s: give it that key's file too (--key, once for each) and start it again; "+
		"until then it signs nothing", v.Name(), v.KeyHash(), k)
}

// byID is the key that a record names; nil where it is none of these.
func (k Keys) byID(id [4]byte) *record.Signer {
	for _, s := range k {
		if s.KeyHash() == binary.BigEndian.Uint32(id[:]) {
			return s
		}
	}
	return nil
}

func (k Keys) verifiers() []note.Verifier {
	var out []note.Verifier
	for _, s := range k {
		out = append(out, s.Verifier())
	}
	return out
}

// String names the keys.
func (k Keys) String() string {
	var names []string
	for _, s := range k {
		names = append(names, fmt.Sprintf("%s, %08x", s.Name(), s.KeyHash()))
	}
	return strings.Join(names, "; ")
}
