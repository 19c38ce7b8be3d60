package insert

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// topics is a small ledger as it stands in Kafka.
type topics struct {
	t      *testing.T
	signer *record.Signer
	name   string
	tree   record.Frontier
	last   record.Hash
	bodies [][]byte
	heads  []schemas.Checkpoint
}

func signer(t *testing.T, name string) *record.Signer {
	t.Helper()
	seed := sha256.Sum256([]byte(name))
	s, err := record.NewSigner(name, ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newTopics(t *testing.T) *topics {
	k := &topics{t: t, signer: signer(t, "first"), name: "casetrail/test/0/1"}
	k.add(record.Record{Kind: record.KindGenesis, Source: record.GenesisSource})
	return k
}

func (k *topics) body(r record.Record) []byte {
	r.PreviousHash, r.Ledger, r.Sequence = k.last, k.name, k.tree.Size()
	if r.Kind != record.KindGenesis {
		r.Source = record.Source{Offset: k.tree.Size()}
	}
	b, err := k.signer.SignPayload(nil, r.Append(nil))
	if err != nil {
		k.t.Fatal(err)
	}
	return b
}

func (k *topics) add(r record.Record) {
	b := k.body(r)
	k.last = record.LeafHash(b)
	k.tree.Append(k.last)
	k.bodies = append(k.bodies, b)
}

func (k *topics) cases(n int) {
	for range n {
		k.add(record.Record{Kind: record.KindCase, Case: record.Case{CaseID: fmt.Sprint(len(k.bodies)), CaseType: "dispute"}})
	}
}

func (k *topics) checkpoint() { k.heads = append(k.heads, k.head(k.signer)) }

func (k *topics) head(s *record.Signer) schemas.Checkpoint {
	cp, err := s.SignCheckpoint(k.name, k.tree.Size(), k.tree.Root())
	if err != nil {
		k.t.Fatal(err)
	}
	return schemas.Checkpoint{Ledger: k.name, Size: cp.Size, Root: schemas.Hash(cp.Root), Time: int64(len(k.heads)), Note: string(cp.Note)}
}

func (k *topics) fold() *Fold {
	f, err := NewFold("casetrail/test", 0, []string{signer(k.t, "first").VerifierKey()})
	if err != nil {
		k.t.Fatal(err)
	}
	return f
}

// blocks drives a fold to its end: what is in its topics, records first or checkpoints first.
func (k *topics) blocks(f *Fold, recordsFirst bool) (tokens []string, last Head, err error) {
	records := func() {
		for i, b := range k.bodies {
			f.Record(b, int64(i))
		}
	}
	if recordsFirst {
		records()
	}
	for i, h := range k.heads {
		f.Checkpoint(h, int64(i))
	}
	if !recordsFirst {
		records()
	}
	for {
		b, err := f.Next()
		if b == nil || err != nil {
			return tokens, last, err
		}
		if int64(b.Rows.Len()) != b.Head.Size-b.From {
			k.t.Fatalf("a block of %d rows from %d to %d", b.Rows.Len(), b.From, b.Head.Size)
		}
		tokens, last = append(tokens, b.Token()[:len(b.Token())-65]), b.Head
		f.Inserted()
	}
}

func (k *topics) want(f *Fold, want ...string) Head {
	k.t.Helper()
	got, last, err := k.blocks(f, true)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		k.t.Fatalf("got %v, %v\nwant %v; skipped %v", got, err, want, f.Skipped)
	}
	return last
}

func TestBlocksAreCutAtCheckpointsAlone(t *testing.T) {
	k := newTopics(t)
	for _, n := range []int{3, 0, 2, 4} {
		k.cases(n)
		k.checkpoint()
	}
	k.cases(5) // no checkpoint covers these
	want := []string{"casetrail/test/0/1/0-3", "casetrail/test/0/1/4-3", "casetrail/test/0/1/4-5", "casetrail/test/0/1/6-9"}
	last := k.want(k.fold(), want...)
	got, again, err := k.blocks(k.fold(), false)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) || fmt.Sprint(again) != fmt.Sprint(last) {
		t.Fatalf("the order between the topics matters: %v, %v", got, err)
	}
	if last.RecordsOffset != 10 || last.Offset != 3 {
		t.Fatalf("goes on at %d and after %d", last.RecordsOffset, last.Offset)
	}
}

func TestResumeGoesOnInTheSameBlocks(t *testing.T) {
	k := newTopics(t)
	k.cases(3)
	k.checkpoint()
	last := k.want(k.fold(), "casetrail/test/0/1/0-3")
	body := k.bodies[3]
	k.cases(2)
	k.checkpoint()
	f := k.fold()
	if err := f.Resume(last, body); err != nil {
		t.Fatal(err)
	}
	k.heads[0].Note = "what stands before its offset is not read again" // and everything twice is skipped
	k.want(f, "casetrail/test/0/1/4-5")
	if err := k.fold().Resume(last, k.bodies[2]); !errors.Is(err, ErrContradiction) {
		t.Fatalf("another last record: %v", err)
	}
	last.Root[0]++
	if err := k.fold().Resume(last, body); !errors.Is(err, ErrContradiction) {
		t.Fatalf("another root: %v", err)
	}
}

func TestABodyThatNobodySignedIsLeftOut(t *testing.T) {
	k := newTopics(t)
	k.cases(2)
	k.checkpoint()
	forged := k.body(record.Record{Kind: record.KindCase, Case: record.Case{CaseID: "forged"}})
	forged[len(forged)-1]++
	k.bodies = append(k.bodies, forged)
	k.cases(2)
	k.checkpoint()
	k.bodies = append(k.bodies, k.bodies[4], []byte("junk"))
	k.cases(1)
	k.checkpoint()
	f := k.fold()
	k.want(f, "casetrail/test/0/1/0-2", "casetrail/test/0/1/3-4", "casetrail/test/0/1/5-5")
	if f.Skipped["bad_signature"] != 1 || f.Skipped["malformed"] != 1 || f.Skipped["duplicate"] != 1 {
		t.Fatalf("skipped %v", f.Skipped)
	}
}

func TestCheckpointsThatAreNoneAreSkipped(t *testing.T) {
	k := newTopics(t)
	k.cases(2)
	stranger := k.head(signer(t, "stranger"))
	k.heads = append(k.heads, schemas.Checkpoint{Note: "junk"}, stranger)
	k.checkpoint()
	k.cases(1)
	k.checkpoint()
	k.heads = append(k.heads, k.heads[2]) // again, and too late
	f := k.fold()
	k.want(f, "casetrail/test/0/1/0-2", "casetrail/test/0/1/3-3")
	if f.Skipped["malformed"] != 1 || f.Skipped["unknown_key"] != 1 || f.Skipped["stale"] != 1 {
		t.Fatalf("skipped %v", f.Skipped)
	}
}

func TestKeyRotationAndNextGeneration(t *testing.T) {
	k := newTopics(t)
	k.cases(1)
	k.checkpoint()
	next := signer(t, "second")
	k.add(record.Record{Kind: record.KindKeyRotation, Rotation: record.Rotation{PublicKey: next.VerifierKey(), FromSequence: 3}})
	k.checkpoint() // by the old key still
	k.signer = next
	k.cases(2)
	k.checkpoint()
	k.add(record.Record{Kind: record.KindSeal})
	k.checkpoint()
	sealed := k.bodies[len(k.bodies)-1]
	last := k.want(k.fold(), "casetrail/test/0/1/0-1", "casetrail/test/0/1/2-2", "casetrail/test/0/1/3-4", "casetrail/test/0/1/5-5")
	if last.Key != next.VerifierKey() {
		t.Fatalf("key %q", last.Key)
	}
	k.name, k.tree, k.last = "casetrail/test/0/2", record.Frontier{}, record.LeafHash(sealed)
	k.add(record.Record{Kind: record.KindGenesis, Source: record.GenesisSource})
	k.checkpoint()
	f := k.fold()
	if err := f.Resume(last, sealed); err != nil {
		t.Fatal(err)
	}
	k.bodies, k.heads = k.bodies[len(k.bodies)-1:], k.heads[len(k.heads)-1:]
	f.Record(k.bodies[0], last.RecordsOffset)
	f.Checkpoint(k.heads[0], last.Offset+1)
	if b, err := f.Next(); err != nil || b == nil || b.Head.Ledger != k.name || b.From != 0 || b.Rows.Len() != 1 {
		t.Fatalf("%+v, %v; skipped %v", b, err, f.Skipped)
	}
}

// The first checkpoint may come after the rotation already, by a key that only the records tell.
func TestTheFirstCheckpointMayBeTheNewKeys(t *testing.T) {
	k := newTopics(t)
	next := signer(t, "second")
	k.add(record.Record{Kind: record.KindKeyRotation, Rotation: record.Rotation{PublicKey: next.VerifierKey(), FromSequence: 2}})
	k.signer = next
	k.cases(1)
	k.checkpoint()
	k.cases(1)
	k.checkpoint()
	for _, recordsFirst := range []bool{true, false} {
		f := k.fold()
		if got, last, err := k.blocks(f, recordsFirst); err != nil || len(got) != 2 || last.Key != next.VerifierKey() {
			t.Errorf("records first %t: got %v by %s, %v; skipped %v", recordsFirst, got, last.Key, err, f.Skipped)
		}
	}
}

func TestAnotherRootIsAContradiction(t *testing.T) {
	k := newTopics(t)
	k.cases(2)
	k.checkpoint()
	fork := *k
	fork.bodies = slices.Clone(k.bodies)
	k.cases(1)
	fork.add(record.Record{Kind: record.KindCase, Case: record.Case{CaseID: "another"}})
	fork.checkpoint()
	k.heads = append(k.heads, fork.heads[1])
	if _, _, err := k.blocks(k.fold(), true); !errors.Is(err, ErrContradiction) {
		t.Fatal(err)
	}
}
