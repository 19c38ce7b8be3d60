package erase

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"

	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/intake/customers"
	"github.com/casetrail/casetrail/services/intake/order"
)

// journal is what is to be done, on disk beside the customer key from before the first thing is done until the last one is. It holds
// the old salts, by which the customers' cases are found after the key has forgotten them: it must go in the end.
type journal struct {
	Customers []customer `json:"customers"`
	Order     []byte     `json:"order"` // LedgerOrder, Avro
	Cases     int64      `json:"cases"`

	keyFile string
	digest  hash.Hash
}

type customer struct {
	Salt       [customers.SaltSize]byte `json:"salt"`
	Commitment [sha256.Size]byte        `json:"commitment"`
}

func journalOf(keyFile string) string { return keyFile + ".erasing" }
func nextOf(keyFile string) string    { return keyFile + ".next" }

// open reads what was begun, if anything was, and checks that it is of these customers.
func open(keyFile string, ids []string) (*journal, error) {
	j := &journal{keyFile: keyFile, digest: sha256.New()}
	blind := make([]byte, sha256.Size)
	rand.Read(blind) // never fails
	j.digest.Write(blind)
	b, err := os.ReadFile(journalOf(keyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return j, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, j); err != nil {
		return nil, fmt.Errorf("%s: %w", journalOf(keyFile), err)
	}
	same := len(ids) == len(j.Customers)
	for i := 0; same && i < len(ids); i++ {
		same = customers.Commitment(j.Customers[i].Salt, ids[i]) == j.Customers[i].Commitment
	}
	if !same {
		return nil, fmt.Errorf("an erasure of other customers was cut short (%s): run it again for the same ids in the same order first", journalOf(keyFile))
	}
	return j, nil
}

func (j *journal) begun() bool { return j.Order != nil }

// say puts a case of theirs into the digest.
func (j *journal) say(commitment [sha256.Size]byte) { j.digest.Write(commitment[:]) }

// begin signs the order and writes down what is to be done, with the key that is left. The ledgers follow an order that is later than
// their last erasure, also where a clock went back.
func (j *journal) begin(e *erasure, left *customers.Key) error {
	o := schemas.LedgerOrder{Order: schemas.OrderKindErase, Ledgers: e.ledgers, Erase: schemas.Some(schemas.ErasureOrder{
		Erasure:            schemas.Erasure{CaseIDsSHA256: schemas.Hash(j.digest.Sum(nil)), ErasedAt: max(e.Now().UnixMilli(), e.erased+1)},
		CustomerKeyVersion: left.Version(), CustomerKeySHA256: left.Sum()})}
	if err := order.Sign(&o, e.Key); err != nil {
		return err
	}
	j.Order, j.Cases = o.AppendAvro(nil), e.cases
	text, err := json.Marshal(j)
	if err != nil {
		return err
	}
	if err := customers.Replace(nextOf(j.keyFile), left); err != nil {
		return err
	}
	return customers.Save(journalOf(j.keyFile), text)
}

// replaceKey puts the key that is left in the place of the old one.
func (j *journal) replaceKey() error {
	var o schemas.LedgerOrder
	if err := o.DecodeAvro(j.Order); err != nil {
		return fmt.Errorf("%s: %w", journalOf(j.keyFile), err)
	}
	key, err := customers.Load(j.keyFile)
	if err != nil {
		return err
	}
	want := o.Erase.Value
	if key.Version() == want.CustomerKeyVersion-1 {
		if key, err = customers.Load(nextOf(j.keyFile)); err != nil {
			return err
		}
		if err := customers.Replace(j.keyFile, key); err != nil {
			return err
		}
	}
	if err := key.Erased(want.CustomerKeyVersion, want.CustomerKeySHA256); err != nil {
		return fmt.Errorf("customer key %s: %w", j.keyFile, err)
	}
	return remove(nextOf(j.keyFile))
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
