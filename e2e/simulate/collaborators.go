package simulate

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/clickhouse-sink/insert"
	"github.com/casetrail/casetrail/services/intake/classify"
	"github.com/casetrail/casetrail/services/intake/customers"
	"github.com/casetrail/casetrail/services/intake/signals"
	"github.com/casetrail/casetrail/services/record-signer/sign"
)

// prefix is what the names of the ledgers begin with.
const prefix = "casetrail/simulated"

// fixture is what all simulations have in common.
type fixture struct {
	codec        *schemas.Codec
	model        *classify.Model
	signals      *signals.Detector
	signer       *record.Signer
	second       *record.Signer // that the ledger may be rotated to
	metricSigner *record.Signer
	customers    *customers.Key
	operator     note.Verifier
	writer       note.Signer
}

var shared = sync.OnceValue(func() *fixture {
	f := &fixture{codec: schemas.NewOfflineCodec(pipelines.Subjects("")...)}
	var err error
	fail := func(e error) { err = errors.Join(err, e) }
	f.model, err = classify.Load()
	var e error
	f.signals, e = signals.Load()
	fail(e)
	f.signer, e = record.NewSigner("simulated", ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize)))
	fail(e)
	f.second, e = record.NewSigner("simulated-2", ed25519.NewKeyFromSeed(bytes.Repeat([]byte{4}, ed25519.SeedSize)))
	fail(e)
	f.metricSigner, e = record.NewSigner("aggregator", ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, ed25519.SeedSize)))
	err = errors.Join(err, e)
	f.customers, e = customers.New(rand.NewChaCha8([32]byte{1}))
	fail(e)
	operator, e := record.NewSigner("operator", ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, ed25519.SeedSize)))
	fail(e)
	if err != nil {
		panic(err)
	}
	f.operator, f.writer = operator.Verifier(), operator
	return f
})

// keys are the ledger's, from old to new.
func (f *fixture) keys() sign.Keys { return sign.Keys{f.signer, f.second} }

// disk is a signer's memory outside Kafka. It outlives its process, and may fail.
type disk struct {
	world *world
	kept  map[string][]byte
}

var _ sign.Store = (*disk)(nil)

func (d *disk) Path(string) string { return "a modelled disk" }

func (d *disk) Load(ledger string) ([]byte, error) { return d.kept[ledger], nil }

func (d *disk) Newest(series string) (newest string, err error) {
	most := int32(0)
	for ledger := range d.kept {
		if of, generation := record.Generation(ledger); of == series && generation > most {
			newest, most = ledger, generation
		}
	}
	return newest, nil
}

func (d *disk) Swap(ledger string, old, next []byte) error {
	if d.world.chance(d.world.faults.disk) {
		return fmt.Errorf("%w: no space left on device", errDied)
	}
	if !bytes.Equal(d.kept[ledger], old) {
		return sign.ErrConflict
	}
	d.kept[ledger] = bytes.Clone(next)
	if d.world.chance(d.world.faults.disk) {
		return fmt.Errorf("%w: right after it kept a checkpoint", errDied)
	}
	return nil
}

// held is the customer key as a replica of intake has it: of a version, each of which knows the customers of the one before but one.
type held struct {
	world   *world
	version int64
}

// keySum is the sum of a version.
func keySum(version int64) schemas.Hash { return schemas.Hash{'k', byte(version)} }

func (h *held) Commitment(id string) [32]byte {
	if id == "customer of case-1" && h.version > 0 || id == "customer of case-2" && h.version > 1 {
		id += " again"
	}
	return h.world.actual.customers.Commitment(id)
}

// Erased loads the file again, which may not be there yet where this replica runs: then its process dies.
func (h *held) Erased(version int64, sum [32]byte) error {
	if h.version < version {
		if h.world.chance(h.world.faults.disk) {
			h.world.killed = fmt.Errorf("%w: its customer key is the one from before", errDied)
			return h.world.killed
		}
		h.version = h.world.keyVersion
	}
	if h.version < version || h.version == version && schemas.Hash(sum) != keySum(version) {
		return errors.New("another customer key")
	}
	return nil
}

// keeper tries again, or its process dies over it.
type keeper struct{ *world }

func (k keeper) Try(ctx context.Context, what string, f func(context.Context) error) error {
	for range 100 {
		err := f(ctx)
		if err == nil || errors.Is(err, insert.ErrContradiction) || errors.Is(err, insert.ErrUnsendable) {
			return err
		}
		if k.calm || k.chance(.3) { // in life it waits; here others must come to their turn
			k.killed = fmt.Errorf("%s: %w: %w", what, errDied, err)
			return k.killed
		}
	}
	k.killed = fmt.Errorf("%s: %w", what, errDied)
	return k.killed
}

func (keeper) Skip(string, int64) {}
func (keeper) Took(string, int)   {}
