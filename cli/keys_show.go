package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/cli/verify"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/services/keyfile"
)

type showKeyCommand struct {
	cluster   `embed:""`
	File      string `arg:"" optional:"" type:"existingfile" help:"A .vkey or .key file. Without one, the ledgers' keys are shown, and from which record on each signs."`
	LedgerKey string `name:"ledger-key" env:"CASETRAIL_LEDGER_KEY" default:"data/keys/ledger.vkey" placeholder:"FILE" help:"The ledgers' first public key, which you trust."`
}

// Run shows a key, or the ledgers'.
func (c *showKeyCommand) Run(ctx context.Context) error {
	if c.File != "" {
		return showFile(c.File)
	}
	trusted, err := record.LoadVerifier(c.LedgerKey)
	if err != nil {
		return err
	}
	client, codec, err := c.connect(ctx, "")
	if err != nil {
		return err
	}
	defer client.Close()
	all, err := ledgerKeys(ctx, log{client, codec}, trusted)
	if err != nil {
		return err
	}
	for _, l := range all {
		for _, k := range l.keys {
			fmt.Printf("%-32s from record %-10d %s, %08x\n", l.name, k.from.Size, k.vkey.Name(), k.vkey.KeyHash())
		}
	}
	return nil
}

// showFile shows what a key is; of a private key, nothing that signs.
func showFile(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(string(text), "PRIVATE+KEY+") && !keyfile.Encrypted(text) {
		v, err := record.LoadVerifier(path)
		if err != nil {
			return err
		}
		fmt.Printf("name   %s\nkey id %08x\npublic key\n", v.Name(), v.KeyHash())
		return nil
	}
	s, err := readSigner(path)
	if err != nil {
		return err
	}
	fmt.Printf("name   %s\nkey id %08x\nprivate key of %s\n", s.Name(), s.KeyHash(), s.VerifierKey())
	return nil
}

// keyed is a ledger and its keys, from old to new.
type keyed struct {
	name string
	keys []held
}

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

// end is the head at which one key replaced another.
func (k *keyed) end(old, by string) (record.Head, bool) {
	for i := 1; i < len(k.keys); i++ {
		if k.keys[i-1].vkey.matches(old) && k.keys[i].vkey.matches(by) {
			return k.keys[i].from, true
		}
	}
	return record.Head{}, false
}

// ledgerKeys folds every ledger and gives its keys. Rotations are verified, other records are not: `casetrail verify` does.
func ledgerKeys(ctx context.Context, topics verify.Topics, trusted note.Verifier) (out []keyed, err error) {
	n, err := topics.Partitions(ctx, pipelines.ConductRecords)
	if err != nil {
		return nil, err
	}
	for p := range n {
		var chain *record.Chain
		var k keyed
		_, err := topics.Read(ctx, stage.TopicPartition{Topic: pipelines.ConductRecords, Partition: p}, func(r stage.Record) error {
			const frame = 5 // of the wire format's header
			if len(r.Value) < frame {
				return nil
			}
			if chain == nil {
				first, err := record.Decode(r.Value[frame:])
				if err != nil {
					return nil
				}
				if chain, err = record.NewChain(first.Ledger, trusted); err != nil {
					return err
				}
				k = keyed{first.Ledger, []held{{vkey{trusted}, record.Head{Ledger: first.Ledger}}}}
			}
			s, err := chain.AcceptUnverified(r.Value[frame:])
			if f := (*record.Fault)(nil); errors.As(err, &f) && (f.Reason == record.Duplicate || f.Reason == record.Stale) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("%s/%d offset %d: %w", r.Topic, r.Partition, r.Offset, err)
			}
			if s.Kind == record.KindKeyRotation {
				k.keys = append(k.keys, held{vkey{chain.Key(chain.Size())}, record.Head{Ledger: k.name, Size: chain.Size(), Root: chain.Root()}})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if chain != nil {
			out = append(out, k)
		}
	}
	slices.SortFunc(out, func(a, b keyed) int { return cmp.Compare(a.name, b.name) })
	return out, nil
}
