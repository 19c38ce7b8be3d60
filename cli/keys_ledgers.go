package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/cli/verify"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
)

// keyed is a ledger of a partition and its keys, from old to new.
type keyed struct {
	name      string
	partition int32
	keys      []held
	head      record.Head // its last one
	sealed    bool
}

func (k *keyed) last() *held { return &k.keys[len(k.keys)-1] }

// held is a key, and the head from which on it signs.
type held struct {
	vkey vkey
	from record.Head
}

// vkey is a verifier key.
type vkey struct{ note.Verifier }

func (k vkey) matches(text string) bool {
	v, err := note.NewVerifier(text)
	return err == nil && v.Name() == k.Name() && v.KeyHash() == k.KeyHash()
}

// rotation is the head at which one key replaced another.
func (k *keyed) rotation(old, by string) (record.Head, bool) {
	for i := 1; i < len(k.keys); i++ {
		if k.keys[i-1].vkey.matches(old) && k.keys[i].vkey.matches(by) {
			return k.keys[i].from, true
		}
	}
	return record.Head{}, false
}

// ends are the heads up to which the signatures of a key stand that another one has replaced, of all ledgers that it signed in: those at
// the rotation, and of earlier generations those at the seal.
func ends(all []keyed, old, by string) (out []record.Head, err error) {
	replaced := map[int32]bool{}
	for i := range all {
		l := &all[i]
		if h, ok := l.rotation(old, by); ok {
			out, replaced[l.partition] = append(out, h), true
		} else if l.sealed && l.last().vkey.matches(old) {
			out = append(out, l.head)
		}
	}
	for i := range all {
		if l := &all[i]; !replaced[l.partition] {
			return nil, fmt.Errorf("ledger %s has never rotated from key %s to %s: `casetrail keys show` tells its keys", l.name, old, by)
		}
	}
	return out, nil
}

// ledgerKeys folds every ledger, of every generation, and gives its keys. Rotations are verified, other records are not: `casetrail verify`
// does.
func ledgerKeys(ctx context.Context, topics verify.Topics, trusted note.Verifier) (out []keyed, err error) {
	n, err := topics.Partitions(ctx, pipelines.ConductRecords)
	if err != nil {
		return nil, err
	}
	for p := range n {
		k := keyring{partition: p, trusted: trusted}
		_, err := topics.Read(ctx, stage.TopicPartition{Topic: pipelines.ConductRecords, Partition: p}, func(r stage.Record) error {
			const frame = 5 // of the wire format's header
			if len(r.Value) < frame {
				return nil
			}
			if err := k.take(r.Value[frame:]); err != nil {
				return fmt.Errorf("%s/%d offset %d: %w", r.Topic, r.Partition, r.Offset, err)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		out = append(out, k.ledgers()...)
	}
	slices.SortStableFunc(out, func(a, b keyed) int { return cmp.Compare(a.partition, b.partition) })
	return out, nil
}

// keyring gathers the keys of a partition's ledgers.
type keyring struct {
	partition int32
	trusted   note.Verifier
	chain     *record.Chain
	all       []keyed
}

// begin begins the next ledger.
func (k *keyring) begin(c *record.Chain) {
	k.chain = c
	k.all = append(k.all, keyed{name: c.Ledger(), partition: k.partition, keys: []held{{vkey{c.Key(0)}, record.Head{Ledger: c.Ledger()}}}})
}

// close keeps how the ledger ends.
func (k *keyring) close() {
	l := &k.all[len(k.all)-1]
	l.head, l.sealed = record.Head{Ledger: l.name, Size: k.chain.Size(), Root: k.chain.Root()}, k.chain.Sealed()
}

func (k *keyring) take(body []byte) error {
	s, err := record.Decode(body)
	if err != nil {
		return err
	}
	if k.chain == nil {
		c, err := record.NewChain(s.Ledger, k.trusted)
		if err != nil {
			return err
		}
		k.begin(c)
	}
	if s.Ledger != k.chain.Ledger() {
		if slices.ContainsFunc(k.all, func(l keyed) bool { return l.name == s.Ledger }) {
			return nil // again
		}
		next, err := k.chain.Next()
		if err != nil {
			return err
		}
		k.close()
		k.begin(next)
	}
	took, err := k.chain.AcceptUnverified(body)
	if f := (*record.Fault)(nil); errors.As(err, &f) && (f.Reason == record.Duplicate || f.Reason == record.Stale) {
		return nil
	}
	if err != nil {
		return err
	}
	if took.Kind == record.KindKeyRotation {
		l := &k.all[len(k.all)-1]
		l.keys = append(l.keys, held{vkey{k.chain.Key(k.chain.Size())}, record.Head{Ledger: l.name, Size: k.chain.Size(), Root: k.chain.Root()}})
	}
	return nil
}

func (k *keyring) ledgers() []keyed {
	if k.chain != nil {
		k.close()
	}
	return k.all
}
