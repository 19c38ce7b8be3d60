// Package customers is the secret that ties a customer's cases to each other in the ledger, and to nobody who does not have it. It
// is a table of random numbers. A customer's row follows from the id, and the salt of the customer's commitments from the row.
// To erase a customer is to put another random number into the row: the old salt can't be made again, and the table looks like
// one that nothing was erased from, so that it does not help to guess who was. The few customers who share the row get new
// salts too: their next cases are not tied to their last ones.
package customers

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/casetrail/casetrail/pipelines/inject"
)

const (
	rows    = 1 << 18
	rowSize = 16
	// SaltSize is how many bytes a salt has.
	SaltSize = 16
	// MaxID is how many bytes a customer's id has at most.
	MaxID = 128
)

// Key is the secret. It does not change: Erase makes another one. It is safe for concurrent use.
type Key struct {
	version uint64 // how often something was erased
	table   []byte
}

// New makes a key of random bytes, such as crypto/rand.Reader's.
func New(random io.Reader) (*Key, error) {
	k := &Key{table: make([]byte, rows*rowSize)}
	if _, err := io.ReadFull(random, k.table); err != nil {
		return nil, fmt.Errorf("customer key: %w", err)
	}
	return k, nil
}

// Version is how often something was erased from the key: a newer one has a higher version.
func (k *Key) Version() int64 { return int64(k.version) }

// Salt is the salt of a customer's commitments. While it is the same, a customer's cases have the same commitment, so that a
// repeat shows; without the key, no id can be guessed from it.
func (k *Key) Salt(id string) (salt [SaltSize]byte) {
	m := hmac.New(sha256.New, k.row(id))
	m.Write([]byte(id))
	copy(salt[:], m.Sum(nil))
	return salt
}

// Commitment is SHA-256(salt, "customer_id", id): it ties a case to a customer for whoever knows salt and id, and for nobody
// else.
func (k *Key) Commitment(id string) [sha256.Size]byte {
	salt := k.Salt(id)
	return Commitment(salt, id)
}

// Commitment is what Key.Commitment is, for whoever has the salt alone.
func Commitment(salt [SaltSize]byte, id string) [sha256.Size]byte {
	return sha256.Sum256(slices.Concat(salt[:], []byte("customer_id"), []byte(id)))
}

// Erase makes the key that does not know the customers any more: their salts are others, at random, and this key's can't be
// made with it. All other salts are the same, but for those of customers in the same rows.
func (k *Key) Erase(ids ...string) *Key {
	next := &Key{k.version + 1, slices.Clone(k.table)}
	for _, id := range ids {
		if !inject.KeyNotErased.Is() {
			rand.Read(next.row(id)) // never fails
		}
	}
	return next
}

// Erased tells whether one may go on with this key when that of this version and sum is the one from which customers were erased.
// A newer one is as good: what was erased from an older one is erased from it too.
func (k *Key) Erased(version int64, sum [sha256.Size]byte) error {
	const mend = "put the one that casetrail erase wrote in its place, destroy every copy of the old one, and start intake again"
	switch {
	case k.Version() < version:
		return fmt.Errorf("a customer was erased, and this is the key from before (%d erasures, not %d): %s", k.Version(), version, mend)
	case k.Version() == version && k.Sum() != sum:
		return fmt.Errorf("a customer was erased, and this is neither the key from before nor the one that is left (its SHA-256 is %x, not %x): %s", k.Sum(), sum, mend)
	}
	return nil
}

// row is where the customer's number stands.
func (k *Key) row(id string) []byte {
	h := sha256.Sum256([]byte(id))
	at := binary.BigEndian.Uint64(h[:]) % rows * rowSize
	return k.table[at : at+rowSize]
}
