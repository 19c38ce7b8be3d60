package e2e

import (
	"bytes"
	"encoding/json"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/casetrail/casetrail/e2e/harness"
)

// up is casetrail up on a data directory and addresses of its own.
type up struct {
	t          *testing.T
	data       string
	kafka      string
	registry   string
	clickhouse string
	admin      string
	http       string
}

func newUp(t *testing.T) *up {
	return &up{t: t, data: filepath.Join(t.TempDir(), "data"), kafka: harness.Address(t), registry: harness.Address(t),
		clickhouse: harness.Address(t), admin: harness.Address(t), http: harness.Address(t)}
}

func (u *up) args(more ...string) []string {
	return append([]string{harness.Binary(u.t, "casetrail"), "up", "--data", u.data, "--cache", harness.Cache(u.t), "--kafka-listen", u.kafka,
		"--registry-listen", u.registry, "--clickhouse-listen", u.clickhouse, "--admin-listen", u.admin, "--http-listen", u.http}, more...)
}

func (u *up) env() []string {
	return []string{"CASETRAIL_KAFKA_BROKERS=" + u.kafka, "CASETRAIL_SCHEMA_REGISTRY=http://" + u.registry,
		"CASETRAIL_CLICKHOUSE_URL=http://" + u.clickhouse + "/casetrail", "CASETRAIL_LEDGER_KEY=" + filepath.Join(u.data, "keys", "ledger.vkey"),
		"CASETRAIL_METRIC_KEY=" + filepath.Join(u.data, "keys", "aggregator.vkey")}
}

func needsEngine(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: runs the whole pipeline")
	}
}

// TestUpOnce is the first command of the README, from nothing, and then again on what the first left.
func TestUpOnce(t *testing.T) {
	needsEngine(t)
	u := newUp(t)
	for i := range 2 {
		out, complaints, code := harness.Run(t.Context(), t, nil, u.args("--once", "--conversations", "150")...)
		for _, want := range []string{"all five services are ready", "played 150 conversations", "CASES BY TYPE AND ROUTE", "ai_handled", "ESCALATIONS BY SIGNAL",
			"REJECTED EVENTS BY REASON", "SEGMENTS (ratings, complaints and outcomes are synthetic)", "ledger verified: "} {
			if code != 0 || !strings.Contains(out, want) {
				t.Fatalf("time %d: exit code %d, and not %q in:\n%s\n%s", i+1, code, want, out, complaints)
			}
		}
		if strings.Contains(out, "DOES NOT HOLD") {
			t.Error(out)
		}
		if total := total(out); total != 150*(i+1) {
			t.Errorf("time %d: %d cases in the table", i+1, total)
		}
	}
}

// total is the total of the table of cases.
func total(out string) (n int) {
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) == 5 && f[0] == "total" {
			_ = json.Unmarshal([]byte(f[4]), &n) // 0 is wrong
		}
	}
	return n
}

// TestUpStays is up as it is left running: others find it there, commands work beside it, and down ends it.
func TestUpStays(t *testing.T) {
	needsEngine(t)
	u := newUp(t)
	running := harness.Background(t, "up", nil, u.args("--conversations", "100")...)
	harness.Eventually(t, "up has reported and stays", patience, func() bool {
		if !running.Running() {
			t.Fatal("up has ended")
		}
		return strings.Contains(running.Log(), "It stays up until Ctrl-C")
	})
	casetrail := func(args ...string) (string, string, int) {
		return harness.Run(t.Context(), t, u.env(), append([]string{harness.Binary(t, "casetrail")}, args...)...)
	}
	t.Run("a second up", func(t *testing.T) {
		_, says, code := harness.Run(t.Context(), t, nil, u.args("--once")...)
		if code != 1 || !strings.Contains(says, "is in use by another casetrail up (process ") || !strings.Contains(says, "make down") {
			t.Errorf("exit code %d: %s", code, says)
		}
	})
	t.Run("tail", func(t *testing.T) {
		tail := harness.Background(t, "tail", u.env(), harness.Binary(t, "casetrail"), "tail", "escalations", "--json", "--from-beginning")
		harness.Eventually(t, "tail prints an escalation", patience, func() bool { return strings.Count(tail.Log(), "\n") > 3 })
		tail.Interrupt()
		if code := tail.Wait(5 * time.Second); code != 0 && code != 130 {
			t.Errorf("exit code %d", code)
		}
		for line := range strings.Lines(tail.Log()) {
			var e struct {
				CaseID, Signal string
				CaseID2        string `json:"case_id"`
			}
			if err := json.NewDecoder(bytes.NewReader([]byte(line))).Decode(&e); err != nil || e.CaseID2 == "" || e.Signal == "" {
				t.Errorf("%v: %s", err, line)
			}
		}
	})
	t.Run("verify", func(t *testing.T) {
		if out, says, code := casetrail("verify", "--deep"); code != 0 || !strings.Contains(out, "ledger verified: ") {
			t.Errorf("exit code %d: %s\n%s", code, out, says)
		}
	})
	t.Run("replay", func(t *testing.T) {
		if out, says, code := casetrail("replay", "--conversations", "20"); code != 0 || !strings.Contains(out, "played 20 conversations") {
			t.Errorf("exit code %d: %s\n%s", code, out, says)
		}
	})
	t.Run("down", func(t *testing.T) {
		if out, says, code := casetrail("down", "--data", u.data); code != 0 || strings.TrimSpace(out) != "stopped" {
			t.Errorf("exit code %d: %s\n%s", code, out, says)
		}
		if code := running.Wait(5 * time.Second); code != 0 {
			t.Errorf("up ended with exit code %d", code)
		}
		if out, says, code := casetrail("down", "--data", u.data); code != 0 || strings.TrimSpace(out) != "nothing is running" {
			t.Errorf("exit code %d: %s\n%s", code, out, says)
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		if _, says, code := casetrail("verify"); code != 1 || !strings.Contains(says, "is Casetrail running (make up)") {
			t.Errorf("exit code %d: %s", code, says)
		}
	})
}

// TestUpSaysWhatIsWrong: what keeps up from starting is said, with what to do.
func TestUpSaysWhatIsWrong(t *testing.T) {
	needsEngine(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, set := range map[string]func(*up){
		"kafka": func(u *up) { u.kafka = taken.Addr().String() }, "registry": func(u *up) { u.registry = taken.Addr().String() },
		"clickhouse": func(u *up) { u.clickhouse = taken.Addr().String() }, "admin": func(u *up) { u.admin = taken.Addr().String() },
		"http": func(u *up) { u.http = taken.Addr().String() },
	} {
		t.Run(name+" port in use", func(t *testing.T) {
			u := newUp(t)
			set(u)
			_, says, code := harness.Run(t.Context(), t, nil, u.args("--once", "--conversations", "10")...)
			if code != 1 || !strings.Contains(says, taken.Addr().String()) || !strings.Contains(says, "--"+name+"-listen") {
				t.Errorf("exit code %d: %s", code, says)
			}
		})
	}
	t.Run("no npm", func(t *testing.T) {
		u := newUp(t)
		_, says, code := harness.Run(t.Context(), t, []string{"PATH=" + t.TempDir(), "CASETRAIL_LIBCHDB="}, u.args("--once", "--cache", t.TempDir())...)
		if code != 1 || !strings.Contains(says, "npm isn't installed: install Node.js") || !strings.Contains(says, "--clickhouse-url") {
			t.Errorf("exit code %d: %s", code, says)
		}
	})
}
