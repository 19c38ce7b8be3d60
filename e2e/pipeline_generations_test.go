package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/casetrail/casetrail/e2e/harness"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// TestPipelineGenerations seals the ledgers twice while conversations flow, with a rotation of the key in between, and has the
// record-signer die in the midst of each: between what it writes of a seal, and by kill -9 wherever it is. All services go on in the
// next generation, and nothing is lost.
func TestPipelineGenerations(t *testing.T) {
	onBothStacks(t, func(t *testing.T, kind harness.Kind) {
		p := harness.Start(t, kind, harness.Options{EventClock: true, Without: []string{pipelines.RecordSigner}})
		p.Casetrail("keys", "create", "ledger-2", "--dir", p.Key(""))
		signer := p.Add(pipelines.RecordSigner, "--key", p.Key("ledger-2.key"))
		signer.Ready()
		operator := []string{"--operator-key", p.Key("operator.key")}
		p.Casetrail("replay", "--conversations", "30")

		more := p.Background(t, "replay", "--conversations", "60", "--seed", "2", "--speed", "200")
		signer.Kill()
		seal := p.Background(t, append([]string{"ledger", "seal"}, operator...)...)
		for _, point := range []string{"between-writes:3", "written:2", "between-writes:2"} { // one of them falls upon the seal, the others beside it
			signer.StartInjected("CASETRAIL_CRASH=" + point)
			harness.Eventually(t, "the record-signer dies at "+point, patience, func() bool { return !signer.Running() || !seal.Running() })
			if signer.Running() {
				signer.Kill()
			}
		}
		signer.Start()
		signer.Ready()
		if code := seal.Wait(2 * time.Minute); code != 0 {
			t.Fatalf("the first seal: %d\n%s", code, seal.Log())
		}
		if code := more.Wait(3 * time.Minute); code != 0 {
			t.Fatalf("replay: %d\n%s", code, more.Log())
		}
		out := p.Casetrail(append([]string{"keys", "rotate", p.Key("ledger.vkey"), p.Key("ledger-2.vkey")}, operator...)...)
		if !strings.Contains(out, "/2: record") {
			t.Errorf("rotated: %s", out)
		}

		more = p.Background(t, "replay", "--conversations", "40", "--seed", "3", "--speed", "200")
		seal = p.Background(t, append([]string{"ledger", "seal"}, operator...)...)
		for range 3 {
			signer.Restart()
		}
		if code := seal.Wait(2 * time.Minute); code != 0 {
			t.Fatalf("the second seal: %d\n%s", code, seal.Log())
		}
		if code := more.Wait(3 * time.Minute); code != 0 {
			t.Fatalf("replay: %d\n%s", code, more.Log())
		}
		signer.Restart()
		proven(t, p, 130)
		generations(t, p)
		shown := p.Casetrail("keys", "show")
		for _, line := range []string{"/1 ", "/2 ", "/3 "} {
			if !strings.Contains(shown, line) {
				t.Errorf("no keys of ledger %s in\n%s", line, shown)
			}
		}
		revoked(t, p, operator)
	})
}

// revoked revokes the first key, which signed all of the first generation and some of the second: what it signed stands up to the first seal
// and to its rotation, and nowhere else.
func revoked(t *testing.T, p *harness.Pipeline, operator []string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "revocation")
	out := p.Casetrail(append([]string{"keys", "revoke", p.Key("ledger.vkey"), p.Key("ledger-2.key"), file, "--reason", "a test"}, operator...)...)
	if !strings.Contains(out, "/1: the key's signatures stand for") || !strings.Contains(out, "/2: the key's signatures stand for") || strings.Contains(out, "/3: ") {
		t.Errorf("revoked: %s", out)
	}
	p.Casetrail("verify", "--revoked", file)
}

// generations expects three ledgers of each partition, one after another in its topics, of which the first two are sealed and covered by a
// checkpoint to their seal, and cases in the last one.
func generations(t *testing.T, p *harness.Pipeline) {
	t.Helper()
	begun, sealed, cases := map[string][]string{}, map[string]int64{}, map[string]int{}
	p.Read(pipelines.ConductRecords, func(r stage.Record, m schemas.Message) {
		x := m.(*schemas.SignedRecord).Payload
		series, _ := record.Generation(x.Ledger)
		switch x.Kind {
		case schemas.RecordKindGenesis:
			begun[series] = append(begun[series], x.Ledger)
		case schemas.RecordKindSeal:
			sealed[x.Ledger] = x.Sequence + 1
		case schemas.RecordKindCase:
			_, n := record.Generation(x.Ledger)
			cases[fmt.Sprint(n)]++
		}
	})
	covered := map[string]int64{}
	p.Read(pipelines.ConductCheckpoints, func(r stage.Record, m schemas.Message) {
		x := m.(*schemas.Checkpoint)
		covered[x.Ledger] = max(covered[x.Ledger], x.Size)
	})
	for series, names := range begun {
		if want := fmt.Sprintf("[%[1]s/1 %[1]s/2 %[1]s/3]", series); fmt.Sprint(names) != want {
			t.Errorf("generations %v, want %s", names, want)
		}
		for _, name := range names[:min(2, len(names))] {
			if sealed[name] == 0 || covered[name] != sealed[name] {
				t.Errorf("ledger %s is sealed at %d records, its checkpoints cover %d", name, sealed[name], covered[name])
			}
		}
	}
	if len(cases) != 3 {
		t.Errorf("cases by generation: %v, want some in each of three", cases)
	}
}
