package e2e

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/e2e/harness"
	"github.com/casetrail/casetrail/record"
)

// receipt has the pipeline write a receipt of a case, and checks it as its holder would, with the public key alone.
func receipt(t *testing.T, p *harness.Pipeline, folder string) {
	trusted, err := record.LoadVerifier(p.Key("ledger.vkey"))
	if err != nil {
		t.Fatal(err)
	}
	want := lastCase(t, folder)
	dir := t.TempDir()
	out := p.Casetrail("receipt", want.Case.CaseID, "--dir", dir)
	t.Log(out)
	files, err := filepath.Glob(filepath.Join(dir, "*.tlog-proof"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no receipt: %v\n%s", err, out)
	}
	found := false
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s, _, err := record.VerifyReceipt(text, trusted)
		if err != nil {
			t.Fatal(err)
		}
		found = found || s.Ledger == want.Ledger && s.Sequence == want.Sequence && string(s.Body) == string(want.Body)
		text[len(text)/3] ^= 1
		if _, _, err := record.VerifyReceipt(text, trusted); err == nil {
			t.Error("an altered receipt verifies")
		}
	}
	if !found {
		t.Errorf("no receipt is of record %d of %s\n%s", want.Sequence, want.Ledger, out)
	}
	// ClickHouse, which was asked, and the ledger, which is read where ClickHouse can't be, give the same receipts.
	alone := t.TempDir()
	if _, said, code := p.Try("receipt", want.Case.CaseID, "--dir", alone, "--clickhouse-url", "http://127.0.0.1:1/casetrail"); code != 0 || !strings.Contains(said, "the ledgers are read from their beginning") {
		t.Errorf("without ClickHouse: %d %s", code, said)
	}
	if _, said, code := p.Try("receipt", want.Case.CaseID, "--dir", t.TempDir(), "--kafka-brokers", "127.0.0.1:1"); code != 0 || said != "" {
		t.Errorf("without Kafka: %d %s", code, said)
	}
	for _, path := range files {
		a, err := os.ReadFile(path)
		b, e := os.ReadFile(filepath.Join(alone, filepath.Base(path)))
		if err != nil || e != nil || !sameRecord(t, a, b, trusted) {
			t.Errorf("%s: from ClickHouse %s, from Kafka %s, %v %v", path, a, b, err, e)
		}
	}
	if _, complaints, code := p.Try("receipt", want.Case.CaseID, "--dir", dir); code != 1 || !strings.Contains(complaints, "exists") {
		t.Errorf("over a receipt that is there: %d %s", code, complaints)
	}
	if _, complaints, code := p.Try("receipt", "nobody", "--dir", dir); code != 1 || !strings.Contains(complaints, `case "nobody" is in no ledger`) {
		t.Errorf("of no case: %d %s", code, complaints)
	}
}

// sameRecord tells whether two receipts are of one record; the heads that they are under may differ.
func sameRecord(t *testing.T, a, b []byte, trusted note.Verifier) bool {
	t.Helper()
	x, _, err := record.VerifyReceipt(a, trusted)
	y, _, e := record.VerifyReceipt(b, trusted)
	return err == nil && e == nil && string(x.Body) == string(y.Body)
}

// lastCase is the last record of a case in an export.
func lastCase(t *testing.T, folder string) (last record.Signed) {
	t.Helper()
	f, err := os.Open(filepath.Join(folder, "records.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var l struct{ Body []byte }
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		if s, err := record.Decode(l.Body); err == nil && s.Kind == record.KindCase {
			last = s
		}
	}
	if last.Body == nil {
		t.Fatal("no case in ", folder)
	}
	return last
}
