package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/casetrail/casetrail/record"
)

// The verifier page for whoever reads it by ear, by keyboard, enlarged, in the dark, or in another script.

// statements has the page judge the ledgers of a signer who lies as package record does.
func statements(t *testing.T, ctx context.Context, key string) {
	for d := json.NewDecoder(strings.NewReader(string(read(t, "record/testdata/statements.jsonl")))); d.More(); {
		var want struct {
			Name     string
			Verdicts map[string]string
			Months   []record.Month
		}
		if err := d.Decode(&want); err != nil {
			t.Fatal(err)
		}
		v := judge(t, ctx, key, filepath.Join(absolute(t), "record", "testdata", "statements", want.Name+".jsonl"))
		got, err := chromedp.Run(ctx, chromedp.Evaluate[map[string]string](`Object.fromEntries([...document.querySelectorAll("[data-statement]")].map((e) => [e.dataset.statement, e.dataset.verdict]))`))
		if err != nil {
			t.Fatal(err)
		}
		class := "good"
		for name, verdict := range map[string]string{"no-ai-on-human-only": "held", "human-requests-met": "held", "human-within-3-minutes": "held",
			"metrics-recompute": "not checkable here", "events-accounted": "not checkable here"} {
			if x, ok := want.Verdicts[name]; ok {
				verdict = x
			}
			if verdict == "broken" && name != "human-within-3-minutes" {
				class = "bad"
			}
			if got[name] != verdict {
				t.Errorf("%s: %s is %q, want %q", want.Name, name, got[name], verdict)
			}
		}
		for _, m := range want.Months {
			if says := fmt.Sprintf("%s: %d of %d under 3 minutes", m.Month, m.InTime, m.Requests); !strings.Contains(v.Text, says) {
				t.Errorf("%s: no word of %q in\n%s", want.Name, says, v.Text)
			}
		}
		if v.Class != class {
			t.Errorf("%s: %s, want %s", want.Name, v.Class, class)
		}
		if want.Name == "ai-to-the-end" || want.Name == "months-are-of-utc" {
			screenshot(t, ctx, want.Name)
		}
	}
}

// plainPolicies has the page read policies' documents as package record does.
func plainPolicies(t *testing.T, ctx context.Context) {
	for line := range strings.Lines(string(read(t, "record/testdata/policies.jsonl"))) {
		got, err := chromedp.Run(ctx, chromedp.Evaluate[string](`((p) => {
			let got = null;
			try { got = humanOnly(p.document).join(); } catch { }
			return got === (p.plain ? (p.human_only ?? []).join() : null) ? "" : String(got);
		})(`+line+")"))
		if err != nil || got != "" {
			t.Errorf("%s: the page reads %q, %v", line, got, err)
		}
	}
}

// axeCore is the package of the checker, and its SHA-512.
const (
	axeCore    = "axe-core@4.10.3"
	axeCoreSum = "5e6edba515e70d25f6604d9815f064d859c5d1ea7ab661bbc4f87c88779ef0c21cae0abbeb636471ef39e9d62d2582e4b88a1866f19f4ecfcf6d986275e4dc12"
)

// axe is axe-core's source. Where npm can't bring it the test is skipped, but never in CI.
func axe(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "npm", "pack", axeCore, "--ignore-scripts", "--loglevel=error", "--no-update-notifier", "--pack-destination", dir)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%v: %s", err, out)
		}
		t.Skipf("SKIPPED, the verifier page's accessibility not tested: %s: %v: %s", axeCore, err, out)
	}
	packed, err := os.ReadFile(filepath.Join(dir, strings.Replace(axeCore, "@", "-", 1)+".tgz"))
	if err != nil {
		t.Fatal(err)
	}
	if sum := fmt.Sprintf("%x", sha512.Sum512(packed)); sum != axeCoreSum {
		t.Fatalf("%s has SHA-512 %s, want %s", axeCore, sum, axeCoreSum)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if h.Name == "package/axe.min.js" {
			b, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
	}
}

// tell runs a script in the page.
func tell(t *testing.T, ctx context.Context, script string) {
	t.Helper()
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](script+"; true")); err != nil {
		t.Fatal(err)
	}
}

// emulate sets what a reader may prefer.
func emulate(t *testing.T, ctx context.Context, scheme, motion string) {
	t.Helper()
	do(t, ctx, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: motion}}})
		return err
	}))
}

// strange is a ledger with names that are long, of several scripts, and written to reorder the words around them, and a receipt from it.
func strange(t *testing.T, dir string) (key, export, receipt string) {
	t.Helper()
	private, public, err := record.CreateKey(dir, "strange")
	if err != nil {
		t.Fatal(err)
	}
	s, err := record.LoadSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	const ledger = "בדיקה/試験/0/1"
	export, receipt = filepath.Join(dir, "records.jsonl"), filepath.Join(dir, "case.tlog-proof")
	var file bytes.Buffer
	w, err := record.NewExportWriter(&file, ledger, s.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	document := "routes:\n  human_only: [dispute]\n"
	records := []record.Record{{Source: record.GenesisSource}, {Kind: record.KindPolicy, Policy: record.Policy{Version: "\u202eגרסה", Document: document, SHA256: sha256.Sum256([]byte(document))}}}
	for range 3000 {
		records = append(records, record.Record{Kind: record.KindCase, Case: record.Case{CaseID: "\u202e" + strings.Repeat("מקרה־٧案件", 24) + "👩🏽‍⚖️", CaseType: "dispute", Workflow: strings.Repeat("w", 400),
			Route: record.RouteHumanHandled, Handler: record.HandlerHuman, PolicyVersion: "\u202eגרסה", HumanRequestedAt: record.Some(int64(1)), ConcludedAt: 2}})
	}
	records[2].Case.CaseType = strings.Repeat("قضية", 60)
	records[3].Case.Route, records[3].Case.Handler = record.RouteAIHandled, record.HandlerAI
	var last record.Hash
	var tree record.Tree
	var body []byte
	for i, r := range records {
		if r.Ledger, r.Sequence, r.PreviousHash = ledger, int64(i), last; i > 0 {
			r.Source.Offset = int64(i)
		}
		b, err := s.SignPayload(nil, r.Append(nil))
		if err == nil {
			last = record.LeafHash(b)
			err = w.Record(r.Sequence, b)
		}
		if err == nil {
			err = tree.Append(last)
		}
		if err != nil {
			t.Fatal(err)
		}
		if i == 2 {
			body = b
		}
	}
	root, err := tree.Root(tree.Size())
	if err != nil {
		t.Fatal(err)
	}
	cp, err := s.SignCheckpoint(ledger, tree.Size(), root)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := tree.Inclusion(2, tree.Size())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	for path, b := range map[string][]byte{export: file.Bytes(), receipt: (&record.Receipt{Sequence: 2, Body: body, Proof: proof, Note: cp.Note}).Text()} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(public)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), export, receipt
}

// axe-core finds nothing, nor anything to look at but that it can't see the colours behind what is written in the key's field, whatever the page shows, in both colour schemes, wide and narrow; and nothing has to be scrolled sideways.
func TestVerifierPageIsAccessible(t *testing.T) {
	source, ctx := axe(t), browser(t)
	key := strings.TrimSpace(string(read(t, "record/testdata/golden.vkey")))
	data := filepath.Join(absolute(t), "record", "testdata")
	strangeKey, export, receipt := strange(t, t.TempDir())
	tell(t, ctx, source)
	check := func(name string) {
		t.Helper()
		for _, width := range []int64{900, 320} { // 320 is what 1280 is at 400 %
			for _, scheme := range []string{"light", "dark"} {
				do(t, ctx, chromedp.EmulateViewport(width, 800))
				emulate(t, ctx, scheme, "reduce")
				found, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](`axe.run().then((r) => [...r.violations, ...r.incomplete.filter((v) => v.nodes.some((n) => n.target[0] !== "#key"))].map((v) => v.id + ": " + v.nodes.map((n) => n.html + " " + n.failureSummary).join(" | ").slice(0, 600)))`, chromedp.EvalAwaitPromise))
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range found {
					t.Errorf("%s, %d px, %s: %s", name, width, scheme, f)
				}
				wide, err := chromedp.Run(ctx, chromedp.Evaluate[int64]("document.documentElement.scrollWidth"))
				if err != nil || wide > width {
					t.Errorf("%s: %d px wide on %d, %v", name, wide, width, err)
				}
				moving, err := chromedp.Run(ctx, chromedp.Evaluate[int](`document.getAnimations().length`))
				if err != nil || moving != 0 {
					t.Errorf("%s: %d animations, %v", name, moving, err)
				}
				screenshot(t, ctx, fmt.Sprint(name, "-", width, "-", scheme))
			}
		}
	}
	check("empty")
	for _, c := range []struct{ name, key, file, class string }{
		{"verified", key, filepath.Join(data, "golden.jsonl"), "good"},
		{"a-fault", key, filepath.Join(data, "bad", "spliced.jsonl"), "bad"},
		{"no-key", "nonsense", filepath.Join(data, "golden.jsonl"), "bad"},
		{"broken", key, filepath.Join(data, "statements", "ai-to-the-end.jsonl"), "bad"},
		{"strange-names", strangeKey, export, "bad"},
		{"strange-receipt", strangeKey, receipt, "good"},
	} {
		if v := judge(t, ctx, c.key, c.file); v.Class != c.class {
			t.Errorf("%s: %+v", c.name, v)
		}
		check(c.name)
	}
}

// All of the page can be done with the keyboard alone, in the order in which it reads; what comes out of it has the focus, and progress is said, but
// not at every record.
func TestVerifierPageByKeyboard(t *testing.T) {
	ctx := browser(t)
	do(t, ctx, chromedp.Focus(chromedp.ID("key")))
	for _, want := range []string{"key", "key-file", "file", "go"} {
		id, err := chromedp.Run(ctx, chromedp.Evaluate[string]("document.activeElement.id"))
		if err != nil || id != want {
			t.Errorf("the focus is on %q, %v; want %s", id, err, want)
		}
		do(t, ctx, chromedp.KeyEvent(kb.Tab))
	}
	key, export, _ := strange(t, t.TempDir())
	tell(t, ctx, `said = []; new MutationObserver(() => said.push(document.getElementById("status").textContent)).observe(document.getElementById("status"), { childList: true })`)
	if v := judge(t, ctx, key, export); v.Class != "bad" || !strings.Contains(v.Focus, "All of it was signed, but") {
		t.Errorf("%+v", v)
	}
	said, err := chromedp.Run(ctx, chromedp.Evaluate[[]string]("said"))
	if err != nil || len(said) < 4 || len(said) > 11 || said[0] != "Checking…" || !strings.HasSuffix(said[1], "0 %") || said[len(said)-1] != "" {
		t.Errorf("%q, %v", said, err)
	}
	large := filepath.Join(t.TempDir(), "records.jsonl")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, 100_000_001); err != nil {
		t.Fatal(err)
	}
	if v := judge(t, ctx, key, large); v.Class != "bad" || !strings.Contains(v.Text, "100 MB at most") {
		t.Errorf("%+v", v)
	}
}
