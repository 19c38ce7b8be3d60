package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

// What a signer who lies has signed well verifies, and is told to be untrue; only a figure that is low fails nothing.
func TestStatements(t *testing.T) {
	index, err := os.ReadFile(data + "statements.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(index) {
		var v struct {
			Name, Says string
			Verdicts   map[string]string
		}
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatal(err)
		}
		code, out, errs := call("-vkey", data+"golden.vkey", data+"statements/"+v.Name+".jsonl")
		fails, first := 0, ""
		for name, verdict := range v.Verdicts {
			if !strings.Contains(out, fmt.Sprintf("%-18s  %s: ", verdict, name)) {
				t.Errorf("%s: %s is not %s in\n%s", v.Name, name, verdict, out)
			}
			if verdict == "broken" && name != "human-within-3-minutes" {
				fails, first = 1, "statement "+name+" is broken 1 times, first by ledger casetrail/test/0/1 sequence "
			}
		}
		if code != fails || !strings.Contains(out, "ledger verified: ") || !strings.Contains(out, v.Says) || !strings.Contains(errs, first) {
			t.Errorf("%s: %d, no word of %q or %q in\n%s%s", v.Name, code, v.Says, first, out, errs)
		}
	}
}
