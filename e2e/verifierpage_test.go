package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/casetrail/casetrail/e2e/harness"
	"github.com/casetrail/casetrail/record"
)

// The page that verifies receipts and exports, in Chromium: it must say of every vector of the format what package record says.

const page = "docs/verify.html"

// The page's policy lets nothing in and nothing out but its own script and style, by their hashes.
func TestVerifierPageIsClosed(t *testing.T) {
	text := string(read(t, page))
	for tag, directive := range map[string]string{"script": "script-src", "style": "style-src"} {
		m := regexp.MustCompile(`(?s)<`+tag+`>(.*?)</`+tag+`>`).FindAllStringSubmatch(text, -1)
		if len(m) != 1 {
			t.Fatalf("%d elements %s", len(m), tag)
		}
		sum := sha256.Sum256([]byte(m[0][1]))
		if want := directive + " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(text, want) {
			t.Errorf("the Content-Security-Policy of %s must have %s", page, want)
		}
	}
	if !strings.Contains(text, `content="default-src 'none'; `) {
		t.Error("the policy does not begin with default-src 'none'")
	}
}

// browser is a Chromium with the page open. Where there is none the test is skipped, but never in CI.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if path, err = exec.LookPath("google-chrome"); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal(err)
			}
			t.Skip("SKIPPED, the verifier page not tested: no chromium is installed")
		}
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(900, 1100))
	if os.Getuid() == 0 { // it refuses to make its sandbox as root
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // a page that hangs must not hang the tests
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	do(t, ctx, chromedp.Navigate("file://"+filepath.Join(absolute(t), page)), chromedp.WaitVisible(chromedp.ID("go")))
	return ctx
}

func absolute(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs(harness.Root())
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func do(t *testing.T, ctx context.Context, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

// verdict is what the page says.
type verdict struct {
	Class, Text, Reason, Field, Sequence, Ledger, Focus string
}

// judge has the page verify a file, or several, with the keyboard where it can be done with it.
func judge(t *testing.T, ctx context.Context, key string, files ...string) verdict {
	t.Helper()
	do(t, ctx, chromedp.SetValue(chromedp.ID("key"), key), chromedp.SetUploadFiles(chromedp.ID("file"), files),
		chromedp.Focus(chromedp.ID("go")), chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible(chromedp.ID("verdict")))
	v, err := chromedp.Run(ctx, chromedp.Evaluate[verdict](`(() => { const v = document.getElementById("verdict"); return { Class: v.className, Text: v.innerText, Reason: v.dataset.reason ?? "",
			Field: v.dataset.field ?? "", Sequence: v.dataset.sequence ?? "", Ledger: v.dataset.ledger ?? "", Focus: document.activeElement.innerText } })()`))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// screenshot keeps what the page looks like, where SCREENSHOTS names a folder.
func screenshot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestVerifierPage(t *testing.T) {
	ctx := browser(t)
	data := filepath.Join(absolute(t), "record", "testdata")
	key := strings.TrimSpace(string(read(t, "record/testdata/golden.vkey")))
	golden := filepath.Join(data, "golden.jsonl")

	v := judge(t, ctx, key, golden)
	screenshot(t, ctx, "good")
	if v.Class != "good" || !strings.Contains(v.Text, "Verified: all 12 records") || !strings.Contains(v.Text, "3 signed checkpoints fix the first 12 records") || !strings.Contains(v.Focus, "Verified") {
		t.Fatalf("%+v", v)
	}
	t.Run("good vectors", func(t *testing.T) {
		for d := json.NewDecoder(strings.NewReader(string(read(t, "record/testdata/good-vectors.jsonl")))); d.More(); {
			var want struct {
				Name, Root string
				Records    int
			}
			if err := d.Decode(&want); err != nil {
				t.Fatal(err)
			}
			v := judge(t, ctx, key, filepath.Join(data, "good", want.Name+".jsonl"))
			if v.Class != "good" || !strings.Contains(v.Text, fmt.Sprintf("Verified: all %d records", want.Records)) || !strings.Contains(v.Text, want.Root) {
				t.Errorf("%s: the page says %+v, it is %+v", want.Name, v, want)
			}
		}
	})
	t.Run("bad vectors", func(t *testing.T) {
		d := json.NewDecoder(strings.NewReader(string(read(t, "record/testdata/bad-vectors.jsonl"))))
		n := 0
		for ; d.More(); n++ {
			var want struct {
				Name, Field, Reason string
				Sequence            int64
			}
			if err := d.Decode(&want); err != nil {
				t.Fatal(err)
			}
			v := judge(t, ctx, key, filepath.Join(data, "bad", want.Name+".jsonl"))
			if v.Class != "bad" || v.Reason != want.Reason || v.Field != want.Field || v.Sequence != fmt.Sprint(want.Sequence) || (v.Ledger == "") != (want.Sequence < 0) {
				t.Errorf("%s: the page says %+v, it is %+v", want.Name, v, want)
			}
		}
		if n < 20 {
			t.Errorf("%d vectors", n)
		}
		screenshot(t, ctx, "bad")
	})
	t.Run("generations", func(t *testing.T) {
		for d := json.NewDecoder(strings.NewReader(string(read(t, "record/testdata/generations/vectors.jsonl")))); d.More(); {
			var want struct {
				Name, Ledger, Root, Field, Reason string
				Sequence                          int64
				Files                             []string
			}
			if err := d.Decode(&want); err != nil {
				t.Fatal(err)
			}
			var files []string
			for _, f := range want.Files {
				files = append(files, filepath.Join(data, f))
			}
			v := judge(t, ctx, key, files...)
			if want.Reason == "" {
				if v.Class != "good" || !strings.Contains(v.Text, want.Root) || !strings.Contains(v.Text, fmt.Sprintf("Each of the %d generations begins with the seal of the one before it", len(files))) {
					t.Errorf("%s: the page says %+v, it is %+v", want.Name, v, want)
				}
			} else if v.Class != "bad" || v.Reason != want.Reason || v.Field != want.Field || v.Sequence != fmt.Sprint(want.Sequence) || v.Ledger != want.Ledger {
				t.Errorf("%s: the page says %+v, it is %+v", want.Name, v, want)
			}
		}
		v := judge(t, ctx, key, filepath.Join(data, "good", "next-generation.jsonl"))
		if v.Class != "good" || !strings.Contains(v.Text, "of a generation that you did not give") {
			t.Errorf("alone: %+v", v)
		}
		if v := judge(t, ctx, key, golden, golden); v.Class != "bad" || !strings.Contains(v.Text, "not the generations of one ledger") {
			t.Errorf("twice: %+v", v)
		}
	})
	t.Run("policies", func(t *testing.T) { plainPolicies(t, ctx) })
	t.Run("statements", func(t *testing.T) { statements(t, ctx, key) })
	t.Run("another key", func(t *testing.T) {
		other := "casetrail-other+" + strings.SplitN(key, "+", 2)[1]
		if v := judge(t, ctx, other, golden); v.Class != "bad" || !strings.Contains(v.Text, "a letter was lost or changed") {
			t.Errorf("%+v", v)
		}
		dir := t.TempDir()
		_, path, err := record.CreateKey(dir, "other")
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if v := judge(t, ctx, string(b), golden); v.Reason != "unknown_key" || !strings.Contains(v.Text, "Do not take the key from the file") {
			t.Errorf("%+v", v)
		}
	})
	t.Run("another file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "file")
		for _, text := range []string{"", "no", "{}", `{"casetrail_export":1,"ledger":"l"}` + "\n" + strings.Repeat("x", 300_000), "c2sp.org/tlog-proof@v1\nindex 0\n\n", "\xff\xfe"} {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if v := judge(t, ctx, key, path); v.Class != "bad" || v.Reason != "malformed" {
				t.Errorf("%.40q: %+v", text, v)
			}
		}
	})
	t.Run("receipts", func(t *testing.T) { receipts(t, ctx, key) })
}

// receipts judges receipts of the golden ledger's first records, as they are and altered.
func receipts(t *testing.T, ctx context.Context, key string) {
	var bodies [][]byte
	var note string
	for d := json.NewDecoder(strings.NewReader(string(read(t, "record/testdata/golden.jsonl")))); d.More() && note == ""; {
		var line struct {
			Body       []byte
			Checkpoint string
		}
		if err := d.Decode(&line); err != nil {
			t.Fatal(err)
		}
		if line.Body != nil {
			bodies = append(bodies, line.Body)
		}
		note = line.Checkpoint
	}
	trusted, err := record.LoadVerifier("../record/testdata/golden.vkey")
	if err != nil {
		t.Fatal(err)
	}
	var tree record.Tree
	for _, b := range bodies {
		if err := tree.Append(record.LeafHash(b)); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "case.tlog-proof")
	with := func(i int, alter func(string) string) verdict {
		t.Helper()
		proof, err := tree.Inclusion(int64(i), tree.Size())
		if err != nil {
			t.Fatal(err)
		}
		text := string((&record.Receipt{Sequence: int64(i), Body: bodies[i], Proof: proof, Note: []byte(note)}).Text())
		if alter != nil {
			altered := alter(text)
			if altered == text {
				t.Fatal("nothing was altered")
			}
			text = altered
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		v, want := judge(t, ctx, key, path), verdict{Class: "good"}
		if _, _, err := record.VerifyReceipt([]byte(text), trusted); err != nil {
			f := err.(*record.Fault)
			want = verdict{Class: "bad", Reason: f.Reason.String(), Field: f.Field, Sequence: fmt.Sprint(f.Sequence)}
		}
		if v.Class != want.Class || v.Reason != want.Reason || v.Field != want.Field || v.Sequence != want.Sequence {
			t.Errorf("the page says %+v, it is %+v", v, want)
		}
		return v
	}
	for i := range bodies {
		if v := with(i, nil); v.Class != "good" || !strings.Contains(v.Text, fmt.Sprintf("Verified: record %d of ledger", i)) {
			t.Errorf("record %d: %+v", i, v)
		}
	}
	if v := with(2, nil); !strings.Contains(v.Text, "case-1") || !strings.Contains(v.Text, "resolved confirmed") {
		t.Errorf("%+v", v)
	}
	screenshot(t, ctx, "receipt")
	flip := func(at int) func(string) string {
		return func(text string) string {
			line := strings.SplitN(text, "\n", 3)[1]
			b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(line, "extra "))
			if err != nil {
				t.Fatal(err)
			}
			b[(at+len(b))%len(b)] ^= 1
			return strings.Replace(text, line, "extra "+base64.StdEncoding.EncodeToString(b), 1)
		}
	}
	for _, c := range []struct {
		reason, field string
		alter         func(string) string
	}{
		{"bad_signature", "signature", flip(0)},
		{"bad_signature", "signature", flip(-1)},
		{"malformed", "sequence", func(s string) string { return strings.Replace(s, "index 2", "index 1", 1) }},
		{"malformed", "receipt.extra", func(s string) string {
			_, rest, _ := strings.Cut(s, "extra ")
			_, rest, _ = strings.Cut(rest, "\n")
			return "c2sp.org/tlog-proof@v1\n" + rest
		}},
		{"root_mismatch", "proof", func(s string) string {
			l := strings.Split(s, "\n")
			l[3], l[4] = l[4], l[3]
			return strings.Join(l, "\n")
		}},
		{"root_mismatch", "proof", func(s string) string { l := strings.Split(s, "\n"); return strings.Join(append(l[:3], l[4:]...), "\n") }},
		{"bad_signature", "checkpoint", func(s string) string { return strings.Replace(s, "\n4\n", "\n5\n", 1) }},
		{"unknown_key", "checkpoint", func(s string) string { return strings.Replace(s, "— casetrail-test ", "— casetrail-best ", 1) }},
	} {
		if v := with(2, c.alter); v.Class != "bad" || v.Reason != c.reason || v.Field != c.field {
			t.Errorf("want %s of %s: %+v", c.reason, c.field, v)
		}
	}
}
