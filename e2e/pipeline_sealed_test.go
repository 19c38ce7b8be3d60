package e2e

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/casetrail/casetrail/e2e/clients"
	"github.com/casetrail/casetrail/e2e/harness"
)

// TestPipelineReadersOfGenerations has every reader read a deployment whose ledgers were sealed twice: verify of three sources, the offline verifiers, fsck, and receipts of a case in each generation.
func TestPipelineReadersOfGenerations(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: runs the whole pipeline")
	}
	p := harness.Start(t, harness.Embedded, harness.Options{EventClock: true})
	operator := []string{"--operator-key", p.Key("operator.key")}
	for i, seed := range []string{"1", "2", "3"} {
		p.Casetrail("replay", "--conversations", "40", "--seed", seed)
		if i < 2 {
			p.Casetrail(append([]string{"ledger", "seal"}, operator...)...)
		}
	}
	p.Settle(p.Database(t))
	out := p.Verify()
	t.Log(out)
	if n := strings.Count(out, " is sealed: "); n == 0 || n%2 > 0 {
		t.Errorf("%d ledgers are named as sealed, want two of each partition", n)
	}
	p.Casetrail("verify", "--metrics")

	dir := filepath.Join(t.TempDir(), "export")
	t.Log(p.Casetrail("export", dir))
	all, err := filepath.Glob(filepath.Join(dir, "ledger-*", "records.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var generations [3][]string // folders
	for i, g := range []string{"", "-2", "-3"} {
		for _, f := range all {
			name, _ := strings.CutPrefix(filepath.Base(filepath.Dir(f)), "ledger-")
			if _, later, ok := strings.Cut(name, "-"); ok && "-"+later == g || !ok && g == "" {
				generations[i] = append(generations[i], filepath.Dir(f))
			}
		}
		if len(generations[i]) == 0 || len(generations[i]) != len(generations[0]) {
			t.Fatalf("generation %d: %v of %v", i+1, generations[i], all)
		}
	}
	t.Run("verify", func(t *testing.T) { threeSources(t, p, dir) })
	t.Run("offline", func(t *testing.T) {
		offline := func(files ...string) (int, string) {
			out, complaints, code := harness.Run(context.Background(), t, nil, append([]string{harness.Binary(t, "verify"), "-vkey", p.Key("ledger.vkey")}, files...)...)
			return code, out + complaints
		}
		manifest := filepath.Join(dir, "manifest", "manifest.jsonl")
		if code, said := offline(append([]string{manifest}, all...)...); code != 0 || !strings.Contains(said, "manifest verified") || strings.Contains(said, "names policy") {
			t.Errorf("%d\n%s", code, said)
		}
		reversed := slices.Clone(all)
		slices.Reverse(reversed)
		if code, said := offline(reversed...); code != 0 {
			t.Errorf("in another order: %d\n%s", code, said)
		}
		second := filepath.Join(generations[1][0], "records.jsonl")
		without := slices.DeleteFunc(slices.Clone(all), func(f string) bool { return f == second })
		if code, said := offline(without...); code != 1 || !strings.Contains(said, "/2 sequence 0 field ledger: other_ledger") {
			t.Errorf("without %s: %d\n%s", second, code, said)
		}
		said := clients.New(t).Run(t, "verify.py", nil, append([]string{p.Key("ledger.vkey")}, all...)...)
		if strings.Contains(string(said), "reason") || strings.Count(string(said), `"root"`) != len(all) {
			t.Errorf("the second verifier:\n%s", said)
		}
	})
	t.Run("receipts", func(t *testing.T) {
		for _, folders := range generations {
			receipt(t, p, folders[0])
		}
	})
	t.Run("fsck", func(t *testing.T) { tessera(t, p, []string{generations[1][0], generations[2][0]}) })
}
