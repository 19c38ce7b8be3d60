package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	testManifest = "casetrail/test/manifest/1"
	newYear      = int64(1767225600000)
)

// deployment is the golden ledger, a second one, and the manifest over both.
type deployment struct {
	t       testing.TB
	ledgers map[string][]byte // exports
	leaves  []ManifestLeaf
	signer  *Signer
}

func newDeployment(t testing.TB) *deployment {
	first := goldenLedger(t)
	chain, err := NewChain("casetrail/test/1/1", testSigner(t, "casetrail-test", 1).Verifier())
	if err != nil {
		t.Fatal(err)
	}
	second := &builder{t: t, signer: testSigner(t, "casetrail-test", 1), chain: chain, marks: map[int][]byte{}}
	at := func(ledger string, size int, time int64, roots map[int]Hash) Promise {
		return Promise{Head{ledger, int64(size), roots[size]}, newYear + time}
	}
	roots := [2]map[int]Hash{rootsOf(first.bodies), {0: new(Frontier).Root()}}
	second.add(Record{Kind: KindGenesis})
	c := someCase("case-9")
	c.Case.OpenedAt, c.Case.ConcludedAt = newYear, newYear+60_000
	second.add(c)
	second.add(Record{Kind: KindErasure})
	for n, r := range rootsOf(second.bodies) {
		roots[1][n] = r
	}
	second.mark()
	var other bytes.Buffer
	w, err := NewExportWriter(&other, "casetrail/test/1/1", second.signer.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	for i, body := range second.bodies {
		err = errors.Join(err, w.Record(int64(i), body))
	}
	if err = errors.Join(err, w.Checkpoint(second.marks[3]), w.Flush()); err != nil {
		t.Fatal(err)
	}
	d := &deployment{t: t, signer: testSigner(t, "casetrail-test-2", 2), // the golden ledger has been rotated to it
		ledgers: map[string][]byte{testLedger: export(t, first, first.bodies), "casetrail/test/1/1": other.Bytes()}}
	const l0, l1 = testLedger, "casetrail/test/1/1"
	d.add(newYear, at(l0, 4, 0, roots[0]), at(l1, 0, 10_000, roots[1]))
	d.add(newYear+60_000, at(l0, 12, 4_000_000, roots[0]), at(l1, 1, 60_000, roots[1]))
	d.add(newYear+120_000, at(l0, 12, 4_000_000, roots[0]), at(l1, 3, 4_000_500, roots[1])) // nothing new of the first
	d.add(newYear+4_020_000, at(l0, 12, 4_020_000, roots[0]), at(l1, 3, 4_020_000, roots[1]))
	return d
}

func rootsOf(bodies [][]byte) map[int]Hash {
	var f Frontier
	roots := map[int]Hash{0: f.Root()}
	for i, b := range bodies {
		f.Append(LeafHash(b))
		roots[i+1] = f.Root()
	}
	return roots
}

func (d *deployment) add(end int64, heads ...Promise) {
	l := ManifestLeaf{Manifest: testManifest, Sequence: int64(len(d.leaves)), End: end, Heads: heads}
	d.leaves = append(d.leaves, l)
	d.chain()
}

// chain sets the previous hashes anew.
func (d *deployment) chain() {
	for i := range d.leaves {
		if i > 0 {
			d.leaves[i].Previous = LeafHash([]byte(d.leaves[i-1].Text()))
		}
	}
}

// export writes the leaves and a checkpoint over them.
func (d *deployment) export() []byte {
	d.t.Helper()
	var out bytes.Buffer
	var tree Frontier
	w, err := NewManifestWriter(&out, testManifest)
	for _, l := range d.leaves {
		tree.Append(LeafHash([]byte(l.Text())))
		err = errors.Join(err, w.Leaf(l.Text()))
	}
	cp, e := d.signer.SignCheckpoint(testManifest, tree.Size(), tree.Root())
	if err = errors.Join(err, e, w.Checkpoint(cp.Note), w.Flush()); err != nil {
		d.t.Fatal(err)
	}
	return out.Bytes()
}

// with is the export after a change of the leaves, chained anew.
func (d *deployment) with(change func()) []byte {
	before := slices.Clone(d.leaves)
	for i := range d.leaves {
		d.leaves[i].Heads = slices.Clone(d.leaves[i].Heads)
	}
	change()
	d.chain()
	text := d.export()
	d.leaves = before
	return text
}

// check reads a manifest and verifies all ledgers under it, in order.
func (d *deployment) check(text []byte) (Head, error) {
	trusted := testSigner(d.t, "casetrail-test", 1).Verifier()
	m, err := ReadManifest(bytes.NewReader(text))
	if err != nil {
		return Head{}, err
	}
	a := Audit{Trusted: trusted, Manifest: m}
	for _, l := range []string{testLedger, "casetrail/test/1/1"} {
		if d.ledgers[l] == nil {
			continue
		}
		if _, err := a.Export(bytes.NewReader(d.ledgers[l]), nil); err != nil {
			return Head{}, err
		}
	}
	return Head{m.Name(), m.Size(), m.Root()}, m.Finish(trusted)
}

func manifestVectors(t testing.TB) map[vector][]byte {
	d := newDeployment(t)
	text := d.export()
	swap := func(old, new string) []byte { return bytes.Replace(text, []byte(old), []byte(new), 1) }
	line := func(n int) []byte { return bytes.SplitAfter(text, []byte("\n"))[n] }
	signed := func(name string, seed byte) []byte {
		before := d.signer
		d.signer = testSigner(t, name, seed)
		defer func() { d.signer = before }()
		return d.export()
	}
	leaf := func(i int, change func(*ManifestLeaf)) []byte { return d.with(func() { change(&d.leaves[i]) }) }
	const l0, l1 = testLedger, "casetrail/test/1/1"
	return map[vector][]byte{
		{"a-partition-left-out", testManifest, 1, "leaf.heads", "missing"}:                   leaf(1, func(l *ManifestLeaf) { l.Heads = l.Heads[:1] }),
		{"the-first-partition-left-out", testManifest, 0, "leaf.heads", "malformed"}:         leaf(0, func(l *ManifestLeaf) { l.Heads = l.Heads[1:] }),
		{"a-partition-never-there", l1, 0, "ledger", "other_ledger"}:                         d.with(func() { d.never() }),
		{"too-early", testManifest, 2, "leaf.heads", "missing"}:                              leaf(2, func(l *ManifestLeaf) { l.Heads[1].Time = l.End - 1 }),
		{"a-leaf-dropped", testManifest, 1, "leaf.sequence", "gap"}:                          bytes.Replace(text, line(2), nil, 1),
		{"a-minute-passed-over", testManifest, 2, "leaf.end", "gap"}:                         leaf(2, func(l *ManifestLeaf) { l.End += minute }),
		{"not-a-minutes-end", testManifest, 2, "leaf.end", "malformed"}:                      leaf(2, func(l *ManifestLeaf) { l.End++ }),
		{"another-previous-hash", testManifest, 2, "leaf.previous", "broken_chain"}:          swap(d.leaves[2].Previous.String(), Hash{}.String()),
		{"changed-under-the-signature", testManifest, 3, "checkpoint.root", "root_mismatch"}: swap("1767229620000\\n\"}", "1767229620001\\n\"}"),
		{"a-head-of-another-root", l0, 3, "checkpoint.root", "root_mismatch"}:                leaf(0, func(l *ManifestLeaf) { l.Heads[0].Root[0] ^= 1 }),
		{"a-head-of-more-records", l1, 3, "checkpoint.size", "missing"}:                      leaf(3, func(l *ManifestLeaf) { l.Heads[1].Size = 4 }),
		{"a-promise-that-is-broken", l0, 10, "case.concluded_at", "missing"}:                 leaf(0, func(l *ManifestLeaf) { l.Heads[0].Time++ }),
		{"a-head-that-goes-back", testManifest, 3, "leaf.heads", "misconduct"}:               leaf(3, func(l *ManifestLeaf) { l.Heads[0].Size = 11 }),
		{"two-roots-for-one-size", testManifest, 2, "leaf.heads", "root_mismatch"}:           leaf(2, func(l *ManifestLeaf) { l.Heads[0].Root[0] ^= 1 }),
		{"an-empty-ledger-with-a-root", testManifest, 0, "leaf.heads", "root_mismatch"}:      leaf(0, func(l *ManifestLeaf) { l.Heads[1].Root[0] ^= 1 }),
		{"another-deployments-head", testManifest, 3, "leaf.heads", "malformed"}:             leaf(3, func(l *ManifestLeaf) { l.Heads[1].Ledger = "casetrail/tent/1/1" }),
		{"a-generation-that-goes-back", testManifest, 3, "leaf.heads", "malformed"}:          leaf(3, func(l *ManifestLeaf) { l.Heads[1].Ledger = "casetrail/test/1/0" }),
		{"the-old-key", testManifest, 4, "checkpoint", "unknown_key"}:                        signed("casetrail-test", 1),
		{"nobodys-key", testManifest, 4, "checkpoint", "unknown_key"}:                        signed("casetrail-test-7", 7),
		{"a-flipped-signature", testManifest, 4, "checkpoint", "bad_signature"}:              swap(flip(text)),
		{"a-checkpoint-of-fewer", testManifest, 3, "checkpoint.size", "missing"}:             bytes.Replace(text, line(4), nil, 1),
		{"cut-before-the-checkpoint", testManifest, 4, "checkpoint", "missing"}:              bytes.Replace(text, line(5), nil, 1),
		{"cut-in-a-line", testManifest, 3, "line", "malformed"}:                              text[:len(text)-len(line(5))-20],
		{"a-line-after-the-checkpoint", testManifest, 4, "line", "malformed"}:                append(bytes.Clone(text), line(5)...),
		{"a-number-not-in-its-one-form", testManifest, 1, "leaf.heads", "malformed"}:         swap(" 12 ", " 012 "),
		{"no-header", "", -1, "header", "malformed"}:                                         text[len(line(0)):],
	}
}

// never leaves the second partition out of all leaves.
func (d *deployment) never() {
	d.leaves = d.leaves[:2:2]
	for i := range d.leaves {
		d.leaves[i].Heads = d.leaves[i].Heads[:1]
	}
	d.leaves[1].End = newYear + minute
}

// flip is how to change a byte of the signature.
func flip(text []byte) (old, new string) {
	at := bytes.LastIndex(text, []byte("\\n\"}")) - 12
	b := byte('A')
	if text[at] == b {
		b = 'B'
	}
	return string(text[at:]), string(b) + string(text[at+1:])
}

// A manifest verifies with its ledgers, its good vector is what it was, and further signatures under it harm nothing.
func TestManifest(t *testing.T) {
	d := newDeployment(t)
	text := d.export()
	golden(t, filepath.Join("manifest", "ledger-1.jsonl"), d.ledgers["casetrail/test/1/1"])
	golden(t, filepath.Join("manifest", "good.jsonl"), text)
	want, err := d.check(text)
	if err != nil || want.Size != 4 || want.Ledger != testManifest {
		t.Fatal(want, err)
	}
	at := bytes.LastIndex(text, []byte("\"}"))
	witnessed := slices.Concat(text[:at], []byte("— witness.example AAAAAAQBAgMEBQYHCA==\\n"), text[at:])
	golden(t, filepath.Join("manifest", "witnessed.jsonl"), witnessed)
	if got, err := d.check(witnessed); err != nil || got != want {
		t.Error(got, err)
	}
	delete(d.ledgers, "casetrail/test/1/1")
	var f *Fault
	if _, err := d.check(text); !errors.As(err, &f) || f.Field != "leaf.heads" || f.Reason != Missing || !strings.Contains(f.Detail, "casetrail/test/1/1") {
		t.Errorf("without an export: %v", err)
	}
}

// Every bad manifest is refused, and the first thing wrong is named exactly.
func TestBadManifests(t *testing.T) {
	vectors := manifestVectors(t)
	var list []vector
	for v := range vectors {
		list = append(list, v)
	}
	slices.SortFunc(list, func(a, b vector) int { return strings.Compare(a.Name, b.Name) })
	var index bytes.Buffer
	d := newDeployment(t)
	for _, v := range list {
		if err := json.NewEncoder(&index).Encode(v); err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join("manifest", "bad", v.Name+".jsonl"), vectors[v])
		t.Run(v.Name, func(t *testing.T) {
			_, err := d.check(vectors[v])
			f, ok := err.(*Fault)
			if !ok || f.Sequence != v.Sequence || f.Field != v.Field || f.Reason.String() != v.Reason || f.Ledger != v.Ledger {
				t.Errorf("got %v, want %+v", err, v)
			}
		})
	}
	golden(t, filepath.Join("manifest", "bad-vectors.jsonl"), index.Bytes())
}

// A leaf has one encoding, and whoever goes on after one gets the same tree.
func TestManifestResumes(t *testing.T) {
	d := newDeployment(t)
	whole, err := NewManifest(testManifest)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range d.leaves {
		before := whole.Frontier()
		if err := whole.Accept(l.Text()); err != nil {
			t.Fatal(err)
		}
		again, err := ParseManifestLeaf(l.Text())
		if err != nil || again.Text() != l.Text() {
			t.Fatal(err)
		}
		cp := Checkpoint{Ledger: testManifest, Size: whole.Size(), Root: whole.Root()}
		m, err := ResumeManifest(cp, before.Roots(), l.Text())
		if err != nil || m.Root() != whole.Root() || m.Due() != whole.Due() || m.Last() != whole.Last() {
			t.Fatal(err)
		}
		lie := l
		lie.End += minute
		if _, err := ResumeManifest(cp, before.Roots(), lie.Text()); err == nil {
			t.Error("goes on after a leaf that the checkpoint does not cover")
		}
	}
}

func FuzzManifest(f *testing.F) {
	all, err := filepath.Glob("testdata/manifest/*/*.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range append(all, "testdata/manifest/good.jsonl") {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := ReadManifest(bytes.NewReader(text))
		var fault *Fault
		if err != nil && !errors.As(err, &fault) {
			t.Fatalf("%v is no *Fault", err)
		}
		if err == nil && m.Size() > 0 {
			l := m.Leaf()
			if again, err := ParseManifestLeaf(l.Text()); err != nil || again.Text() != l.Text() {
				t.Fatal(err)
			}
		}
	})
}
