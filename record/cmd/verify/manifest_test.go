package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

const secondLedger = data + "manifest/ledger-1.jsonl"

func TestManifest(t *testing.T) {
	for _, name := range []string{"good", "witnessed"} {
		code, out, errs := call("-vkey", data+"golden.vkey", data+"golden.jsonl", data+"manifest/"+name+".jsonl", secondLedger)
		if code != 0 || errs != "" || !strings.Contains(out, "manifest casetrail/test/manifest/1: 4 leaves, 2 ledgers") ||
			!strings.Contains(out, "none of its 2 partitions is missing, and nothing that was concluded before 2026-01-01 01:07:00.000Z") {
			t.Errorf("%s: %d\n%s%s", name, code, out, errs)
		}
	}
	for _, c := range []struct {
		says  string
		files []string
	}{
		{"ledger casetrail/test/1/1 has 3 records by the manifest; its export is missing", []string{data + "manifest/good.jsonl", data + "golden.jsonl"}},
		{"only a manifest is given", []string{data + "manifest/good.jsonl"}},
		{"a second manifest", []string{data + "manifest/good.jsonl", data + "manifest/good.jsonl", data + "golden.jsonl"}},
	} {
		if code, _, errs := call(append([]string{"-vkey", data + "golden.vkey"}, c.files...)...); code != 1 || !strings.Contains(errs, c.says) {
			t.Errorf("%d, no word of %q in %s", code, c.says, errs)
		}
	}
}

func TestNamesTheFirstFaultOfAManifest(t *testing.T) {
	index, err := os.ReadFile(data + "manifest/bad-vectors.jsonl")
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
		if v.Ledger == "" {
			continue // without its header it is no manifest, nor a ledger
		}
		says := fmt.Sprintf("ledger %s sequence %d field %s: %s: ", v.Ledger, v.Sequence, v.Field, v.Reason)
		code, out, errs := call("-vkey", data+"golden.vkey", data+"manifest/bad/"+v.Name+".jsonl", data+"golden.jsonl", secondLedger)
		if code != 1 || strings.Contains(out, "ledger verified") || !strings.Contains(errs, says) {
			t.Errorf("%s: %d, no word of %q in\n%s%s", v.Name, code, says, out, errs)
		}
	}
}
