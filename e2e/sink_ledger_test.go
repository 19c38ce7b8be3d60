package e2e

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/clickhouse-sink/insert"
)

const minuteMS = int64(60_000)

// testLedger is one partition's topics: records and checkpoints as the record-signer would write them.
type testLedger struct {
	t         testing.TB
	rng       *rand.Rand
	partition int32
	signer    *record.Signer
	name      string
	tree      record.Frontier
	last      record.Hash
	offset    int64 // of the conclusions behind the records
	now       int64
	model     string // of the AI, and the policy's version, from here on
	version   string
	bodies    [][]byte
	records   []record.Record
	heads     []schemas.Checkpoint
	at        []int // how many bodies stand before each of heads
}

func newTestLedger(t testing.TB, partition int32, seed uint64) *testLedger {
	key := sha256.Sum256(fmt.Appendf(nil, "test key %d", partition))
	signer, err := record.NewSigner("test", ed25519.NewKeyFromSeed(key[:]))
	if err != nil {
		t.Fatal(err)
	}
	l := &testLedger{t: t, rng: rand.New(rand.NewPCG(seed, uint64(partition))), partition: partition, signer: signer,
		name: fmt.Sprintf("casetrail/test/%d/1", partition), now: 29_500_000 * minuteMS, model: "model-3", version: "2026-01"}
	l.add(record.Record{Kind: record.KindGenesis, Source: record.GenesisSource})
	return l
}

func (l *testLedger) add(r record.Record) {
	r.PreviousHash, r.Ledger, r.Sequence = l.last, l.name, l.tree.Size()
	if r.Kind != record.KindGenesis {
		l.offset += 1 + l.rng.Int64N(3)
		r.Source = record.Source{Partition: l.partition, Offset: l.offset}
	}
	body, err := l.signer.SignPayload(nil, r.Append(nil))
	if err != nil {
		l.t.Fatal(err)
	}
	l.last = record.LeafHash(body)
	l.tree.Append(l.last)
	l.bodies, l.records = append(l.bodies, body), append(l.records, r)
}

var caseTypes = []string{"refund_status", "dispute", "fraud_claim", "shipment_tracking", "balance_inquiry", "hardship_request", "unknown", "all"}

func (l *testLedger) maybe(p float64, v int64) record.Optional[int64] {
	return record.Optional[int64]{Value: v, Set: l.rng.Float64() < p}
}

func (l *testLedger) rating(p float64) record.Optional[int32] {
	return record.Optional[int32]{Value: 1 + l.rng.Int32N(5), Set: l.rng.Float64() < p}
}

// conclude adds a case that is concluded now.
func (l *testLedger) conclude() {
	opened := l.now - l.rng.Int64N(40*minuteMS)
	c := record.Case{Workflow: "support", CaseID: fmt.Sprintf("case-%d-%d", l.partition, len(l.bodies)), CaseType: caseTypes[l.rng.IntN(len(caseTypes))],
		Route: record.Route(l.rng.IntN(3)), Handler: record.Handler(l.rng.IntN(2)), AIModelVersion: record.Optional[string]{Value: l.model, Set: true},
		ClassifierVersion: "linear-1", PolicyVersion: l.version, ResolutionOutcome: record.Outcome(l.rng.IntN(5)),
		CustomerSatisfactionScore: l.rating(.3), ComplaintLodged: l.rng.IntN(10) == 0, EscalationTriggered: l.rng.IntN(4) == 0,
		OpenedAt: opened, HumanRequestedAt: l.maybe(.3, opened+l.rng.Int64N(5*minuteMS)), EscalatedAt: l.maybe(.3, opened+l.rng.Int64N(5*minuteMS)),
		HumanJoinedAt: l.maybe(.5, opened+l.rng.Int64N(9*minuteMS)), ConcludedAt: l.now, CustomerMessages: 3, AIMessages: 2,
		HumanMessages: l.rng.Int32N(3), GuardBreach: l.rng.IntN(50) == 0, Synthetic: l.rng.IntN(5) == 0}
	if n := l.rng.IntN(60); n > 0 { // customers come back, and to another ledger too; some are not known
		c.CustomerCommitment = sha256.Sum256(fmt.Append(nil, n))
	}
	for range l.rng.IntN(4) {
		c.EscalationSignals = append(c.EscalationSignals, record.Signal(l.rng.IntN(9)))
	}
	l.add(record.Record{Kind: record.KindCase, Case: c})
}

// policy adds a policy's record, as of now.
func (l *testLedger) policy(document string) {
	l.add(record.Record{Kind: record.KindPolicy, Policy: record.Policy{Version: fmt.Sprint(len(l.bodies)), SHA256: sha256.Sum256([]byte(document)), AppliedAt: l.now, Document: document}})
}

// amend adds a late rating, a complaint, both or neither to some case.
func (l *testLedger) amend() {
	for range 10 {
		r := &l.records[l.rng.IntN(len(l.records))]
		if r.Kind != record.KindCase {
			continue
		}
		l.add(record.Record{Kind: record.KindAmendment, Amendment: record.Amendment{Amends: r.Source, CaseID: r.Case.CaseID,
			CaseType: r.Case.CaseType, Route: r.Case.Route, Handler: r.Case.Handler, AmendedAt: l.now,
			CustomerSatisfactionScore: l.rating(.7), ComplaintLodged: l.rng.IntN(3) == 0, Synthetic: l.rng.IntN(5) == 0}})
		return
	}
}

// folded is a case with what came late.
type folded struct {
	record.Case
	rating  int32 // 0 for none
	amended bool
}

// cases are all cases with their amendments.
func (l *testLedger) cases() map[record.Source]*folded {
	out := map[record.Source]*folded{}
	for i := range l.records {
		r := &l.records[i]
		switch r.Kind {
		case record.KindCase:
			out[r.Source] = &folded{Case: r.Case, rating: r.Case.CustomerSatisfactionScore.Value}
			if !r.Case.CustomerSatisfactionScore.Set {
				out[r.Source].rating = 0
			}
		case record.KindAmendment:
			f := out[r.Amendment.Amends]
			f.amended = true
			f.ComplaintLodged = f.ComplaintLodged || r.Amendment.ComplaintLodged
			if r.Amendment.CustomerSatisfactionScore.Set {
				f.rating = r.Amendment.CustomerSatisfactionScore.Value
			}
		}
	}
	return out
}

// checkpoint signs what is there, as of now.
func (l *testLedger) checkpoint() {
	root := l.tree.Root()
	cp, err := l.signer.SignCheckpoint(l.name, l.tree.Size(), root)
	if err != nil {
		l.t.Fatal(err)
	}
	m := schemas.Checkpoint{Ledger: l.name, Partition: l.partition, Size: cp.Size, Root: schemas.Hash(root), Time: l.now, Note: string(cp.Note)}
	for _, h := range l.tree.Roots() {
		m.Frontier = append(m.Frontier, schemas.Hash(h))
	}
	l.heads, l.at = append(l.heads, m), append(l.at, len(l.bodies))
}

// run makes blocks of about size records, step milliseconds apart.
func (l *testLedger) run(blocks, size int, step int64) {
	for range blocks {
		for range l.rng.IntN(2*size + 1) {
			l.now += l.rng.Int64N(2*step + 1)
			if l.rng.IntN(6) == 0 {
				l.amend()
			} else {
				l.conclude()
			}
		}
		l.now++
		l.checkpoint()
	}
}

// fold is a fold over the ledger that resumes after what db holds, and reads on to the end.
func (l *testLedger) fold(db *insert.Database) (*insert.Fold, error) {
	f, err := insert.NewFold("casetrail/test", l.partition, []string{l.signer.VerifierKey()})
	if err != nil {
		return nil, err
	}
	h, last, ok, err := db.Head(l.t.Context(), l.partition)
	if err != nil {
		return nil, err
	}
	records, heads := 0, 0
	if ok {
		if err := f.Resume(h, last); err != nil {
			return nil, err
		}
		records, heads = int(h.RecordsOffset), int(h.Offset)+1
	}
	for i := records; i < len(l.bodies); i++ {
		f.Record(l.bodies[i], int64(i))
	}
	for i := heads; i < len(l.heads); i++ {
		f.Checkpoint(l.heads[i], int64(i))
	}
	return f, nil
}

// sink inserts everything that is not in db yet.
func (l *testLedger) sink(db *insert.Database) error {
	f, err := l.fold(db)
	if err != nil {
		return err
	}
	for {
		b, err := f.Next()
		if b == nil || err != nil {
			return err
		}
		if err := db.Insert(l.t.Context(), b); err != nil {
			return err
		}
		f.Inserted()
	}
}
