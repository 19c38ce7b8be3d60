package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/casetrail/casetrail/cli/replay"
	"github.com/casetrail/casetrail/e2e/clients"
	"github.com/casetrail/casetrail/e2e/harness"
	"github.com/casetrail/casetrail/schemas"
)

// TestPipelineForeign uses Casetrail with clients that know nothing of it: librdkafka publishes, with the schema as it is
// and with a producer's own later version of it; kafka-python reads escalations; clickhouse-connect reads the tables.
func TestPipelineForeign(t *testing.T) {
	onBothStacks(t, func(t *testing.T, kind harness.Kind) {
		python := clients.New(t)
		p := harness.Start(t, kind, harness.Options{EventClock: true})
		topic := []string{"--brokers", p.Brokers[0], "--registry", p.Registry}
		begin := time.Now().Add(-24 * time.Hour).Truncate(time.Hour)
		produce := func(events []map[string]any, args ...string) {
			t.Helper()
			var lines bytes.Buffer
			for _, e := range events {
				if err := json.NewEncoder(&lines).Encode(e); err != nil {
					t.Fatal(err)
				}
			}
			out := python.Run(t, "produce.py", lines.Bytes(), append(slices.Clone(topic), args...)...)
			if want := fmt.Sprintf(`{"acknowledged": %d}`, len(events)); strings.TrimSpace(string(out)) != want {
				t.Fatalf("%s, want %s", out, want)
			}
		}
		produce(foreignCases("plain", 20, begin, nil))
		produce(foreignCases("evolved", 10, begin, map[string]any{"channel": "whatsapp"}), "--schema", evolved(t))
		move(t, p, begin.Add(6*time.Hour))
		db := p.Database(t)
		p.Settle(db)

		t.Run("read", func(t *testing.T) {
			agree(t, p.In(t), python.Run(t, "read.py", nil, "--url", p.ClickHouse, "--database", "casetrail"))
		})
		t.Run("consume", func(t *testing.T) {
			escalated := map[string]string{}
			for line := range bytes.Lines(python.Run(t, "consume.py", nil, topic...)) {
				var m struct {
					Key, Record string
					Value       map[string]any
				}
				if err := json.Unmarshal(line, &m); err != nil {
					t.Fatal(err)
				}
				escalated[m.Key] = fmt.Sprint(m.Record, " ", m.Value["signal"], " ", m.Value["from_handler"])
			}
			want := map[string]string{}
			for i := range 20 {
				want[fmt.Sprint("plain-", i)] = "casetrail.Escalation human_request ai"
				want[fmt.Sprint("evolved-", i/2)] = "casetrail.Escalation human_request ai"
			}
			if !maps.Equal(escalated, want) {
				t.Errorf("%v", escalated)
			}
		})
		t.Run("verify", func(t *testing.T) { proven(t, p.In(t), 30) })
	})
}

// foreignCases are cases that begin with the AI, ask for a human, and are resolved and rated.
func foreignCases(name string, n int, begin time.Time, also map[string]any) (out []map[string]any) {
	for i := range n {
		id, at := fmt.Sprint(name, "-", i), begin.Add(time.Duration(i)*time.Minute)
		for j, e := range []map[string]any{
			{"kind": "message", "sender": "customer", "text": "Where is my refund?", "customer_id": "customer-" + id},
			{"kind": "message", "sender": "ai", "text": "Let me look.", "ai_model_version": "bot-7"},
			{"kind": "message", "sender": "customer", "text": "I want to talk to a human agent please"},
			{"kind": "agent_joined", "sender": "human"},
			{"kind": "rating", "sender": "customer", "rating": 1 + i%5},
			{"kind": "resolved", "sender": "human", "outcome": "resolved_confirmed"},
		} {
			e["event_id"], e["case_id"], e["occurred_at"] = fmt.Sprint(j), id, at.Add(time.Duration(j)*20*time.Second).UnixMilli()
			maps.Copy(e, also)
			out = append(out, e)
		}
	}
	return out
}

// evolved writes a producer's own version of ChatEvent: with a field more, that has a default.
func evolved(t *testing.T) string {
	t.Helper()
	var schema map[string]any
	if err := json.Unmarshal([]byte((&schemas.ChatEvent{}).SchemaJSON()), &schema); err != nil {
		t.Fatal(err)
	}
	schema["fields"] = append(schema["fields"].([]any), map[string]any{"name": "channel", "type": "string", "default": "web"})
	b, err := json.Marshal(schema)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "chat_event.avsc")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// move moves the event clock.
func move(t *testing.T, p *harness.Pipeline, to time.Time) {
	t.Helper()
	chat, err := replay.NewKafka(t.Context(), p.Client, p.Codec)
	if err != nil {
		t.Fatal(err)
	}
	if err := chat.Clock(t.Context(), to.UnixMilli()); err != nil {
		t.Error(err)
	}
	if err := chat.Close(); err != nil {
		t.Error(err)
	}
}
