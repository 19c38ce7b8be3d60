package clients

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/casetrail/casetrail/record"
)

const vectors = "../../record/testdata/"

// verdict is what a verifier says of an export.
type verdict struct {
	Ledger   string `json:"ledger"`
	Records  int64  `json:"records"`
	Root     string `json:"root"`
	Sequence int64  `json:"sequence"`
	Field    string `json:"field"`
	Reason   string `json:"reason"`
}

// ours is the verdict of package record.
func ours(t *testing.T, path string) verdict {
	t.Helper()
	trusted, err := record.LoadVerifier(vectors + "golden.vkey")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, _, err := record.VerifyExport(bytes.NewReader(text), trusted, nil)
	if f := (*record.Fault)(nil); errors.As(err, &f) {
		return verdict{Ledger: f.Ledger, Sequence: f.Sequence, Field: f.Field, Reason: f.Reason.String()}
	} else if err != nil {
		t.Fatal(err)
	}
	return verdict{Ledger: r.Ledger, Records: r.Records, Root: r.Root.String()}
}

// theirs are the verdicts of the second verifier.
func theirs(t *testing.T, paths []string) []verdict {
	t.Helper()
	var out []verdict
	d := json.NewDecoder(bytes.NewReader(New(t).Run(t, "verify.py", nil, append([]string{vectors + "golden.vkey"}, paths...)...)))
	for range paths {
		var v verdict
		if err := d.Decode(&v); err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

// Two verifiers that share no code say the same of every vector, and what is written down.
func TestSecondVerifierAgrees(t *testing.T) {
	var paths []string
	var want []verdict
	for _, kind := range []string{"good", "bad"} {
		index, err := os.ReadFile(vectors + kind + "-vectors.jsonl")
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(index) {
			var v struct {
				Name string
				verdict
			}
			if err := json.Unmarshal(line, &v); err != nil {
				t.Fatal(err)
			}
			paths, want = append(paths, vectors+kind+"/"+v.Name+".jsonl"), append(want, v.verdict)
		}
	}
	if len(paths) < 40 {
		t.Fatalf("%d vectors", len(paths))
	}
	// Those of a later generation stand alone here: each is asked about by itself.
	var together []string
	for _, path := range paths {
		if !strings.Contains(path, "/next-generation") {
			together = append(together, path)
		}
	}
	first := theirs(t, together)
	for i := range paths {
		var got verdict
		if strings.Contains(paths[i], "/next-generation") {
			got = theirs(t, paths[i:i+1])[0]
		} else {
			got, first = first[0], first[1:]
		}
		if got != want[i] {
			t.Errorf("%s: the second verifier says %+v, want %+v", paths[i], got, want[i])
		}
		if got := ours(t, paths[i]); got != want[i] {
			t.Errorf("%s: package record says %+v, want %+v", paths[i], got, want[i])
		}
	}
}

// Whatever byte of a body is changed, both verifiers name the same ledger, sequence, field and reason.
func TestSecondVerifierAgreesOnFlippedBytes(t *testing.T) {
	text, err := os.ReadFile(vectors + "golden.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(string(text), "\n"), "\n")
	r := rand.New(rand.NewPCG(1, 2))
	dir := t.TempDir()
	var paths []string
	for i := range 300 {
		changed := slices.Clone(lines)
		n := 1 + r.IntN(len(lines)-1)
		var l struct {
			Sequence   *int64 `json:"sequence,omitempty"`
			Body       []byte `json:"body,omitempty"`
			Checkpoint string `json:"checkpoint,omitempty"`
		}
		if err := json.Unmarshal([]byte(lines[n]), &l); err != nil {
			t.Fatal(err)
		}
		if l.Sequence == nil {
			note := []byte(l.Checkpoint)
			note[r.IntN(len(note))] ^= 1 << r.IntN(7)
			l.Checkpoint = string(note)
		} else {
			l.Body[r.IntN(len(l.Body))] ^= 1 << r.IntN(8)
		}
		line, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		changed[n] = string(line) + "\n"
		path := filepath.Join(dir, string(rune('a'+i%26))+strings.Repeat("x", i/26)+".jsonl")
		if err := os.WriteFile(path, []byte(strings.Join(changed, "")), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	for i, got := range theirs(t, paths) {
		if want := ours(t, paths[i]); got != want || want.Reason == "" {
			t.Errorf("%s: the second verifier says %+v, package record %+v", paths[i], got, want)
		}
	}
}

// Both hold the generations of a ledger against each other, whatever the order of the files.
func TestSecondVerifierAgreesOnGenerations(t *testing.T) {
	index, err := os.ReadFile(vectors + "generations/vectors.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(index) {
		var want struct {
			Name  string
			Files []string
			verdict
		}
		if err := json.Unmarshal(line, &want); err != nil {
			t.Fatal(err)
		}
		paths := make([]string, len(want.Files))
		for i, f := range want.Files {
			paths[i] = vectors + f
		}
		said := theirs(t, paths)
		if i := slices.IndexFunc(said, func(v verdict) bool { return v == want.verdict }); i < 0 || want.Reason == "" && slices.ContainsFunc(said, func(v verdict) bool { return v.Reason != "" }) {
			t.Errorf("%s: the second verifier says %+v, want %+v", want.Name, said, want.verdict)
		}
	}
}

// Both say the same of every manifest and its ledgers.
func TestSecondVerifierAgreesOnManifests(t *testing.T) {
	index, err := os.ReadFile(vectors + "manifest/bad-vectors.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	python := New(t)
	says := func(name string) (v verdict) {
		t.Helper()
		out := python.Run(t, "manifest.py", nil, vectors+"golden.vkey", vectors+"manifest/"+name+".jsonl", vectors+"golden.jsonl", vectors+"manifest/ledger-1.jsonl")
		if err := json.Unmarshal(out, &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, name := range []string{"good", "witnessed"} {
		if v := says(name); v.Records != 4 || v.Root != "i71Oj5hP0Su2Wl8GaP1OCLaOdAbVBuS/Q/YA+Dgd/HA=" {
			t.Errorf("%s: the second verifier says %+v", name, v)
		}
	}
	for line := range bytes.Lines(index) {
		var want struct {
			Name string
			verdict
		}
		if err := json.Unmarshal(line, &want); err != nil {
			t.Fatal(err)
		}
		if got := says("bad/" + want.Name); got != want.verdict {
			t.Errorf("%s: the second verifier says %+v, want %+v", want.Name, got, want.verdict)
		}
	}
}
