package record

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// mutants are checks taken out, each by the text that goes and what comes in its place.
var mutants = []struct{ name, file, old, new string }{
	{"any signature", "chain.go", "!p.verifies(k)", "false"},
	{"a signature that a worker skips", "ahead.go", "p.keyID() == k.KeyHash() && p.verifies(k)", "p.Sequence%100 == 0 || p.verifies(k)"},
	{"a signature under another key than the valid one", "chain.go", "p.by == k", "p.by != nil"},
	{"a later fault in the place of an earlier one", "ahead.go", "i < oldest.filled && a.err == nil", "i < oldest.filled"},
	{"any key", "chain.go", "s.keyID() != k.KeyHash()", "false"},
	{"any previous hash", "chain.go", "case !c.links(s):", "case false:"},
	{"gaps", "chain.go", "case s.Sequence > size:", "case false:"},
	{"any source", "chain.go", "!s.Source.After(c.source)", "false"},
	{"any ledger", "chain.go", "case s.Ledger != c.ledger:\n\t\tf :=", "case false:\n\t\tf :="},
	{"records after a seal", "chain.go", "case c.sealed:", "case false:"},
	{"old keys stay valid", "chain.go", "keys[i].from <= sequence", "keys[i].from < 0"},
	{"any root", "chain.go", "case cp.Root != root:", "case false:"},
	{"a later generation of nothing", "chain.go", "return s.PreviousHash != Hash{}", "return true"},
	{"a later generation after any seal", "generation.go", "next.later, next.last, next.source, next.revoked = false, c.last", "next.later, next.last, next.source, next.revoked = true, c.last"},
	{"a later generation by the first key", "generation.go", "c.Key(c.Size()))", "c.Key(0))"},
	{"sources that begin anew with a generation", "generation.go", "c.last, c.source, c.revoked", "c.last, GenesisSource, c.revoked"},
	{"a generation that follows nothing", "generation.go", "if !c.sealed || generation == 0 {", "if generation == 0 {"},
	{"a generation left out", "audit.go", "if generation > was+1 {", "if false {"},
	{"a generation that is checked by itself", "audit.go", "before := a.ends[name]", "before := a.ends[\"\"]"},
	{"promises end with a generation", "audit.go", "until: v.until}", "until: 0}"},
	{"policies end with a generation", "audit.go", "v.statements.next()", "NewStatements()"},
	{"a revoked key's end in any seal", "revocation.go", "h.Root != c.Root() || !c.sealed", "!c.sealed && h.Root != c.Root() || !c.sealed"},
	{"a revoked key's other history", "revocation.go", "h.Size == c.Size() && (h.Root != c.Root()", "h.Size == c.Size() && (false"},
	{"a revoked key signs on", "revocation.go", "if h := r.Head(c.ledger); s.Sequence >= h.Size &&", "if h := r.Head(c.ledger); false &&"},
	{"promises are forgotten", "verify.go", "if len(v.promised) > 0 {\n\t\tcp", "if false {\n\t\tcp"},
	{"any checkpoint's signer", "checkpoint.go", "if n == nil || err != nil {", "if e, ok := err.(*note.UnverifiedNoteError); ok {\n\t\tn, err = e.Note, nil\n\t}\n\tif n == nil || err != nil {"},
	{"anything said", "verify.go", "if err := CheckConduct(&s.Record); err != nil {", "if err := CheckConduct(&s.Record); false {"},
	{"two roots for one size", "proof.go", "case older.Size == newer.Size:", "case older.Size == newer.Size && false:"},
	{"any consistency proof", "proof.go", "tlog.CheckTree(proof, newer.Size, newer.Root, older.Size, older.Root); err != nil", "error(nil); err != nil"},
	{"any inclusion proof", "proof.go", "tlog.CheckRecord(proof, cp.Size, cp.Root, sequence, LeafHash(body)); err != nil", "error(nil); err != nil"},
	{"a receipt of any record signed or not", "receipt.go", "if f := s.signedBy(trusted); f != nil {", "if f := s.signedBy(trusted); false {"},
	{"a receipt in many forms", "receipt.go", "if !bytes.Equal(r.Text(), text) || !canonical(r.Note) {", "if false {"},
	{"an AI that has a human-only case", "statements.go", "case c.Route == RouteAIHandled:", "case false:"},
	{"an AI while no policy is in force", "statements.go", "s.noAI.Count++; c.Route != RouteHumanHandled", "s.noAI.Count++; false"},
	{"a policy that is not there", "statements.go", "if turns && !known {", "if false {"},
	{"a policy that is not read", "statements.go", "} else if turns {", "} else if false {"},
	{"requests that the AI kept", "statements.go", "\tcase c.Handler == HandlerHuman && (", "\tcase true || ("},
	{"requests that were passed on late", "statements.go", "c.EscalatedAt.Set && c.EscalatedAt.Value <= at", "c.EscalatedAt.Set"},
	{"requests that nobody answered", "statements.go", "\tm.Requests++\n", "\tif !c.HumanJoinedAt.Set {\n\t\treturn\n\t}\n\tm.Requests++\n"},
	{"any wait", "statements.go", "|| uint64(joined)-uint64(at) < under", "|| true"},
	{"three minutes and a moment", "statements.go", "< under", "<= under"},
	{"months of here", "statements.go", "time.UnixMilli(at).UTC()", "time.UnixMilli(at)"},
	{"any share", "statement.go", "100*m.InTime >= duty*m.Requests", "true"},
	{"long numbers", "decode.go", "|| c == 0 && i > 0", ""},
	{"a manifest without a partition", "manifest_chain.go", "len(l.Heads) != len(m.leaf.Heads)", "false"},
	{"a leaf too early", "manifest_chain.go", "if h.Time < end {", "if false {"},
	{"a minute passed over", "manifest_chain.go", "l.End != m.Due()", "false"},
	{"any head in a manifest", "verify.go", "if err := v.chain.Matches(cp); err != nil {", "if err := v.chain.Matches(cp); false {"},
	{"promises of time are broken", "verify.go", "at < v.until", "false"},
	{"a ledger without its export", "manifest_export.go", "!e.verified[l] &&", "false &&"},
	{"bytes after the payload", "decode.go", "d.off != len(d.b)", "false"},
}

// Each check matters: without it a test of vectors, heads or receipts fails. It is built without the check by go's overlay.
func TestMutants(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: builds the package many times")
	}
	dir := t.TempDir()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			source, err := os.ReadFile(m.file)
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(source), m.old); n != 1 {
				t.Fatalf("%q stands %d times in %s, want once", m.old, n, m.file)
			}
			changed := filepath.Join(dir, m.file)
			if err := os.WriteFile(changed, []byte(strings.Replace(string(source), m.old, m.new, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(here, m.file): changed}})
			if err != nil {
				t.Fatal(err)
			}
			list := filepath.Join(dir, "overlay.json")
			if err := os.WriteFile(list, overlay, 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-count=1", "-overlay", list, "-run", "Vectors|SplitView|Receipt|Manifest|Revoked|Generation", "-splits=20", ".").CombinedOutput()
			if err == nil {
				t.Error("no test fails without it")
			} else if !strings.Contains(string(out), "--- FAIL: ") {
				t.Errorf("it fails otherwise than by a test:\n%s", out)
			}
		})
	}
}
