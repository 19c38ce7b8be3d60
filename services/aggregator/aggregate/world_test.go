package aggregate

import (
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

const prefix = "casetrail.example/test"

var codec = schemas.NewOfflineCodec(pipelines.Subjects(pipelines.Aggregator)...)

func newSigner(t testing.TB, seed byte) *record.Signer {
	t.Helper()
	s, err := record.NewSigner("signer.example", ed25519.NewKeyFromSeed(append(make([]byte, 31), seed)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// book writes one ledger as the record-signer would.
type book struct {
	t           testing.TB
	partition   int32
	signer      *record.Signer
	name        string
	before      int64 // records of the earlier generations
	tree        record.Frontier
	last        record.Hash
	records     []record.Record
	bodies      []stage.Record
	checkpoints []stage.Record
	heads       []schemas.Checkpoint
	late        []stage.Record // for a test that wants them later
}

func newBook(t testing.TB, partition int32) *book {
	return &book{t: t, partition: partition, signer: newSigner(t, 1), name: fmt.Sprintf("%s/%d/1", prefix, partition)}
}

// sign makes the message of a record at the book's end, and its body.
func (b *book) sign(r record.Record, s *record.Signer) (stage.Record, record.Record, []byte) {
	r.PreviousHash, r.Ledger, r.Sequence = b.last, b.name, b.tree.Size()
	if r.Kind != record.KindGenesis {
		r.Source = record.Source{Partition: b.partition, Offset: b.before + r.Sequence}
	}
	body, err := s.SignPayload(nil, r.Append(nil))
	if err != nil {
		b.t.Fatal(err)
	}
	return b.message(body), r, body
}

func (b *book) message(body []byte) stage.Record {
	var s schemas.SignedRecord
	if err := s.DecodeAvro(body); err != nil {
		b.t.Fatal(err)
	}
	return stage.Record{Topic: pipelines.ConductRecords, Partition: b.partition, Value: codec.Append(nil, pipelines.ConductRecords, &s)}
}

// add signs a record, and before the first one the genesis record.
func (b *book) add(r record.Record) {
	if b.tree.Size() == 0 && r.Kind != record.KindGenesis {
		b.add(record.Record{Kind: record.KindGenesis, Source: record.GenesisSource})
	}
	m, r, body := b.sign(r, b.signer)
	b.bodies, b.records = append(b.bodies, m), append(b.records, r)
	b.last = record.LeafHash(body)
	b.tree.Append(b.last)
}

// seal ends the ledger, with a checkpoint of some time, and begins the next.
func (b *book) seal(ms int64) {
	b.add(record.Record{Kind: record.KindSeal})
	b.checkpoint(ms)
	series, generation := record.Generation(b.name)
	b.before, b.name, b.tree = b.before+b.tree.Size(), fmt.Sprintf("%s/%d", series, generation+1), record.Frontier{}
	b.add(record.Record{Kind: record.KindGenesis, Source: record.GenesisSource})
}

func (b *book) checkpoint(ms int64) {
	root := b.tree.Root()
	cp, err := b.signer.SignCheckpoint(b.name, b.tree.Size(), root)
	if err != nil {
		b.t.Fatal(err)
	}
	b.head(schemas.Checkpoint{Ledger: b.name, Partition: b.partition, Size: cp.Size, Root: schemas.Hash(cp.Root), Time: ms, Note: string(cp.Note)})
}

func (b *book) head(cp schemas.Checkpoint) {
	b.heads = append(b.heads, cp)
	b.checkpoints = append(b.checkpoints, stage.Record{Topic: pipelines.ConductCheckpoints, Partition: b.partition,
		Value: codec.Append(nil, pipelines.ConductCheckpoints, &cp)})
}

// world is some ledgers that end at the same time.
type world struct {
	books []*book
	until int64
}

var steps = []int64{0, 900, 10_000, 60_000, 61_001, 3_600_000, 26 * 3_600_000, 40 * 24 * 3_600_000}

// newWorld writes ledgers of some hundred records over hours or months.
func newWorld(t testing.TB, r *rand.Rand) *world {
	w := &world{}
	base := int64(29_000_000+r.IntN(3000)) * minute
	for p := range 1 + r.IntN(3) {
		b, now := newBook(t, int32(p)), base+r.Int64N(2)*r.Int64N(100_000)
		longest := 1 + r.IntN(len(steps))
		if r.IntN(3) == 0 { // records before the first tick
			b.add(anyRecord(r, now))
			b.checkpoint(0)
		}
		for range r.IntN(50) {
			b.checkpoint(now)
			step := steps[r.IntN(longest)]
			for range r.IntN(6) {
				b.add(anyRecord(r, now+r.Int64N(step+1)))
				if r.IntN(30) == 0 {
					b.seal(now)
				}
			}
			now += step
		}
		w.books, w.until = append(w.books, b), max(w.until, now)
	}
	w.until += r.Int64N(40 * 24 * 3_600_000)
	for _, b := range w.books {
		b.checkpoint(w.until)
	}
	return w
}

// documents are policies that measure in different ways. Of case types they, and the code, know nothing.
var documents = []string{
	"", "version: v1",
	"version: v2\nmetrics: {windows: {30m: 5m, 1h: 1m, 24h: 1h}, minimum_cases: 3, human_within: 5m, repeat_contact: 1m}\ndrift: {reference: 168h}",
	"version: v3\nmetrics: {windows: {2h: 10m, 7d: 1h}, handlers: [ai, human], human_within: 1s, repeat_contact: 2000h}\ndrift: {reference: 8000h}",
}

func anyRecord(r *rand.Rand, at int64) record.Record {
	types := []string{"refund_status", "all", "dispute", "zzz", "unknown"}
	maybe := func(v int64) record.Optional[int64] { return record.Optional[int64]{Value: v, Set: r.IntN(2) == 0} }
	score := record.Optional[int32]{}
	if r.IntN(3) > 0 {
		score = record.Some(1 + r.Int32N(5))
	}
	switch r.IntN(12) {
	case 0:
		return record.Record{Kind: record.KindPolicy, Policy: record.Policy{Version: "v1", AppliedAt: at, Document: documents[r.IntN(len(documents))]}}
	case 1, 2, 3:
		return record.Record{Kind: record.KindAmendment, Amendment: record.Amendment{CaseID: "c", CaseType: types[r.IntN(len(types))],
			Route: record.Route(r.IntN(3)), AmendedAt: at, CustomerSatisfactionScore: score, ComplaintLodged: r.IntN(3) == 0, Synthetic: r.IntN(2) == 0}}
	}
	c := record.Case{Workflow: "w", CaseID: fmt.Sprint("case ", r.IntN(1000)), CaseType: types[r.IntN(len(types))], Route: record.Route(r.IntN(3)),
		ResolutionOutcome: record.Outcome(r.IntN(5)), CustomerSatisfactionScore: score, ComplaintLodged: r.IntN(3) == 0,
		EscalationTriggered: r.IntN(2) == 0, OpenedAt: at - r.Int64N(1e7), HumanRequestedAt: maybe(at - r.Int64N(6)*minute),
		EscalatedAt: maybe(at - r.Int64N(6)*minute), HumanJoinedAt: maybe(at - r.Int64N(6)*minute), ConcludedAt: at,
		GuardBreach: r.IntN(5) == 0, Synthetic: r.IntN(2) == 0}
	if n := r.IntN(6); n > 0 {
		c.CustomerCommitment = record.Hash{byte(n)}
	}
	for range r.IntN(3) {
		c.EscalationSignals = append(c.EscalationSignals, record.Signal(r.IntN(9)))
	}
	return record.Record{Kind: record.KindCase, Case: c}
}

// streams are the topics of a world, a stream for each partition of each.
func (w *world) streams() [][]stage.Record {
	var out [][]stage.Record
	for _, b := range w.books {
		out = append(out, b.bodies, b.checkpoints)
	}
	return out
}

// repeat sends parts of a stream again, as a producer without a memory would.
func repeat(r *rand.Rand, in []stage.Record) []stage.Record {
	var out []stage.Record
	for i := range in {
		out = append(out, in[i])
		if r.IntN(20) == 0 {
			out = append(out, in[max(0, i-r.IntN(8)):i+1]...)
		}
	}
	return out
}

// interleave merges streams in some order that keeps each one's own.
func interleave(r *rand.Rand, streams [][]stage.Record) []stage.Record {
	streams = append([][]stage.Record{}, streams...)
	var out []stage.Record
	for len(streams) > 0 {
		i := r.IntN(len(streams))
		n := min(len(streams[i]), 1+r.IntN(1+r.IntN(50)))
		out, streams[i] = append(out, streams[i][:n]...), streams[i][n:]
		if len(streams[i]) == 0 {
			streams = append(streams[:i], streams[i+1:]...)
		}
	}
	return out
}
