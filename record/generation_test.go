package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
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

// sequel is a ledger that goes on after a chain, and its export.
type sequel struct {
	*builder
	offset int64
}

func goOn(t testing.TB, before *Chain, by *Signer) *sequel {
	chain, err := before.Next()
	if err != nil {
		t.Fatal(err)
	}
	return &sequel{&builder{t: t, signer: by, chain: chain, marks: map[int][]byte{}}, before.Source().Offset}
}

// put adds records and, after the last one, a checkpoint.
func (s *sequel) put(all ...Record) *sequel {
	for _, r := range all {
		if s.offset += 10; r.Kind != KindGenesis {
			r.Source = Source{0, s.offset, 0}
		}
		s.add(r)
	}
	s.mark()
	return s
}

func (s *sequel) export() []byte {
	var out bytes.Buffer
	w, err := NewExportWriter(&out, s.chain.Ledger(), s.signer.VerifierKey())
	for i, body := range s.bodies {
		err = errors.Join(err, w.Record(int64(i), body))
		if note := s.marks[i+1]; note != nil {
			err = errors.Join(err, w.Checkpoint(note))
		}
	}
	if err = errors.Join(err, w.Flush()); err != nil {
		s.t.Fatal(err)
	}
	return out.Bytes()
}

// forge writes an export of one genesis record, and of others after it, that nothing has judged.
func (s *sequel) forge(by *Signer, genesis Record, more ...Record) []byte {
	genesis.Ledger, genesis.Source = s.chain.Ledger(), GenesisSource
	f := &sequel{&builder{t: s.t, signer: by, chain: s.chain}, 0}
	f.bodies = [][]byte{f.sign(genesis)}
	for i, r := range more {
		r.Ledger = genesis.Ledger
		if r.Sequence > 0 {
			r.PreviousHash = LeafHash(f.bodies[i])
		}
		f.bodies = append(f.bodies, f.sign(r))
	}
	out := f.export()
	if len(more) > 0 && more[0].Sequence == 0 { // a second record for a place
		out = bytes.Replace(out, []byte(`{"sequence":1,`), []byte(`{"sequence":0,`), 1)
	}
	return out
}

// generationVector is several files, in the order in which they are given, and the verdict of them: that of the newest ledger, or the first fault.
type generationVector struct {
	Name     string   `json:"name"`
	Files    []string `json:"files"`
	Ledger   string   `json:"ledger"`
	Records  int64    `json:"records,omitempty"`
	Root     string   `json:"root,omitempty"`
	Sequence int64    `json:"sequence"`
	Field    string   `json:"field,omitempty"`
	Reason   string   `json:"reason,omitempty"`
}

func generationVectors(t testing.TB) (files map[string][]byte, vectors []generationVector) {
	first, key := goldenLedger(t), testSigner(t, "casetrail-test-2", 2)
	says := someCase("a-case-of-the-second") // it names the policy of the first
	says.Case.PolicyVersion, says.Case.AIMessages = "2026-01", 1
	second := goOn(t, first.chain, key).put(Record{Kind: KindGenesis}, says, Record{Kind: KindSeal})
	third := goOn(t, second.chain, key).put(Record{Kind: KindGenesis}, someCase("a-case-of-the-third"))
	two, seal := goOn(t, first.chain, key), first.chain.Last()
	late := someCase("late")
	late.Sequence, late.Source = 1, Source{0, 5, 0}
	const l1, l2, l3 = testLedger, "casetrail/test/0/2", "casetrail/test/0/3"
	files = map[string][]byte{
		"2": second.export(), "3": third.export(),
		"another-seal":       two.forge(key, Record{PreviousHash: Hash{1}}),
		"the-old-key":        two.forge(testSigner(t, "casetrail-test", 1), Record{PreviousHash: seal}),
		"nobodys-key":        two.forge(testSigner(t, "casetrail-test-2", 7), Record{PreviousHash: seal}),
		"before-the-seal":    two.forge(key, Record{PreviousHash: seal}, late),
		"two-first-records":  two.forge(key, Record{PreviousHash: seal}, Record{PreviousHash: Hash{1}, Source: GenesisSource}),
		"no-third":           []byte(`{"casetrail_export":1,"ledger":"` + l3 + `"}` + "\n"),
		"first-of-the-third": goOn(t, second.chain, key).forge(key, Record{PreviousHash: seal}),
	}
	golden, own := "golden.jsonl", func(name string) string { return "generations/" + name + ".jsonl" }
	head := func(name string, c *Chain, in ...string) generationVector {
		return generationVector{Name: name, Files: in, Ledger: c.Ledger(), Records: c.Size(), Root: c.Root().String()}
	}
	bad := func(name, ledger string, sequence int64, field, reason string, in ...string) generationVector {
		return generationVector{Name: name, Files: in, Ledger: ledger, Sequence: sequence, Field: field, Reason: reason}
	}
	return files, []generationVector{
		head("all", third.chain, golden, own("2"), own("3")),
		head("in any order", third.chain, own("3"), golden, own("2")),
		head("without the third", second.chain, golden, own("2")),
		bad("the second left out", l2, 0, "ledger", "other_ledger", golden, own("3")),
		bad("the second left out before no third", l2, 0, "ledger", "other_ledger", golden, own("no-third")),
		bad("the first is not sealed", l1, 9, "ledger", "other_ledger", "good/before-the-rotation.jsonl", own("2")),
		bad("after another seal", l2, 0, "previous_record_hash", "broken_chain", golden, own("another-seal")),
		bad("by the old key", l2, 0, "key_id", "unknown_key", golden, own("the-old-key")),
		bad("by nobody's key", l2, 0, "key_id", "unknown_key", golden, own("nobodys-key")),
		bad("a source of before the seal", l2, 1, "source", "source_not_above", golden, own("before-the-seal")),
		bad("two first records", l2, 0, "sequence", "equivocation", golden, own("two-first-records")),
		bad("the third after the first", l3, 0, "previous_record_hash", "broken_chain", golden, own("2"), own("first-of-the-third")),
	}
}

// Generations verify one after another, and the first thing wrong with the link between them is named exactly.
func TestGenerationVectors(t *testing.T) {
	files, vectors := generationVectors(t)
	for name, text := range files {
		golden(t, filepath.Join("generations", name+".jsonl"), text)
	}
	var index bytes.Buffer
	e := json.NewEncoder(&index)
	for _, v := range vectors {
		if err := e.Encode(v); err != nil {
			t.Fatal(err)
		}
		t.Run(v.Name, func(t *testing.T) {
			audit := Audit{Trusted: testSigner(t, "casetrail-test", 1).Verifier()}
			got := generationVector{Name: v.Name}
			paths := slices.Clone(v.Files)
			Sort(paths, func(path string) string { return ExportedLedger(bytes.NewReader(vectorFile(t, path))) })
			for _, path := range paths {
				r, err := audit.Export(bytes.NewReader(vectorFile(t, path)), nil)
				if f := (*Fault)(nil); errors.As(err, &f) {
					got.Ledger, got.Sequence, got.Field, got.Reason = f.Ledger, f.Sequence, f.Field, f.Reason.String()
					break
				} else if err != nil {
					t.Fatal(err)
				}
				if s := r.Statements.List()[0]; strings.HasSuffix(r.Ledger, "/2") && (s.Verdict != Held || s.Against > 0) {
					t.Errorf("by a policy of the generation before: %+v", s)
				}
				if got.Ledger, got.Records, got.Root = r.Ledger, r.Records, r.Root.String(); !slices.Equal(audit.Heads(), []Head{{r.Ledger, r.Records, r.Root}}) {
					t.Errorf("heads %v, want the newest alone", audit.Heads())
				}
			}
			if got.Reason != "" {
				got.Records, got.Root = 0, ""
			}
			if got.Files = v.Files; !reflect.DeepEqual(got, v) {
				t.Errorf("got %+v\nwant %+v", got, v)
			}
		})
	}
	golden(t, filepath.Join("generations", "vectors.jsonl"), index.Bytes())
}

func vectorFile(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", path))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The log of a partition has its generations one after another, copies of older ones among them.
func TestGenerationsOfALog(t *testing.T) {
	first, key := goldenLedger(t), testSigner(t, "casetrail-test-2", 2)
	second := goOn(t, first.chain, key).put(Record{Kind: KindGenesis}, someCase("a"), Record{Kind: KindSeal})
	third := goOn(t, second.chain, key).put(Record{Kind: KindGenesis})
	log := slices.Concat(first.bodies, second.bodies, first.bodies, third.bodies, second.bodies)
	begin, err := NewChain(testLedger, testSigner(t, "casetrail-test", 1).Verifier())
	if err != nil {
		t.Fatal(err)
	}
	g := Generations{begin}
	copies := 0
	for _, body := range log {
		s, err := Decode(body)
		if err != nil {
			t.Fatal(err)
		}
		var f *Fault
		if _, err := g.Of(s.Ledger).Accept(body); errors.As(err, &f) && f.Reason == Duplicate {
			copies++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if want := len(first.bodies) + len(second.bodies); copies != want || len(g) != 3 || g.Newest().Root() != third.chain.Root() {
		t.Errorf("%d copies, want %d; %d generations", copies, want, len(g))
	}
	// Nobody is next but the next.
	if c := g.Of("casetrail/test/0/4"); c != g[2] {
		t.Error(c.Ledger())
	}
	g = Generations{first.chain}
	if c := g.Of("casetrail/test/0/3"); c.Ledger() != "casetrail/test/0/2" || g.Newest() != first.chain {
		t.Error(c.Ledger(), g.Newest().Ledger())
	}
}

// A manifest that names a generation promises what comes after too, and need not name every generation.
func TestManifestOverGenerations(t *testing.T) {
	first, key := goldenLedger(t), testSigner(t, "casetrail-test-2", 2)
	second := goOn(t, first.chain, key).put(Record{Kind: KindGenesis}, Record{Kind: KindSeal})
	late := someCase("late")
	late.Case.OpenedAt, late.Case.ConcludedAt = newYear, newYear+30*minute
	third := goOn(t, second.chain, key).put(Record{Kind: KindGenesis}, late)
	roots := rootsOf(first.bodies)
	for _, c := range []struct {
		name  string
		until int64
		third bool // is in the manifest
		field string
	}{{"kept", 30 * minute, false, ""}, {"broken", 30*minute + 1, false, "case.concluded_at"}, {"kept, and the third is there", 0, true, ""}} {
		t.Run(c.name, func(t *testing.T) {
			d := &deployment{t: t, signer: key}
			d.add(newYear, Promise{Head{testLedger, 12, roots[12]}, newYear + c.until})
			if c.third {
				d.add(DueAfter(newYear), Promise{Head{third.chain.Ledger(), 1, rootsOf(third.bodies)[1]}, newYear + 30*minute})
			}
			m, err := ReadManifest(bytes.NewReader(d.export()))
			if err != nil {
				t.Fatal(err)
			}
			audit := Audit{Trusted: testSigner(t, "casetrail-test", 1).Verifier(), Manifest: m}
			for _, text := range [][]byte{export(t, first, first.bodies), second.export(), third.export()} {
				if _, err = audit.Export(bytes.NewReader(text), nil); err != nil {
					break
				}
			}
			var f *Fault
			if errors.As(err, &f); c.field == "" && err != nil || c.field != "" && (f == nil || f.Field != c.field || f.Ledger != third.chain.Ledger()) {
				t.Fatal(err)
			}
			if err == nil {
				if err := m.Finish(audit.Trusted); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// A revocation names every generation in which the key signed: a sealed one by its last head, and the one in which another key took over.
func TestRevokedInALaterGeneration(t *testing.T) {
	first, key, by := goldenLedger(t), testSigner(t, "casetrail-test-2", 2), testSigner(t, "casetrail-test-3", 3)
	second := goOn(t, first.chain, key).put(Record{Kind: KindGenesis}, Record{Kind: KindKeyRotation, Rotation: Rotation{by.VerifierKey(), 2}})
	sealed, replaced := Head{testLedger, 12, first.chain.Root()}, Head{second.chain.Ledger(), 2, second.chain.Root()}
	for _, c := range []struct {
		name, ledger string
		heads        []Head
	}{
		{"in both", "", []Head{sealed, replaced}},
		{"not in the first", testLedger, []Head{replaced}},
		{"not in the second", replaced.Ledger, []Head{sealed}},
		{"another end of the first", testLedger, []Head{{testLedger, 12, Hash{1}}, replaced}},
	} {
		text, err := by.SignRevocation(key.VerifierKey(), "stolen", c.heads)
		if err != nil {
			t.Fatal(err)
		}
		r, err := OpenRevocation(text)
		if err != nil {
			t.Fatal(err)
		}
		audit := Audit{Trusted: testSigner(t, "casetrail-test", 1).Verifier(), Revoked: []Revocation{r}}
		if _, err = audit.Export(bytes.NewReader(export(t, first, first.bodies)), nil); err == nil {
			_, err = audit.Export(bytes.NewReader(second.export()), nil)
		}
		var f *Fault
		if errors.As(err, &f); c.ledger == "" && err != nil || c.ledger != "" && (f == nil || f.Ledger != c.ledger || f.Reason != Revoked) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
