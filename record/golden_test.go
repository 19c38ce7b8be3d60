package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata anew; what it holds is the format, so this breaks every ledger there is")

const document = "version: 2026-01\n"

// goldenLedger is a ledger of all kinds, the same in every run.
func goldenLedger(t testing.TB) *builder {
	b := newBuilder(t)
	next := testSigner(t, "casetrail-test-2", 2)
	commitment := Hash{1, 2, 3}
	b.add(Record{Kind: KindGenesis})
	b.add(Record{Kind: KindPolicy, Source: Source{0, 4, 0}, Policy: Policy{"2026-01", sha256.Sum256([]byte(document)), 1767225600000, document}})
	b.add(Record{Kind: KindCase, Source: Source{0, 9, 1}, Case: Case{Workflow: "support", CaseID: "case-1", CaseType: "billing",
		AIModelVersion: Some("model-7"), ClassifierVersion: "c-3", PolicyVersion: "2026-01", CustomerSatisfactionScore: Some(int32(5)),
		OpenedAt: 1767225600000, ConcludedAt: 1767225660000, CustomerMessages: 3, AIMessages: 3, CustomerCommitment: commitment}})
	b.add(Record{Kind: KindCase, Source: Source{0, 9, 2}, Case: Case{Workflow: "תמיכה", CaseID: "מקרה־٧", CaseType: "complaint", Route: RouteHumanHandled,
		Handler: HandlerHuman, ClassifierVersion: "c-3", PolicyVersion: "2026-01", ResolutionOutcome: OutcomeUnresolved, ComplaintLodged: true,
		OpenedAt: 1767225600000, HumanJoinedAt: Some(int64(1767225610000)), ConcludedAt: 1767225720000, CustomerMessages: 2, HumanMessages: 2}})
	b.mark()
	b.add(Record{Kind: KindCase, Source: Source{0, 12, 0}, Case: Case{Workflow: "support", CaseID: "案件-🧾", CaseType: "bereavement", Route: RouteAIThenEscalated,
		Handler: HandlerHuman, AIModelVersion: Some("model-7"), ClassifierVersion: "c-3", PolicyVersion: "2026-01",
		ResolutionOutcome: OutcomeResolvedUnconfirmed, EscalationTriggered: true, EscalationSignals: []Signal{SignalNegativeSentiment, SignalHumanRequest},
		OpenedAt: 1767225600000, HumanRequestedAt: Some(int64(1767225620000)), EscalatedAt: Some(int64(1767225620000)),
		HumanJoinedAt: Some(int64(1767225700000)), ConcludedAt: 1767226000000, CustomerMessages: 6, AIMessages: 3, HumanMessages: 4}})
	b.add(Record{Kind: KindCase, Source: Source{0, 15, 0}, Case: Case{Workflow: "support", CaseID: "case-4", CaseType: "unknown", Route: RouteHumanHandled,
		Handler: HandlerHuman, AIModelVersion: Some("model-7"), ClassifierVersion: "", PolicyVersion: "", ResolutionOutcome: OutcomeAbandoned,
		EscalationTriggered: true, EscalationSignals: []Signal{SignalGuardBreach}, OpenedAt: 1767225600000, EscalatedAt: Some(int64(1767225601000)),
		ConcludedAt: 1767229200000, CustomerMessages: 1, AIMessages: 1, GuardBreach: true, Synthetic: true}})
	b.add(Record{Kind: KindAmendment, Source: Source{0, 20, 0}, Amendment: Amendment{Amends: Source{0, 9, 2}, CaseID: "מקרה־٧", CaseType: "complaint",
		Route: RouteHumanHandled, Handler: HandlerHuman, AmendedAt: 1767226600000, CustomerSatisfactionScore: Some(int32(1))}})
	b.add(Record{Kind: KindAmendment, Source: Source{0, 21, 0}, Amendment: Amendment{Amends: Source{0, 9, 1}, CaseID: "case-1", CaseType: "billing",
		AmendedAt: 1767226700000, ComplaintLodged: true, Synthetic: true}})
	b.add(Record{Kind: KindErasure, Source: Source{0, 30, 0}, Erasure: Erasure{Hash{0xee}, 1767227000000}})
	b.add(Record{Kind: KindKeyRotation, Source: Source{0, 31, 0}, Rotation: Rotation{next.VerifierKey(), 10}})
	b.mark()
	b.signer = next
	b.add(Record{Kind: KindCase, Source: Source{0, 4000000000, 7}, Case: Case{Workflow: "support", CaseID: strings.Repeat("x", 128), CaseType: "billing",
		ClassifierVersion: "c-4", PolicyVersion: "2026-02", ResolutionOutcome: OutcomeTransferred, OpenedAt: 1767225600000, ConcludedAt: 1767225600000}})
	b.add(Record{Kind: KindSeal, Source: Source{0, 4000000001, 0}})
	b.mark()
	return b
}

// export writes an export of bodies; every checkpoint stands after its last record.
func export(t testing.TB, b *builder, bodies [][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewExportWriter(&out, testLedger, testSigner(t, "casetrail-test", 1).VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	for i, body := range bodies {
		if err := w.Record(int64(i), body); err != nil {
			t.Fatal(err)
		}
		if text := b.marks[i+1]; text != nil {
			if err := w.Checkpoint(text); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs from what is made now: the format changed", path)
	}
}

// What is signed today is what was signed when testdata was written, byte for byte.
func TestGolden(t *testing.T) {
	b := goldenLedger(t)
	golden(t, "golden.jsonl", export(t, b, b.bodies))
	golden(t, "golden.vkey", []byte(testSigner(t, "casetrail-test", 1).VerifierKey()+"\n"))
	golden(t, "golden.checkpoint", b.marks[12])

	f, err := os.Open("testdata/golden.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	trusted, err := LoadVerifier("testdata/golden.vkey")
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	r, vkey, err := VerifyExport(f, trusted, func(int64) { calls++ })
	if err != nil {
		t.Fatal(err)
	}
	want := map[Kind]int64{KindGenesis: 1, KindPolicy: 1, KindCase: 5, KindAmendment: 2, KindErasure: 1, KindKeyRotation: 1, KindSeal: 1}
	if r.Records != 12 || r.Checkpoints != 3 || r.Covered != 12 || r.Ledger != testLedger || r.Root != b.chain.Root() || !maps.Equal(r.Kinds, want) || calls == 0 {
		t.Errorf("%+v", r)
	}
	if vkey != testSigner(t, "casetrail-test", 1).VerifierKey() {
		t.Error(vkey)
	}
}

// vector is a ledger with one thing wrong, and how it is named.
type vector struct {
	Name     string `json:"name"`
	Ledger   string `json:"ledger"`
	Sequence int64  `json:"sequence"`
	Field    string `json:"field"`
	Reason   string `json:"reason"`
}

// badVectors are exports with one thing wrong each.
func badVectors(t testing.TB) map[vector][]byte {
	b := goldenLedger(t)
	with := func(change func([][]byte) [][]byte) []byte { return export(t, b, change(slices.Clone(b.bodies))) }
	flip := func(i, at int) func([][]byte) [][]byte {
		return func(x [][]byte) [][]byte {
			x[i] = bytes.Clone(x[i])
			if at < 0 {
				at += len(x[i])
			}
			x[i][at] ^= 1
			return x
		}
	}
	// resign replaces a record's content, with the right key: what its signer himself could do.
	resign := func(i int, change func(*Record)) []byte {
		return with(func(x [][]byte) [][]byte {
			s, err := Decode(x[i])
			if err != nil {
				t.Fatal(err)
			}
			change(&s.Record)
			x[i], _ = testSigner(t, "casetrail-test", 1).SignPayload(nil, s.Append(nil))
			return x[:i+1]
		})
	}
	text := string(export(t, b, b.bodies))
	return map[vector][]byte{
		{"flipped-byte-of-the-case-id", testLedger, 2, "signature", "bad_signature"}:                 with(flip(2, 32+1+len(testLedger)+1+1+3+1+8+2)),
		{"flipped-byte-of-the-signature", testLedger, 5, "signature", "bad_signature"}:               with(flip(5, -1)),
		{"flipped-byte-of-the-previous-hash", testLedger, 3, "previous_record_hash", "broken_chain"}: with(flip(3, 0)),
		{"flipped-byte-of-the-key-id", testLedger, 4, "key_id", "unknown_key"}:                       with(flip(4, -65)),
		{"swapped", testLedger, 2, "sequence", "gap"}:                                                with(func(x [][]byte) [][]byte { x[2], x[3] = x[3], x[2]; return x }),
		{"dropped", testLedger, 6, "sequence", "gap"}:                                                with(func(x [][]byte) [][]byte { return slices.Delete(x, 6, 7) }),
		{"dropped-tail", testLedger, 11, "checkpoint.size", "missing"}:                               append(with(func(x [][]byte) [][]byte { return x[:11] }), checkpointLine(b.marks[12])...),
		{"cut-body", testLedger, 7, "erasure", "malformed"}: with(func(x [][]byte) [][]byte {
			n := len(x[7]) - trailer
			x[7] = append(x[7][:n-1:n-1], x[7][n:]...)
			return x
		}),
		{"other-key", testLedger, 0, "key_id", "unknown_key"}: with(func(x [][]byte) [][]byte {
			s, _ := Decode(x[0])
			x[0], _ = testSigner(t, "casetrail-test", 7).SignPayload(nil, s.Payload)
			return x
		}),
		{"old-key-after-rotation", testLedger, 10, "key_id", "unknown_key"}: resign(10, func(*Record) {}),
		{"other-ledger", "casetrail/test/9/1", 0, "ledger", "other_ledger"}: []byte(strings.Replace(text, testLedger, "casetrail/test/9/1", 1)),
		{"second-history", testLedger, 3, "sequence", "equivocation"}: with(func(x [][]byte) [][]byte {
			s, _ := Decode(x[3])
			s.Case.ComplaintLodged = false
			second, _ := testSigner(t, "casetrail-test", 1).SignPayload(nil, s.Append(nil))
			return slices.Insert(x, 4, second)
		}),
		{"source-not-above", testLedger, 3, "source", "source_not_above"}:                     resign(3, func(r *Record) { r.Source.Ordinal = 1 }),
		{"ai-on-a-human-only-case", testLedger, 3, "case.guard_breach", "misconduct"}:         resign(3, func(r *Record) { r.Case.AIMessages = 1 }),
		{"rating-of-six", testLedger, 2, "customer_satisfaction_score", "misconduct"}:         resign(2, func(r *Record) { r.Case.CustomerSatisfactionScore.Value = 6 }),
		{"concluded-before-opened", testLedger, 2, "case.concluded_at", "misconduct"}:         resign(2, func(r *Record) { r.Case.ConcludedAt = 1 }),
		{"escalation-without-signal", testLedger, 3, "case.escalation_signals", "misconduct"}: resign(3, func(r *Record) { r.Case.EscalationTriggered = true }),
		{"checkpoint-of-another-tree", testLedger, 3, "checkpoint.root", "root_mismatch"}: func() []byte {
			cp, _ := testSigner(t, "casetrail-test", 1).SignCheckpoint(testLedger, 4, Hash{9})
			return bytes.Replace(export(t, b, b.bodies), checkpointLine(b.marks[4]), checkpointLine(cp.Note), 1)
		}(),
		{"checkpoint-nobody-signed", testLedger, 4, "checkpoint", "unknown_key"}: func() []byte {
			cp, _ := testSigner(t, "casetrail-test", 7).SignCheckpoint(testLedger, 4, Hash{9})
			return bytes.Replace(export(t, b, b.bodies), checkpointLine(b.marks[4]), checkpointLine(cp.Note), 1)
		}(),
		{"spliced", testLedger, 5, "ledger", "other_ledger"}: with(func(x [][]byte) [][]byte { // a record of another environment, under the same key
			s, _ := Decode(x[5])
			s.Ledger = "casetrail/production/0/1"
			x[5], _ = testSigner(t, "casetrail-test", 1).SignPayload(nil, s.Append(nil))
			return x
		}),
		{"cut-line", testLedger, 11, "line", "malformed"}:   []byte(text[:strings.Index(text, "{\"sequence\":11")+100]),
		{"no-header", "", -1, "header", "malformed"}:        []byte(text[strings.Index(text, "\n")+1:]),
		{"no-genesis", testLedger, 0, "kind", "wrong_kind"}: resign(0, func(r *Record) { r.Kind, r.Source = KindSeal, Source{0, 1, 0} }),
		{"after-the-seal", testLedger, 12, "kind", "wrong_kind"}: with(func(x [][]byte) [][]byte {
			r := b.next(Record{Kind: KindSeal, Source: Source{0, 4000000002, 0}})
			return append(x, b.sign(r))
		}),
		{"rotation-to-a-later-sequence", testLedger, 9, "rotation.from_sequence", "bad_rotation"}: resign(9, func(r *Record) { r.Rotation.FromSequence = 12 }),
		{"rotation-to-no-key", testLedger, 9, "rotation.public_key", "bad_rotation"}:              resign(9, func(r *Record) { r.Rotation.PublicKey = "casetrail-test-2+b66ec4c2+AA==" }),
		{"policy-of-another-document", testLedger, 1, "policy.document", "misconduct"}:            resign(1, func(r *Record) { r.Policy.Document += " " }),
		{"amendment-of-nothing", testLedger, 6, "amendment", "misconduct"}:                        resign(6, func(r *Record) { r.Amendment.CustomerSatisfactionScore.Set = false }),
		{"text-that-is-not-utf-8", testLedger, 2, "case.case_id", "malformed"}:                    resign(2, func(r *Record) { r.Case.CaseID = "\xff" }),
		{"number-not-in-its-shortest-form", testLedger, 0, "sequence", "malformed"}: with(func(x [][]byte) [][]byte {
			payload, at := bytes.Clone(x[0][:len(x[0])-trailer]), 32+1+len(testLedger)
			payload[at] = 0x80
			x[0], _ = testSigner(t, "casetrail-test", 1).SignPayload(nil, slices.Insert(payload, at+1, 0))
			return x
		}),
		{"bytes-after-the-payload", testLedger, 4, "payload", "malformed"}: with(func(x [][]byte) [][]byte {
			x[4], _ = testSigner(t, "casetrail-test", 1).SignPayload(nil, append(bytes.Clone(x[4][:len(x[4])-trailer]), 0))
			return x
		}),
		{"checkpoint-of-another-ledger", testLedger, 4, "checkpoint.origin", "other_ledger"}: func() []byte {
			cp, _ := testSigner(t, "casetrail-test", 1).SignCheckpoint("casetrail/production/0/1", 4, Hash{9})
			return bytes.Replace(export(t, b, b.bodies), checkpointLine(b.marks[4]), checkpointLine(cp.Note), 1)
		}(),
		{"checkpoint-with-a-flipped-signature", testLedger, 4, "checkpoint", "bad_signature"}: func() []byte {
			note := bytes.Clone(b.marks[4])
			note[len(note)-20] ^= 1
			return bytes.Replace(export(t, b, b.bodies), checkpointLine(b.marks[4]), checkpointLine(note), 1)
		}(),
		{"next-generation-of-nothing", "casetrail/test/0/2", 0, "previous_record_hash", "broken_chain"}: nextGeneration(t, Hash{}),
		{"line-of-nothing", testLedger, 0, "line", "malformed"}:                                         []byte(strings.Replace(text, "{\"sequence\":0", "{\"hello\":0", 1)),
		{"line-with-another-sequence", testLedger, 2, "sequence", "malformed"}:                          []byte(strings.Replace(text, "{\"sequence\":2", "{\"sequence\":3", 1)),
	}
}

func checkpointLine(text []byte) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(map[string]string{"checkpoint": string(text)})
	return out.Bytes()
}

// nextGeneration is an export of a ledger that goes on after another one's seal.
func nextGeneration(t testing.TB, seal Hash) []byte {
	const name = "casetrail/test/0/2"
	var out bytes.Buffer
	key := testSigner(t, "casetrail-test", 1)
	w, err := NewExportWriter(&out, name, key.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	r := someCase("case-of-the-next-generation")
	r.Ledger, r.Sequence, r.Source = name, 1, Source{0, 4000000003, 0}
	genesis := signedBy(t, key, Record{Kind: KindGenesis, Ledger: name, PreviousHash: seal, Source: GenesisSource})
	r.PreviousHash = LeafHash(genesis)
	for i, body := range [][]byte{genesis, signedBy(t, key, r)} {
		if err := w.Record(int64(i), body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func signedBy(t testing.TB, key *Signer, r Record) []byte {
	body, err := key.SignPayload(nil, r.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// goodVectors are exports that are in order, though not as the writer makes them.
func goodVectors(t testing.TB) map[string][]byte {
	b := goldenLedger(t)
	text := export(t, b, b.bodies)
	first, mark := text[:bytes.IndexByte(text, '\n')+1], checkpointLine(b.marks[4])
	rest := bytes.Replace(text[len(first):], mark, nil, 1)
	third := text[bytes.Index(text, []byte("{\"sequence\":2")):bytes.Index(text, []byte("{\"sequence\":3"))]
	witnessed := append(bytes.Clone(b.marks[4]), "— witness.example AAAAAAQBAgMEBQYHCA==\n"...)
	return map[string][]byte{
		"no-record":           first,
		"no-checkpoint":       bytes.Replace(export(t, b, b.bodies[:6]), mark, nil, 1),
		"early-checkpoint":    slices.Concat(first, mark, rest),
		"checkpoint-twice":    bytes.Replace(text, mark, slices.Concat(mark, mark), 1),
		"witnessed":           bytes.Replace(text, mark, checkpointLine(witnessed), 1),
		"record-twice":        bytes.Replace(text, third, slices.Concat(third, third), 1),
		"before-the-rotation": export(t, b, b.bodies[:9]),
		"next-generation":     nextGeneration(t, b.chain.Last()),
	}
}

// good is a ledger that verifies, and what it is.
type good struct {
	Name    string `json:"name"`
	Ledger  string `json:"ledger"`
	Records int64  `json:"records"`
	Root    string `json:"root"`
}

// Every good vector verifies, with the records and the root that are written down.
func TestGoodVectors(t *testing.T) {
	vectors := goodVectors(t)
	var index bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(vectors)) {
		golden(t, filepath.Join("good", name+".jsonl"), vectors[name])
		r, _, err := VerifyExport(bytes.NewReader(vectors[name]), testSigner(t, "casetrail-test", 1).Verifier(), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := json.NewEncoder(&index).Encode(good{name, r.Ledger, r.Records, r.Root.String()}); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "good-vectors.jsonl", index.Bytes())
}

// Every bad vector is refused, and the first thing wrong is named exactly.
func TestBadVectors(t *testing.T) {
	vectors := badVectors(t)
	list := slices.SortedFunc(maps.Keys(vectors), func(a, b vector) int { return strings.Compare(a.Name, b.Name) })
	var index bytes.Buffer
	for _, v := range list {
		if err := json.NewEncoder(&index).Encode(v); err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join("bad", v.Name+".jsonl"), vectors[v])
	}
	golden(t, "bad-vectors.jsonl", index.Bytes())
	trusted := testSigner(t, "casetrail-test", 1).Verifier()
	for _, v := range list {
		t.Run(v.Name, func(t *testing.T) {
			_, _, err := VerifyExport(bytes.NewReader(vectors[v]), trusted, nil)
			f, ok := err.(*Fault)
			if !ok || f.Sequence != v.Sequence || f.Field != v.Field || f.Reason.String() != v.Reason || f.Ledger != v.Ledger {
				t.Errorf("got %v, want %+v", err, v)
			}
		})
	}
}

// Whatever byte of a record is flipped, the ledger is refused at that record, by ledger, sequence, field and reason.
func TestEveryByteFlipped(t *testing.T) {
	b := goldenLedger(t)
	for _, i := range []int{0, 4, 6, 9} {
		for at := range b.bodies[i] {
			v, err := NewVerifier(testLedger, testSigner(t, "casetrail-test", 1).Verifier())
			if err != nil {
				t.Fatal(err)
			}
			for _, body := range b.bodies[:i] {
				if err := v.Record(body); err != nil {
					t.Fatal(err)
				}
			}
			bad := bytes.Clone(b.bodies[i])
			bad[at] ^= byte(1 << (at % 8))
			f, ok := v.Record(bad).(*Fault)
			if !ok || f.Ledger != testLedger || f.Field == "" || f.Detail == "" || !strings.HasPrefix(f.Error(), "ledger "+testLedger+" sequence ") {
				t.Fatalf("record %d, byte %d: got %v", i, at, f)
			}
			if f.Sequence != int64(i) && f.Reason != Duplicate {
				t.Fatalf("record %d, byte %d: named as %v", i, at, f)
			}
		}
	}
}

func ExampleFault() {
	fmt.Println(&Fault{Ledger: "casetrail/dev/0/1", Sequence: 7, Field: "signature", Reason: BadSignature, Detail: "does not verify"})
	// Output: ledger casetrail/dev/0/1 sequence 7 field signature: bad_signature: does not verify
}
