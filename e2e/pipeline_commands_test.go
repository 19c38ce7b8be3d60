package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/casetrail/casetrail/e2e/harness"
	"github.com/casetrail/casetrail/pipelines"
)

// TestCommands are those that need nothing to run.
func TestCommands(t *testing.T) {
	casetrail := func(args ...string) (string, string, int) {
		return harness.Run(t.Context(), t, nil, append([]string{harness.Binary(t, "casetrail")}, args...)...)
	}
	t.Run("topics", func(t *testing.T) {
		out, says, code := casetrail("topics")
		for _, topic := range pipelines.Topology() {
			if code != 0 || !strings.Contains(out, topic.Name) {
				t.Errorf("exit code %d, no %s in:\n%s%s", code, topic.Name, out, says)
			}
		}
	})
	t.Run("version", func(t *testing.T) {
		if out, says, code := casetrail("version"); code != 0 || !strings.Contains(out, "casetrail, commit ") || !strings.Contains(out, "classifier ") {
			t.Errorf("exit code %d: %s%s", code, out, says)
		}
	})
	t.Run("keys", func(t *testing.T) {
		dir := t.TempDir()
		if out, says, code := casetrail("keys", "create", "example.org/ledger", "--dir", dir); code != 0 || !strings.Contains(out, "private key: ") {
			t.Fatalf("exit code %d: %s%s", code, out, says)
		}
		key := filepath.Join(dir, "example.org-ledger")
		if info, err := os.Stat(key + ".key"); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
		if out, says, code := casetrail("keys", "show", key+".vkey"); code != 0 || !strings.Contains(out, "name   example.org/ledger\nkey id ") {
			t.Errorf("exit code %d: %s%s", code, out, says)
		}
		if _, says, code := casetrail("keys", "create", "example.org/ledger", "--dir", dir); code != 1 || !strings.Contains(says, "exists") {
			t.Errorf("a key was written over: exit code %d: %s", code, says)
		}
	})
	t.Run("simulate", func(t *testing.T) {
		out, says, code := casetrail("simulate", "--direct", "--drift", "sudden", "--days", "40")
		for _, part := range []string{"week 5: CSAT 4.", "Masked drift. ", "handled by AI: CSAT down 0.", "the aggregate is ", "that was the first alert, 0."} {
			if code != 0 || !strings.Contains(out, part) {
				t.Errorf("exit code %d, no %q in:\n%s%s", code, part, out, says)
			}
		}
		if again, _, _ := casetrail("simulate", "--direct", "--drift", "sudden", "--days", "40"); again != out {
			t.Errorf("the same seed is another world:\n%s\n%s", out, again)
		}
		if _, says, code := casetrail("simulate", "--direct", "--segments", "dispute:bot", "--drop", "9", "--cases", "1"); code != 1 ||
			!strings.Contains(says, "no dispute:bot") || !strings.Contains(says, "drop: 9") || !strings.Contains(says, "cases: 1 a 30 days") {
			t.Errorf("exit code %d: %s", code, says)
		}
	})
}

// TestServicesWithoutKeys: a service whose key is missing does not start, and says how to make one.
func TestServicesWithoutKeys(t *testing.T) {
	dir := t.TempDir()
	if _, says, code := harness.Run(t.Context(), t, nil, harness.Binary(t, "casetrail"), "keys", "create", "ledger", "--dir", dir); code != 0 {
		t.Fatal(says)
	}
	loose := filepath.Join(dir, "ledger.key")
	if err := os.Chmod(loose, 0o644); err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(dir, "none")
	for _, x := range []struct {
		says string
		args []string
	}{
		{"casetrail keys create", []string{pipelines.RecordSigner, "--checkpoint-dir", dir}},
		{"casetrail keys create", []string{pipelines.RecordSigner, "--checkpoint-dir", dir, "--key", none + ".key"}},
		{"chmod 600 ", []string{pipelines.RecordSigner, "--checkpoint-dir", dir, "--key", loose}},
		{"--checkpoint-dir is missing", []string{pipelines.RecordSigner, "--key", loose}},
		{"casetrail keys create", []string{pipelines.Aggregator}},
		{"casetrail keys create", []string{pipelines.Aggregator, "--ledger-key", none + ".vkey"}},
		{"casetrail keys create", []string{pipelines.Sink}},
		{"casetrail keys create", []string{pipelines.Sink, "--ledger-key", none + ".vkey"}},
		{"casetrail keys create", []string{pipelines.Intake, "--policy-key", none + ".vkey"}},
	} {
		out, complaints, code := harness.Run(t.Context(), t, nil, append([]string{harness.Binary(t, x.args[0])}, x.args[1:]...)...)
		if code != 2 || !strings.Contains(complaints, x.says) {
			t.Errorf("%v: exit code %d, and not %q in: %s%s", x.args, code, x.says, out, complaints)
		}
	}
}
