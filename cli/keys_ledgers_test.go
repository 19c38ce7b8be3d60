package main

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"testing"

	"github.com/casetrail/casetrail/record"
)

// The keys of a partition's ledgers, over generations: where each begins to sign, and up to which head of which ledger the signatures of
// a replaced one stand. A record that stands there again changes nothing.
func TestKeysOverGenerations(t *testing.T) {
	key := func(seed byte) *record.Signer {
		s, err := record.NewSigner(fmt.Sprint("key-", seed), ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize)))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	chain, err := record.NewChain("casetrail/test/0/1", key(1).Verifier())
	if err != nil {
		t.Fatal(err)
	}
	k := keyring{trusted: key(1).Verifier()}
	by, offset := key(1), int64(0)
	var heads []record.Head
	add := func(kind record.Kind, next *record.Signer) {
		r := record.Record{PreviousHash: chain.Last(), Ledger: chain.Ledger(), Sequence: chain.Size(), Kind: kind, Source: record.GenesisSource}
		if offset++; kind != record.KindGenesis {
			r.Source = record.Source{Offset: offset}
		}
		if next != nil {
			r.Rotation = record.Rotation{PublicKey: next.VerifierKey(), FromSequence: r.Sequence + 1}
		}
		body, err := by.SignPayload(nil, r.Append(nil))
		if err == nil {
			_, err = chain.Accept(body)
		}
		for range 2 {
			if err == nil {
				err = k.take(body)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		if next != nil || kind == record.KindSeal {
			heads = append(heads, record.Head{Ledger: chain.Ledger(), Size: chain.Size(), Root: chain.Root()})
		}
		if next != nil {
			by = next
		}
		if kind == record.KindSeal {
			if chain, err = chain.Next(); err != nil {
				t.Fatal(err)
			}
		}
	}
	add(record.KindGenesis, nil)
	add(record.KindKeyRotation, key(2)) // 0
	add(record.KindSeal, nil)           // 1: key 2 signed to the end
	add(record.KindGenesis, nil)
	add(record.KindSeal, nil) // 2: and all of this one
	add(record.KindGenesis, nil)
	add(record.KindKeyRotation, key(3)) // 3
	add(record.KindSeal, nil)           // 4: key 3 is not replaced
	add(record.KindGenesis, nil)
	all := k.ledgers()
	if len(all) != 4 || all[3].name != "casetrail/test/0/4" || !all[0].sealed || all[3].sealed {
		t.Fatalf("%+v", all)
	}
	for _, c := range []struct {
		old, by byte
		want    []record.Head
	}{{1, 2, heads[:1]}, {2, 3, heads[1:4]}, {1, 3, nil}, {3, 4, nil}} {
		got, err := ends(all, key(c.old).VerifierKey(), key(c.by).VerifierKey())
		if (err != nil) != (c.want == nil) || fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("key %d, replaced by %d: %v, %v, want %v", c.old, c.by, got, err, c.want)
		}
	}
}
