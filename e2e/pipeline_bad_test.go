package e2e

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/e2e/harness"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/policies"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/router/guard"
)

// badInput publishes everything that can't be taken, with good cases between: each comes back once, with its reason, and
// keeps nothing else from being taken.
func (w *wall) badInput(t *testing.T) {
	good := w.encode(says("x", "where is my refund?"))
	unknown := binary.BigEndian.AppendUint32([]byte{0}, 999_999)
	old := says("bad time", "where is my refund?")
	old.OccurredAt = time.Now().Add(-31 * 24 * time.Hour).UnixMilli()
	anonymous := says("", "where is my refund?")
	clock := &schemas.ChatEvent{Kind: schemas.EventKindClock, Sender: schemas.SenderSystem, OccurredAt: time.Now().UnixMilli()}
	for _, x := range []struct {
		key, reason string
		value       []byte
	}{
		{"no frame", "bad_frame", []byte(`{"event_id":"1"}`)},
		{"cut short", "bad_avro", good[:len(good)/2]},
		{"broken body", "bad_avro", append(good[:5:5], strings.Repeat("\xff", 64)...)},
		{"more behind it", "bad_avro", append(good[:len(good):len(good)], 0)},
		{"unknown schema", "unknown_schema", append(unknown, good[5:]...)},
		{"another schema", "wrong_type", w.p.Codec.Append(nil, pipelines.CaseEscalations, &schemas.Escalation{CaseID: "x"})},
		{"no case id", "bad_event", w.encode(anonymous)},
		{"bad time", "bad_time", w.encode(old)},
		{"large text", "too_large", w.encode(says("large text", strings.Repeat("x", 70_000)))},
		{"large message", "too_large", w.encode(says("large message", strings.Repeat("x", 500_000)))},
		{"a clock", "clock_refused", w.encode(clock)},
		{"nobody's case", "no_case", w.encode(ends("nobody's case"))},
	} {
		w.bad(t, x.key, x.reason, x.value)
		w.good(t, "good beside "+x.key)
	}
	w.good(t, "closed case")
	again := says("closed case", "and another thing")
	again.EventID = "closed case-3"
	w.bad(t, "closed case", "case_closed", w.encode(again))

	noise := make([]byte, 10<<20) // compressed it would be small
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	if err := w.p.Publish(pipelines.ChatEvents, "huge", noise); !errors.Is(err, kafka.ErrTooLarge) {
		t.Errorf("10 MB: %v", err)
	}
	w.good(t, "good beside huge")
	w.settled(t)
}

// badPolicies: a policy that is broken or not the operator's changes nothing, and whoever applies it hears why.
func (w *wall) badPolicies(t *testing.T) {
	private, _, err := note.GenerateKey(nil, "stranger")
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	forged, err := guard.Sign(policies.Default, stranger)
	if err != nil {
		t.Fatal(err)
	}
	w.bad(t, "forged policy", "bad_policy", w.encode(forged))
	broken := *forged
	broken.Document = strings.Replace(broken.Document, "dispute", "crypto_advice", 1)
	w.bad(t, "broken policy", "bad_policy", w.encode(&broken))
	unsigned := *forged
	unsigned.Note = ""
	w.bad(t, "unsigned policy", "bad_policy", w.encode(&unsigned))

	w.p.Casetrail("keys", "create", "stranger", "--dir", w.p.Key("."))
	shipped := filepath.Join(harness.Root(), "pipelines", "policies", "default.yaml")
	_, says, code := w.p.Try("policy", "apply", shipped, "--key", w.p.Key("stranger.key"))
	if code != 1 || !strings.Contains(says, "intake refused policy 2026-11-01") || !strings.Contains(says, "not signed by operator") {
		t.Errorf("exit code %d: %s", code, says)
	}
	w.expect("policy", "bad_policy")

	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, []byte("version: ''\nworkflow: w\nroutes: {ai_handles: [refund_status, Crypto-Advice, unknown], human_only: [refund_status]}\nidle_close: 0s\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"policy", "check", file}, {"policy", "apply", file, "--key", w.p.Key("operator.key")}} {
		_, says, code := w.p.Try(args...)
		for _, part := range []string{"version:", `"Crypto-Advice" can't be a case type`, `"unknown" always goes to a human`, `"refund_status" is listed twice`, "idle_close: 0s"} {
			if code != 1 || !strings.Contains(says, part) {
				t.Errorf("%v: exit code %d, and not %q in:\n%s", args, code, part, says)
			}
		}
	}
	w.good(t, "good beside policies")
	w.settled(t)
}
