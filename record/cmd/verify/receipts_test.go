package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/casetrail/casetrail/record"
)

func write(t *testing.T, name string, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReceipt(t *testing.T) {
	text, err := os.ReadFile(data + "golden.tlog-proof")
	if err != nil {
		t.Fatal(err)
	}
	later := rotated(t)
	keys := data + "golden.vkey," + later
	code, out, errs := call("receipt", "-vkey", keys, data+"golden.tlog-proof")
	if code != 0 || !strings.Contains(out, "receipt verified: record 4 of ledger casetrail/test/0/1, kind case, is under a signed checkpoint of 12 records") ||
		!strings.Contains(out, "ai_then_escalated") {
		t.Errorf("%d\n%s%s", code, out, errs)
	}
	for _, c := range []struct {
		keys string
		text []byte
		says string
	}{
		{keys, bytes.Replace(text, []byte("index 4"), []byte("index 5"), 1), "ledger casetrail/test/0/1 sequence 5 field sequence: malformed: of the record is 4, the receipt says 5"},
		{keys, text[:400], "field receipt.checkpoint: malformed"},
		{data + "golden.vkey", text, "sequence 4 field checkpoint: unknown_key"},
		{later, text, "sequence 4 field key_id: unknown_key"},
		{keys, make([]byte, maxFile+1), "it is no receipt"},
	} {
		if code, out, errs := call("receipt", "-vkey", c.keys, write(t, "r", c.text)); code != 1 || out != "" || !strings.Contains(errs, c.says) {
			t.Errorf("%d, no word of %q in\n%s%s", code, c.says, out, errs)
		}
	}
}

// rotated is the file of the key that the golden ledger rotates to.
func rotated(t *testing.T) string {
	t.Helper()
	c := golden(t, -1)
	if c.Key(c.Size()).KeyHash() != second(t).KeyHash() {
		t.Fatal("no rotation")
	}
	return write(t, "later.vkey", []byte(second(t).VerifierKey()))
}

func TestHeads(t *testing.T) {
	dir := t.TempDir()
	key, vkey, err := record.CreateKey(dir, "k")
	if err != nil {
		t.Fatal(err)
	}
	s, err := record.LoadSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	// two histories of four records that differ in the last two
	var files [2]string
	var trees [2]record.Tree
	for i := range trees {
		var file bytes.Buffer
		w, err := record.NewExportWriter(&file, "l/0", s.VerifierKey())
		if err != nil {
			t.Fatal(err)
		}
		var last record.Hash
		for n := range int64(4) {
			r := record.Record{Ledger: "l/0", Sequence: n, PreviousHash: last, Kind: record.KindErasure, Source: record.Source{Offset: n}}
			if n == 0 {
				r.Kind, r.Source = record.KindGenesis, record.GenesisSource
			}
			if n >= 2 {
				r.Erasure.ErasedAt = int64(i)
			}
			body, err := s.SignPayload(nil, r.Append(nil))
			if err != nil {
				t.Fatal(err)
			}
			last = record.LeafHash(body)
			if err := trees[i].Append(last); err != nil {
				t.Fatal(err)
			}
			if err := w.Record(n, body); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		files[i] = write(t, "export.jsonl", file.Bytes())
	}
	head := func(i int, size int64) string {
		root, err := trees[i].Root(size)
		if err != nil {
			t.Fatal(err)
		}
		cp, err := s.SignCheckpoint("l/0", size, root)
		if err != nil {
			t.Fatal(err)
		}
		return write(t, fmt.Sprint(size), cp.Note)
	}
	proof := func(i int, older int64) string {
		hashes, err := trees[i].Consistency(older, 4)
		if err != nil {
			t.Fatal(err)
		}
		return write(t, "proof", []byte(strings.Trim(fmt.Sprintln(hashes), "[]\n")))
	}
	lines := func(path string) string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return write(t, "lines", bytes.ReplaceAll(text, []byte(" "), []byte("\n")))
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{head(0, 4), head(0, 4)}, 0, "are of one history, by themselves"},
		{[]string{head(0, 4), head(1, 4)}, 1, "ledger l/0 sequence 3 field checkpoint.root: equivocation: two signed checkpoints of 4 records"},
		{[]string{head(0, 4), head(0, 3)}, 1, "say nothing about each other without"},
		{[]string{head(0, 4), head(0, 3), lines(proof(0, 3))}, 0, "checkpoints of 3 and 4 records of ledger l/0 are of one history, by a consistency proof"},
		{[]string{head(1, 3), head(0, 4), lines(proof(0, 3))}, 1, "ledger l/0 sequence 3 field proof: root_mismatch"},
		{[]string{head(1, 3), head(0, 4), lines(proof(1, 3))}, 1, "ledger l/0 sequence 3 field proof: root_mismatch"},
		{[]string{head(1, 2), head(0, 4), lines(proof(0, 2))}, 0, "by a consistency proof"},
		{[]string{head(0, 3), head(0, 4), files[0]}, 0, "by the records"},
		{[]string{head(1, 3), head(0, 4), files[0]}, 1, "ledger l/0 sequence 2 field checkpoint.root: root_mismatch"},
		{[]string{head(1, 3), head(1, 4), files[0]}, 1, "ledger l/0 sequence 2 field checkpoint.root: root_mismatch"},
		{[]string{head(0, 3), head(0, 4), head(0, 3)}, 1, "line 1 is not one of at most 64 hashes"},
		{[]string{head(0, 3), files[0]}, 1, "field checkpoint: malformed"},
		{[]string{head(0, 3)}, 2, "Usage: verify heads"},
	} {
		code, out, errs := call(append([]string{"heads", "-vkey", vkey}, c.args...)...)
		if code != c.code || !strings.Contains(out+errs, c.says) {
			t.Errorf("%d, want %d, no word of %q in\n%s%s", code, c.code, c.says, out, errs)
		}
	}
}

// bodies are those of an export.
func bodies(t *testing.T, text []byte) (out [][]byte) {
	t.Helper()
	for line := range bytes.Lines(text) {
		var l struct{ Body []byte }
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatal(err)
		}
		if l.Body != nil {
			out = append(out, l.Body)
		}
	}
	return out
}
