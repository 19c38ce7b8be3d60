package record

import (
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// PayloadType is the DSSE payload type of a record, version 1.
const PayloadType = "application/vnd.casetrail.conduct-record.v1+avro"

const paePrefix = "DSSEv1 48 " + PayloadType + " "

// PAE appends DSSE's pre-authentication encoding of a payload, which is what is signed:
// "DSSEv1" SP len(type) SP type SP len(payload) SP payload
// (https://github.com/secure-systems-lab/dsse/blob/master/protocol.md).
func PAE(dst, payload []byte) []byte {
	dst = append(dst, paePrefix...)
	dst = append(strconv.AppendInt(dst, int64(len(payload)), 10), ' ')
	return append(dst, payload...)
}

// Signer signs records and checkpoints with one Ed25519 key. It is a note.Signer too. Ed25519 is deterministic (RFC 8032), so
// the same payload always gives the same body. It is safe for concurrent use if its key is.
type Signer struct {
	name string
	hash uint32
	vkey string
	key  crypto.Signer
}

// NewSigner makes a Signer of an Ed25519 key that may live anywhere (a file, an agent, an HSM). name is the key's name in
// signed notes: neither spaces nor plus signs.
func NewSigner(name string, key crypto.Signer) (*Signer, error) {
	pub, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("key %q is a %T, not Ed25519", name, key.Public())
	}
	vkey, err := note.NewEd25519VerifierKey(name, pub)
	if err != nil {
		return nil, fmt.Errorf("key %q: %w", name, err)
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, fmt.Errorf("key %q: %w", name, err)
	}
	return &Signer{name: name, hash: v.KeyHash(), vkey: vkey, key: key}, nil
}

// ParseSigner reads a signer key as text, PRIVATE+KEY+name+hash+base64 (golang.org/x/mod/sumdb/note).
func ParseSigner(skey string) (*Signer, error) {
	skey = strings.TrimSpace(skey)
	checked, err := note.NewSigner(skey)
	if err != nil {
		return nil, err // names no part of the key
	}
	fields := strings.SplitN(skey, "+", 5) // the last one is base64 and may hold plus signs
	raw, err := base64.StdEncoding.DecodeString(fields[len(fields)-1])
	if err != nil || len(raw) != 1+ed25519.SeedSize {
		return nil, errors.New("malformed signer key")
	}
	return NewSigner(checked.Name(), ed25519.NewKeyFromSeed(raw[1:]))
}

// Name is the key's name. It implements note.Signer.
func (s *Signer) Name() string { return s.name }

// KeyHash is the key's id as a number. It implements note.Signer.
func (s *Signer) KeyHash() uint32 { return s.hash }

// Sign signs a note's text. It implements note.Signer. To sign a record, use SignPayload.
func (s *Signer) Sign(msg []byte) ([]byte, error) { return s.key.Sign(nil, msg, crypto.Hash(0)) }

// VerifierKey is the public key as text, name+hash+base64 (https://c2sp.org/signed-note).
func (s *Signer) VerifierKey() string { return s.vkey }

// Verifier verifies what the Signer signs.
func (s *Signer) Verifier() note.Verifier {
	v, _ := note.NewVerifier(s.vkey) // NewSigner has parsed it
	return v
}

// SignPayload appends a body, payload ‖ key id ‖ signature, to dst.
func (s *Signer) SignPayload(dst, payload []byte) ([]byte, error) {
	from := len(dst)
	dst = PAE(dst, payload) // in the place of the body, which is about as long
	sig, err := s.Sign(dst[from:])
	if err != nil {
		return nil, fmt.Errorf("key %q: %w", s.name, err)
	}
	if len(sig) != ed25519.SignatureSize {
		return nil, fmt.Errorf("key %q: a signature of %d bytes", s.name, len(sig))
	}
	dst = append(dst[:from], payload...)
	dst = binary.BigEndian.AppendUint32(dst, s.hash)
	return append(dst, sig...), nil
}

// keyID is the id as a number, as note.Verifier gives it.
func (s *Signed) keyID() uint32 { return binary.BigEndian.Uint32(s.KeyID[:]) }
