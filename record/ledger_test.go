package record

import (
	"fmt"
	"testing"
)

const testLedger = "casetrail/test/0/1"

// builder makes a ledger as a signer does.
type builder struct {
	t      testing.TB
	signer *Signer
	chain  *Chain
	bodies [][]byte
	marks  map[int][]byte // checkpoint notes by size
}

func newBuilder(t testing.TB) *builder {
	t.Helper()
	s := testSigner(t, "casetrail-test", 1)
	c, err := NewChain(testLedger, s.Verifier())
	if err != nil {
		t.Fatal(err)
	}
	return &builder{t: t, signer: s, chain: c, marks: map[int][]byte{}}
}

// sign makes the body of a record that need not be valid.
func (b *builder) sign(r Record) []byte {
	b.t.Helper()
	body, err := b.signer.SignPayload(nil, r.Append(nil))
	if err != nil {
		b.t.Fatal(err)
	}
	return body
}

// next fills in what makes r the next record.
func (b *builder) next(r Record) Record {
	r.PreviousHash, r.Ledger, r.Sequence = b.chain.Last(), b.chain.Ledger(), b.chain.Size()
	switch {
	case r.Kind == KindGenesis:
		r.Source = GenesisSource
	case r.Source == Source{}:
		r.Source = Source{0, 10 * r.Sequence, 0}
	}
	return r
}

func (b *builder) add(r Record) {
	b.t.Helper()
	body := b.sign(b.next(r))
	if _, err := b.chain.Accept(body); err != nil {
		b.t.Fatal(err)
	}
	b.bodies = append(b.bodies, body)
}

func (b *builder) mark() []byte {
	b.t.Helper()
	cp, err := b.signer.SignCheckpoint(b.chain.Ledger(), b.chain.Size(), b.chain.Root())
	if err != nil {
		b.t.Fatal(err)
	}
	b.marks[int(cp.Size)] = cp.Note
	return cp.Note
}

func someCase(id string) Record {
	return Record{Kind: KindCase, Case: Case{Workflow: "support", CaseID: id, CaseType: "billing", Handler: HandlerAI,
		AIModelVersion: Some("model-7"), ClassifierVersion: "c-3", PolicyVersion: "p-1", OpenedAt: 1760000000000,
		ConcludedAt: 1760000060000, CustomerMessages: 2, AIMessages: 2}}
}

// plain is a ledger of a genesis record and so many cases.
func plain(t testing.TB, cases int) *builder {
	b := newBuilder(t)
	b.add(Record{Kind: KindGenesis})
	for i := range cases {
		b.add(someCase(fmt.Sprintf("case-%d", i)))
	}
	return b
}

// reader is a new reader of the builder's ledger.
func (b *builder) reader() *Chain {
	c, err := NewChain(testLedger, testSigner(b.t, "casetrail-test", 1).Verifier())
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}
