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

const data = "../../testdata/"

func call(args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	code = run(args, &o, &e)
	return code, o.String(), e.String()
}

func TestVerifies(t *testing.T) {
	code, out, errs := call("-vkey", data+"golden.vkey", data+"golden.jsonl")
	if code != 0 || errs != "" || !strings.Contains(out, "ledger verified: 12 records, 1 partitions, root ") ||
		!strings.Contains(out, "3 checkpoints over 12 records") || !strings.Contains(out, "5 case") {
		t.Errorf("%d\n%s%s", code, out, errs)
	}
}

// What was not checked is said loudly.
func TestNoSignatures(t *testing.T) {
	code, out, errs := call("-no-signatures", "-vkey", data+"golden.vkey", data+"golden.jsonl")
	if code != 0 || errs != "" || !strings.Contains(out, "NOT CHECKED: the records' signatures") || !strings.Contains(out, "conduct and 1 signatures checked") {
		t.Errorf("%d\n%s%s", code, out, errs)
	}
	if code, out, _ := call("-vkey", data+"golden.vkey", data+"golden.jsonl"); code != 0 || strings.Contains(out, "NOT CHECKED") || !strings.Contains(out, "conduct and 12 signatures checked") {
		t.Errorf("%d\n%s", code, out)
	}
	if code, _, errs := call("receipt", "-no-signatures", "-vkey", data+"golden.vkey", data+"golden.tlog-proof"); code != 2 {
		t.Errorf("a receipt without signatures: %d %s", code, errs)
	}
}

func TestNamesTheFirstFault(t *testing.T) {
	index, err := os.ReadFile(data + "bad-vectors.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(index) {
		var v struct {
			Name, Ledger, Field, Reason string
			Sequence                    int64
		}
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatal(err)
		}
		path := data + "bad/" + v.Name + ".jsonl"
		says := "field " + v.Field + ": " + v.Reason + ": "
		if v.Ledger != "" {
			says = fmt.Sprintf("ledger %s sequence %d %s", v.Ledger, v.Sequence, says)
		}
		code, out, errs := call("-vkey", data+"golden.vkey", data+"manifest/ledger-1.jsonl", path)
		if code != 1 || strings.Contains(out, "ledger verified") || !strings.Contains(errs, "NOT VERIFIED: "+path+": ") || !strings.Contains(errs, says) {
			t.Errorf("%s: %d, no word of %q in\n%s%s", path, code, says, out, errs)
		}
	}
}

func TestSeveralPartitions(t *testing.T) {
	dir := t.TempDir()
	key, vkey, err := record.CreateKey(dir, "k")
	if err != nil {
		t.Fatal(err)
	}
	s, err := record.LoadSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"-vkey", vkey}
	for _, ledger := range []string{"l/1", "l/0"} {
		path := filepath.Join(dir, strings.ReplaceAll(ledger, "/", "-"))
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		w, err := record.NewExportWriter(f, ledger, s.VerifierKey())
		if err != nil {
			t.Fatal(err)
		}
		r := record.Record{Ledger: ledger, Source: record.GenesisSource}
		body, err := s.SignPayload(nil, r.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Record(0, body); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	code, out, errs := call(args...)
	if code != 0 || !strings.Contains(out, "ledger verified: 2 records, 2 partitions") || !strings.Contains(out, "the last 1 are under no checkpoint") {
		t.Errorf("%d\n%s%s", code, out, errs)
	}
	if code, _, errs := call(append(args, args[2])...); code != 1 || !strings.Contains(errs, "in an earlier file already") {
		t.Errorf("the same ledger twice: %d %s", code, errs)
	}
	if code, _, errs := call("-vkey", vkey, data+"golden.jsonl"); code != 1 || !strings.Contains(errs, "which is not the one you trust") {
		t.Errorf("another key: %d %s", code, errs)
	}
}

func TestCalledWrongly(t *testing.T) {
	for _, args := range [][]string{{}, {"x"}, {"-vkey", "none", "x"}, {"-nonsense"}} {
		if code, _, errs := call(args...); code != 2 || errs == "" {
			t.Errorf("%v: %d %q", args, code, errs)
		}
	}
	if code, _, _ := call("-vkey", data+"golden.vkey", "none"); code != 1 {
		t.Errorf("no file: %d", code)
	}
}
