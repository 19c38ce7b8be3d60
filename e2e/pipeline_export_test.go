package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/casetrail/casetrail/e2e/clients"
	"github.com/casetrail/casetrail/e2e/harness"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/record"
)

// TestPipelineExport exports a ledger, and has programs that are not ours check it: Tessera's fsck the tiles, securesystemslib
// the envelopes, pyarrow the Parquet files. Each must refuse an export with one byte changed.
func TestPipelineExport(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: runs the whole pipeline")
	}
	p := harness.Start(t, harness.Embedded, harness.Options{EventClock: true})
	p.Casetrail("replay", "--conversations", "60")
	p.Settle(p.Database(t))
	dir := filepath.Join(t.TempDir(), "export")
	out := p.Casetrail("export", dir)
	t.Log(out)
	if _, complaints, code := p.Try("export", dir); code != 1 || !strings.Contains(complaints, "is there already") {
		t.Errorf("over an export that is there: %d %s", code, complaints)
	}
	folders, err := filepath.Glob(filepath.Join(dir, "ledger-*"))
	if err != nil || len(folders) == 0 {
		t.Fatal("nothing was exported: ", err)
	}
	if all, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(all) != 1 {
		t.Errorf("beside the export lies %v, %v", all, err)
	}
	records := 0
	for _, folder := range folders {
		records += ours(t, p, folder)
	}
	if want := fmt.Sprintf("exported %d records of %d ledgers", records, len(folders)); !strings.Contains(out, want) {
		t.Errorf("not %q in %s", want, out)
	}
	t.Run("verify", func(t *testing.T) { threeSources(t, p, dir) })
	t.Run("manifest", func(t *testing.T) { manifest(t, p, dir, folders) })
	t.Run("receipt", func(t *testing.T) { receipt(t, p, folders[len(folders)-1]) })
	t.Run("fsck", func(t *testing.T) { tessera(t, p, append(folders, filepath.Join(dir, "manifest"))) })
	t.Run("dsse and parquet", func(t *testing.T) { envelopes(t, p, folders) })
}

// threeSources checks the ledger where it stands, in ClickHouse alone and in the export: the root is one, and so is what is said of
// a record that is altered.
func threeSources(t *testing.T, p *harness.Pipeline, dir string) {
	from := func(out string) string { return out[strings.LastIndex(out, "ledger verified: "):] }
	root := func(out string) string { line, _, _ := strings.Cut(from(out), "\n"); return line + "\n" } // statements may follow it
	nowhere := []string{"--kafka-brokers", "127.0.0.1:1", "--schema-registry", "http://127.0.0.1:1"}   // neither is needed
	kafka := root(p.Casetrail("verify"))
	rows := root(p.Casetrail(append([]string{"verify", "--clickhouse"}, nowhere...)...))
	file := root(p.Casetrail(append([]string{"verify", dir}, nowhere...)...))
	if kafka != rows || kafka != file {
		t.Errorf("Kafka: %sClickHouse: %san export: %s", kafka, rows, file)
	}
	if out := p.Casetrail("verify", "--clickhouse", "--no-signatures"); !strings.HasPrefix(from(out), strings.TrimSpace(kafka)+"\nNOT CHECKED: the signatures of") {
		t.Error(out)
	}
	if _, complaints, code := p.Try("verify", dir, "--deep"); code != 1 || !strings.Contains(complaints, "--deep") {
		t.Errorf("--deep of an export: %d %s", code, complaints)
	}
	db := p.Database(t)
	alter := func(by string) {
		t.Helper()
		if err := db.Exec(t.Context(), "ALTER TABLE records UPDATE body = "+by+" WHERE partition = 0 AND sequence = 1 SETTINGS mutations_sync = 1"); err != nil {
			t.Fatal(err)
		}
	}
	const flip = "concat(substring(body, 1, length(body) - 1), char(bitXor(ascii(substring(body, -1)), 1)))"
	alter(flip)
	defer alter(flip)
	if _, complaints, code := p.Try("verify", "--clickhouse"); code != 1 || !strings.Contains(complaints, "/0/1 sequence 1 field signature: bad_signature") {
		t.Errorf("an altered row: %d %s", code, complaints)
	}
}

// ours checks a folder with the offline verifier and returns how many records it has.
func ours(t *testing.T, p *harness.Pipeline, folder string) int {
	t.Helper()
	trusted, err := record.LoadVerifier(p.Key("ledger.vkey"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(folder, "records.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, _, err := record.VerifyExport(f, trusted, nil)
	if err != nil || r.Covered != r.Records || r.Checkpoints != 1 {
		t.Fatalf("%s: %v, %+v", folder, err, r)
	}
	return int(r.Records)
}

// manifest checks with the offline verifier that no ledger is missing; and that it says so where one is, or the manifest was altered.
func manifest(t *testing.T, p *harness.Pipeline, dir string, folders []string) {
	verify := func(files ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "go", append([]string{"run", "./record/cmd/verify", "-vkey", p.Key("ledger.vkey")}, files...)...)
		cmd.Dir = harness.Root()
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	path := filepath.Join(dir, "manifest", "manifest.jsonl")
	files := []string{path}
	for _, folder := range folders {
		files = append(files, filepath.Join(folder, "records.jsonl"))
	}
	partitions, err := p.Client.Partitions(t.Context(), pipelines.ConductRecords)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("none of its %d partitions is missing", partitions[pipelines.ConductRecords])
	if out, err := verify(files...); err != nil || !strings.Contains(out, want) {
		t.Errorf("%v, no word of %q in\n%s", err, want, out)
	}
	if out, err := verify(files[:len(files)-1]...); err == nil || !strings.Contains(out, "its export is missing") {
		t.Errorf("without a ledger: %v\n%s", err, out)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	files[0] = filepath.Join(t.TempDir(), "altered")
	at := bytes.LastIndex(text, []byte("\\n\"}\n{\"checkpoint"))
	text[at-1] ^= 1 // the last digit of the last promise
	if err := os.WriteFile(files[0], text, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := verify(files...); err == nil || !strings.Contains(out, "root_mismatch") {
		t.Errorf("an altered promise: %v\n%s", err, out)
	}
}

const fsck = "github.com/transparency-dev/tessera/cmd/fsck@v1.0.4"

// tessera has every tile and entry checked against the checkpoint. fsck says what it found on stderr alone.
func tessera(t *testing.T, p *harness.Pipeline, folders []string) {
	check := func(folder string) (ok bool, said string) {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(folder, "checkpoint"))
		if err != nil {
			t.Fatal(err)
		}
		origin, _, _ := strings.Cut(string(b), "\n")
		cmd := exec.CommandContext(t.Context(), "go", "run", fsck, "-ui=false", "-v=1", "-logtostderr", "-storage_url", "file://"+folder+"/",
			"-public_key", p.Key("ledger.vkey"), "-origin", origin)
		cmd.Dir, cmd.Env = t.TempDir(), append(os.Environ(), "GOWORK=off")
		all, err := cmd.CombinedOutput()
		if err != nil || !bytes.Contains(all, []byte("Completed ranges")) {
			t.Fatalf("fsck did not run: %v\n%s", err, all)
		}
		return !bytes.Contains(all, []byte("fsck failed")), string(all)
	}
	for _, folder := range folders {
		if ok, said := check(folder); !ok {
			t.Errorf("%s: %s", folder, said)
		}
	}
	entries, err := filepath.Glob(filepath.Join(folders[0], "tile", "entries", "*.p", "*"))
	if err != nil || len(entries) != 1 {
		t.Fatal(entries, err)
	}
	spoil(t, entries[0])
	if ok, said := check(folders[0]); ok {
		t.Errorf("an altered entry passes: %s", said)
	}
}

// spoil changes one bit in the middle of a file.
func spoil(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func envelopes(t *testing.T, p *harness.Pipeline, folders []string) {
	python := clients.New(t)
	vkey, err := os.ReadFile(p.Key("ledger.vkey"))
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.SplitN(strings.TrimSpace(string(vkey)), "+", 3)
	public, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil {
		t.Fatal(err)
	}
	key := parts[1] + "=" + hex.EncodeToString(public[1:])
	cases := 0
	for _, folder := range folders {
		var said struct {
			Verified, Rows    int
			Columns, Handlers []string
			CaseIDs           []string `json:"case_ids"`
		}
		out := python.Run(t, "export.py", nil, "--key", key, "--envelopes", filepath.Join(folder, "records.dsse.jsonl"), "--parquet", filepath.Join(folder, "records.parquet"))
		if err := json.Unmarshal(out, &said); err != nil {
			t.Fatal(err)
		}
		if n := ours(t, p, folder); said.Verified != n || said.Rows != n {
			t.Errorf("%s: %d records, %d envelopes, %d rows", folder, n, said.Verified, said.Rows)
		}
		if slices.Contains(said.Columns, "body") || !slices.Contains(said.Columns, "case_type") {
			t.Errorf("%s: columns %v", folder, said.Columns)
		}
		for i, id := range said.CaseIDs {
			if id != "" && said.Handlers[i] != "" {
				cases++
			}
		}
	}
	if cases < 60 {
		t.Errorf("%d cases and amendments in the Parquet files, 60 cases were played", cases)
	}
	path := filepath.Join(folders[0], "records.dsse.jsonl")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	var e map[string]any
	if err := json.Unmarshal(line, &e); err != nil {
		t.Fatal(err)
	}
	payload, err := base64.StdEncoding.DecodeString(e["payload"].(string))
	if err != nil {
		t.Fatal(err)
	}
	payload[0] ^= 1
	e["payload"] = payload
	if line, err = json.Marshal(e); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, line, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, ok := python.Try(t, "export.py", "--key", key, "--envelopes", path); ok || !bytes.Contains(out, []byte("VerificationError")) {
		t.Errorf("an altered payload: %s", out)
	}
}
