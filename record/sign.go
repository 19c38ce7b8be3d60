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
	pub  ed25519.PublicKey // of a key that lives elsewhere: what it answers is verified; nil of one in memory
}

// NewSigner makes a Signer of an Ed25519 key that may live anywhere: in memory, an agent, a KMS, an HSM behind PKCS#11. name is the
// key's name in signed notes: neither spaces nor plus signs. Of a key that is not an ed25519.PrivateKey it asks this:
//
//   - Public gives the same ed25519.PublicKey always, without asking anybody.
//   - Sign(rand, message, opts) gets the whole message, at most 64 KiB and 128 bytes, not a digest; a nil rand; and
//     crypto.Hash(0) as opts. It returns the 64 bytes of pure Ed25519 (RFC 8032), the same for the same message. Keys that
//     are randomised or pre-hashed (Ed25519ph) won't do: a record that is made again must be the same.
//   - It may take its time, but not for ever: a call bounds itself, and gives an error when its time is over. Records are
//     signed one after another, so its time bounds the throughput of a partition. It may try again itself.
//   - An error means that nothing was signed as far as anybody may rely on it. The record-signer publishes nothing
//     then, stops, and goes on from its own output when it is started again; asked for the same signature again, the key
//     gives it.
//   - It is safe for concurrent use: partitions sign side by side.
//
// What such a key answers is verified before it is used, so that a wrong one stops the signer and is never published.
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
	s := &Signer{name: name, hash: v.KeyHash(), vkey: vkey, key: key}
	if _, here := key.(ed25519.PrivateKey); !here {
		s.pub = pub
	}
	return s, nil
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
func (s *Signer) Sign(msg []byte) ([]byte, error) {
	sig, err := s.key.Sign(nil, msg, crypto.Hash(0))
	if err == nil && s.pub != nil && !ed25519.Verify(s.pub, msg, sig) {
		err = errors.New("what its holder answered is not its signature")
	}
	if err != nil {
		return nil, fmt.Errorf("key %q, %08x: %w", s.name, s.hash, err)
	}
	return sig, nil
}

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
		return nil, err
	}
	dst = append(dst[:from], payload...)
	dst = binary.BigEndian.AppendUint32(dst, s.hash)
	return append(dst, sig...), nil
}

// keyID is the id as a number, as note.Verifier gives it.
func (s *Signed) keyID() uint32 { return binary.BigEndian.Uint32(s.KeyID[:]) }
