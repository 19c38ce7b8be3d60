package e2e

import (
	"context"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/casetrail/casetrail/e2e/harness"
	"github.com/casetrail/casetrail/pipelines"
)

// TestPipelineKeys rotates the ledgers' key while conversations flow, kills the record-signer behind it, revokes the old key and
// seals the ledgers. Whoever trusts the first key follows: the other services, verify, an export and receipts.
func TestPipelineKeys(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: runs the whole pipeline")
	}
	p := harness.Start(t, harness.Embedded, harness.Options{EventClock: true, Without: []string{pipelines.RecordSigner}})
	p.Casetrail("keys", "create", "ledger-2", "--dir", p.Key(""))
	signer := p.Add(pipelines.RecordSigner, "--key", p.Key("ledger-2.key"))
	signer.Ready()
	operator := []string{"--operator-key", p.Key("operator.key")}
	p.Casetrail("replay", "--conversations", "30")
	more := p.Background(t, "replay", "--conversations", "40", "--seed", "2")
	out := p.Casetrail(append([]string{"keys", "rotate", p.Key("ledger.vkey"), p.Key("ledger-2.vkey")}, operator...)...)
	if n := strings.Count(out, "is the old key's last one"); n < 1 {
		t.Errorf("rotated: %s", out)
	}
	signer.Restart()
	if code := more.Wait(time.Minute); code != 0 {
		t.Fatalf("replay ended with %d\n%s", code, more.Log())
	}
	p.Settle(p.Database(t))
	p.Verify()

	if _, complaints, code := p.Try(append([]string{"keys", "rotate", p.Key("ledger.vkey"), p.Key("ledger-2.vkey")}, operator...)...); code != 1 || !strings.Contains(complaints, "order_refused") {
		t.Errorf("the same rotation again: %d %s", code, complaints)
	}
	shown := p.Casetrail("keys", "show")
	if regexp.MustCompile(`(?m)from record 0 +ledger, [0-9a-f]{8}$`).FindString(shown) == "" || !strings.Contains(shown, " ledger-2, ") {
		t.Errorf("keys: %s", shown)
	}
	if out := p.Casetrail("keys", "show", p.Key("ledger-2.key")); strings.Contains(out, "PRIVATE") || !strings.Contains(out, "private key of ledger-2+") {
		t.Errorf("a private key: %s", out)
	}

	dir := t.TempDir()
	revocation := filepath.Join(dir, "revocation")
	p.Casetrail(append([]string{"keys", "revoke", p.Key("ledger.vkey"), p.Key("ledger-2.key"), revocation, "--reason", "a test"}, operator...)...)
	p.Casetrail("verify", "--revoked", revocation)
	p.Casetrail("export", filepath.Join(dir, "export"))
	exports, err := filepath.Glob(filepath.Join(dir, "export", "ledger-*", "records.jsonl"))
	if err != nil || len(exports) == 0 {
		t.Fatal("nothing was exported: ", err)
	}
	offline := append([]string{harness.Binary(t, "verify"), "-vkey", p.Key("ledger.vkey"), "-revoked", revocation}, exports...)
	out, complaints, code := harness.Run(context.Background(), t, nil, offline...)
	if code != 0 || !strings.Contains(out, "1 key_rotation") {
		t.Errorf("offline: %d\n%s%s", code, out, complaints)
	}
	offline[2] = p.Key("ledger-2.vkey")
	if out, _, code := harness.Run(context.Background(), t, nil, offline...); code != 1 {
		t.Errorf("offline, with the second key alone: %d\n%s", code, out)
	}
	folder := filepath.Dir(exports[len(exports)-1])
	p.Casetrail("receipt", lastCase(t, folder).Case.CaseID, "--dir", dir)

	if out := p.Casetrail(append([]string{"ledger", "seal"}, operator...)...); !strings.Contains(out, "is sealed by record") {
		t.Errorf("sealed: %s", out)
	}
	p.Casetrail("replay", "--conversations", "10", "--seed", "3") // else no tick has a checkpoint come after the seal
	p.Verify()
}
