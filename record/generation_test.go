package record

import (
	"errors"
	"strings"
	"testing"
)

// The next generation begins where the one before was sealed: with its seal's leaf hash, its key and its sources.
func TestTheNextGenerationFollowsFromTheSeal(t *testing.T) {
	b := plain(t, 2)
	if _, err := b.chain.Next(); err == nil {
		t.Error("a next generation without a seal")
	}
	b.add(Record{Kind: KindSeal})
	seal := b.chain.Last()
	next, err := b.chain.Next()
	if err != nil || next.Ledger() != "casetrail/test/0/2" {
		t.Fatal(next, err)
	}
	genesis := func(previous Hash) []byte {
		return b.sign(Record{Kind: KindGenesis, Ledger: next.Ledger(), PreviousHash: previous, Source: GenesisSource})
	}
	alone, err := NewChain(next.Ledger(), b.signer.Verifier())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		chain    *Chain
		previous Hash
	}{"zeros": {next, Hash{}}, "another seal": {next, Hash{1}}, "zeros, alone": {alone, Hash{}}} {
		var f *Fault
		if _, err := c.chain.Accept(genesis(c.previous)); !errors.As(err, &f) || f.Reason != BrokenChain || f.Field != "previous_record_hash" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, c := range []*Chain{next, alone} {
		if _, err := c.Accept(genesis(seal)); err != nil {
			t.Fatal(err)
		}
	}
	early := b.sign(Record{Kind: KindCase, Ledger: next.Ledger(), PreviousHash: next.Last(), Sequence: 1, Source: Source{0, 1, 0}, Case: someCase("early").Case})
	if _, err := next.Accept(early); err == nil || !strings.Contains(err.Error(), "source") {
		t.Errorf("a source from before the seal: %v", err)
	}
}

func TestGenerationOfAName(t *testing.T) {
	for name, want := range map[string]int32{"a/b/0/1": 1, "a/b/0/12": 12, "a/b/0/012": 0, "a/b/0/0": 0, "a/b/0/-1": 0, "a/b/0/x": 0, "l": 0, "7": 7, "a/b/0/999999999": 999999999, "a/b/0/1000000000": 0} {
		if _, got := Generation(name); got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
}
