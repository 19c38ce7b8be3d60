package sign

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"testing"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/pipelines/stage/memory"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

const prefix = "casetrail/test"

func testKey(t testing.TB, seed byte) *record.Signer {
	t.Helper()
	return testNamed(t, "casetrail-test", seed)
}

// rotated is the seed of the key that a history's ledger is rotated to.
const rotated = 5

func testNamed(t testing.TB, name string, seed byte) *record.Signer {
	t.Helper()
	k, err := record.NewSigner(name, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var codec = schemas.NewOfflineCodec(append(pipelines.Subjects(pipelines.RecordSigner),
	schemas.Subject{Topic: pipelines.ChatRejects, Record: "casetrail.ChatReject"},
	schemas.Subject{Topic: pipelines.ChatEvents, Record: "casetrail.ChatEvent"})...)

// memStore is a Store in memory that counts what it keeps.
type memStore struct {
	kept  map[string][]byte
	swaps int
	fail  error
}

func newStore() *memStore { return &memStore{kept: map[string][]byte{}} }

func (m *memStore) Path(string) string { return "memory" }

func (m *memStore) Load(ledger string) ([]byte, error) { return m.kept[ledger], nil }

func (m *memStore) Newest(series string) (ledger string, err error) {
	for name := range m.kept {
		if generationOf(series, name) > generationOf(series, ledger) {
			ledger = name
		}
	}
	return ledger, nil
}

func (m *memStore) Swap(ledger string, old, next []byte) error {
	if m.fail != nil {
		return m.fail
	}
	if !bytes.Equal(m.kept[ledger], old) {
		return ErrConflict
	}
	m.kept[ledger] = bytes.Clone(next)
	m.swaps++
	return nil
}

func conclusion(id string) schemas.Message {
	return &schemas.CaseConclusion{Case: schemas.ConductCase{Workflow: "support", CaseID: id, CaseType: "billing", Handler: schemas.HandlerAI,
		AIModelVersion: schemas.Some("m-1"), ClassifierVersion: "c-1", PolicyVersion: "p-1", ResolutionOutcome: schemas.OutcomeResolvedConfirmed,
		OpenedAt: 1760000000000, ConcludedAt: 1760000060000, CustomerMessages: 2, AIMessages: 2}}
}

func at(time int64) schemas.Message { return &schemas.Tick{Time: time, Sources: 1} }

// input is a message as the router writes it to case.conclusions of partition 0.
func input(m schemas.Message, offset int64, ordinal int32) stage.Record {
	return stage.Record{Topic: pipelines.CaseConclusions, Stage: pipelines.Router, Value: codec.Append(nil, pipelines.CaseConclusions, m),
		Position: stage.Position{Offset: offset, Ordinal: ordinal}, Trace: fmt.Sprintf("00-%032x-%016x-01", offset+1, 1)}
}

// rotation is an order that intake has taken.
func rotation(t testing.TB, from, to byte) schemas.Message {
	return &schemas.LedgerOrder{Order: schemas.OrderKindRotateKey, Ledgers: prefix,
		Replaces: schemas.Some(testKey(t, from).VerifierKey()), PublicKey: schemas.Some(testKey(t, to).VerifierKey())}
}

// seal is an order that intake has taken.
func seal(generation int32) schemas.Message {
	return &schemas.LedgerOrder{Order: schemas.OrderKindSeal, Ledgers: prefix, Generation: schemas.Some(generation)}
}

// history is a log with inputs of every kind, duplicates and noise: what a long and hard day gives.
func history(t testing.TB, messages int) *memory.Log { return day(t, messages, true) }

// day is a history, of one ledger or of several.
func day(t testing.TB, messages int, seals bool) *memory.Log {
	l := memory.New(1)
	now := int64(1760000000000)
	l.Append(input(at(now), 0, 0)) // before there is anything to sign
	for i := range messages {
		o := int64(10 + i)
		if i == 18 {
			l.Append(input(rotation(t, 1, rotated), o, 0), input(rotation(t, 1, 6), o, 1)) // the second one comes too late
			continue
		}
		switch {
		case !seals:
		case i == 21, i == 30, i == 45: // the second one is the first, played again in the next generation
			l.Append(input(erasure(int64(1+i/40)), o, 0))
			continue
		case i == 24:
			l.Append(input(seal(1), o, 0), input(seal(1), o, 1)) // the second one is of a generation that has ended
			continue
		case i == 37, i == 38: // the third generation is sealed as soon as it has begun
			l.Append(input(seal(int32(i-35)), o, 0))
			continue
		}
		switch i % 13 {
		case 3, 8:
			now += 700
			l.Append(input(at(now), o, 0))
		case 5:
			now += 12_000
			l.Append(input(at(now), o, 0), input(at(now), o, 0))
		case 6:
			l.Append(input(&schemas.CaseAmendment{Amendment: schemas.ConductAmendment{Amends: schemas.Position{Offset: o - 1}, CaseID: fmt.Sprint("case-", i-1),
				CaseType: "billing", AmendedAt: now, CustomerSatisfactionScore: schemas.Some(int32(2))}}, o, 0))
		case 7:
			l.Append(input(&schemas.PolicyApplied{Policy: schemas.ConductPolicy{Version: "p-2", AppliedAt: now}}, o, 0))
		case 10: // noise from outside, and one of the router's messages again
			l.Append(stage.Record{Topic: pipelines.CaseConclusions, Value: []byte("hello")})
			l.Append(input(conclusion(fmt.Sprint("case-", i-1)), o-1, 1))
		default:
			l.Append(input(conclusion(fmt.Sprint("case-", i)), o, 0), input(conclusion(fmt.Sprint("other-", i)), o, 1))
		}
	}
	return l
}

// copyInput is a log with the same input and no output.
func copyInput(l *memory.Log) *memory.Log {
	c := memory.New(1)
	c.Append(l.Records(pipelines.CaseConclusions, 0)...)
	return c
}

func definition(t testing.TB, store Store) stage.Definition {
	return Definition(codec, Keys{testKey(t, 1), testKey(t, rotated)}, prefix, store)
}

// drain runs a signer to the end of its input.
func drain(t testing.TB, l *memory.Log, store Store, batch int) {
	t.Helper()
	s, err := memory.Start(l, definition(t, store), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Drain(batch); err != nil {
		t.Fatal(err)
	}
}

// outputs are the bytes of an output topic with their keys and positions, without repetitions of positions.
func outputs(l *memory.Log, topic string) []string {
	var out []string
	seen := stage.Filter{}
	for _, r := range l.Records(topic, 0) {
		if r.Stage == pipelines.RecordSigner && seen.Accept(r.Position) {
			out = append(out, fmt.Sprintf("%v %s %x %s", r.Position, r.Key, r.Value, r.Trace))
		}
	}
	return out
}

func allOutputs(l *memory.Log) map[string][]string {
	return map[string][]string{pipelines.ConductRecords: outputs(l, pipelines.ConductRecords),
		pipelines.ConductCheckpoints: outputs(l, pipelines.ConductCheckpoints), pipelines.ChatRejects: outputs(l, pipelines.ChatRejects)}
}

// audit reads the ledgers as any reader does and returns the chain of the last one; every checkpoint must match, and each sealed
// ledger has one that covers it.
func audit(t testing.TB, l *memory.Log) *record.Chain {
	t.Helper()
	chain, err := record.NewChain(Ledger(prefix, 0), testKey(t, 1).Verifier())
	if err != nil {
		t.Fatal(err)
	}
	chains := map[string]*record.Chain{chain.Ledger(): chain}
	roots := map[extent]record.Hash{of(chain): chain.Root()}
	for _, r := range l.Records(pipelines.ConductRecords, 0) {
		s, err := record.Decode(r.Value[5:])
		if err != nil {
			t.Fatal(err)
		}
		if chain.Sealed() && chains[s.Ledger] == nil {
			if chain, err = chain.Next(); err != nil {
				t.Fatal(err)
			}
			chains[chain.Ledger()] = chain
		}
		of := of(chains[s.Ledger])
		if _, err := chains[s.Ledger].Accept(r.Value[5:]); err != nil {
			if f := (*record.Fault)(nil); !errors.As(err, &f) || f.Reason != record.Duplicate {
				t.Fatal(err)
			}
			continue
		}
		of.size++
		roots[of] = chain.Root()
	}
	covered := map[extent]bool{}
	for _, r := range l.Records(pipelines.ConductCheckpoints, 0) {
		var m schemas.Checkpoint
		if err := codec.DecodeInto(r.Value, &m); err != nil {
			t.Fatal(err)
		}
		c := chains[m.Ledger]
		if c == nil {
			t.Fatalf("a checkpoint of ledger %s, of which there is no record", m.Ledger)
		}
		cp, err := record.OpenCheckpoint([]byte(m.Note), c.Key(m.Size-1))
		if err != nil {
			t.Fatal(err)
		}
		if root, ok := roots[to(cp)]; !ok || root != cp.Root || m.Root != schemas.Hash(root) || m.Size != cp.Size {
			t.Fatalf("checkpoint of size %d of %s does not match the records", cp.Size, cp.Ledger)
		}
		covered[to(cp)] = true
	}
	for _, c := range chains {
		if c.Sealed() && c != chain && !covered[of(c)] {
			t.Fatalf("no checkpoint covers ledger %s to its seal", c.Ledger())
		}
	}
	return chain
}
