package clients

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/casetrail/casetrail/e2e/harness"
	"github.com/casetrail/casetrail/schemas"
)

func TestMain(m *testing.M) {
	code := m.Run()
	harness.Clean()
	os.Exit(code)
}

// A conversation goes in by one foreign client; its escalation comes out by another, and its case in ClickHouse by a third.
func TestConversationByForeignClientsAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out what runs the whole pipeline")
	}
	for _, kind := range harness.Kinds {
		t.Run(string(kind), func(t *testing.T) {
			python := New(t)
			p := harness.Start(t, kind, harness.Options{})
			brokers := strings.Join(p.Brokers, ",")
			schema := filepath.Join(t.TempDir(), "chat_event.avsc")
			if err := os.WriteFile(schema, []byte((&schemas.ChatEvent{}).SchemaJSON()), 0o600); err != nil {
				t.Fatal(err)
			}

			out := python.Run(t, "produce.py", conversation(), "--brokers", brokers, "--registry", p.Registry, "--schema", schema)
			if got := strings.TrimSpace(string(out)); got != `{"acknowledged": 5}` {
				t.Fatal(got)
			}

			var escalation struct {
				Key, Record string
				Value       struct {
					CaseID string `json:"case_id"`
					Signal string
				}
			}
			harness.Eventually(t, "the escalation is published", time.Minute, func() bool {
				line, _, found := bytes.Cut(python.Run(t, "consume.py", nil, "--brokers", brokers, "--registry", p.Registry), []byte("\n"))
				return found && json.Unmarshal(line, &escalation) == nil
			})
			if escalation.Key != "case-é" || escalation.Record != "casetrail.Escalation" || escalation.Value.CaseID != "case-é" ||
				escalation.Value.Signal != "human_request" {
				t.Errorf("%+v", escalation)
			}

			var tables struct {
				Cases []struct {
					CaseID  string `json:"case_id"`
					CSAT    *int
					Signals []string
				}
				Escalations []struct {
					CaseID string `json:"case_id"`
				}
				Windows *[]any `json:"segment_windows_1h"`
			}
			harness.Eventually(t, "the case is in ClickHouse", time.Minute, func() bool {
				out := python.Run(t, "read.py", nil, "--url", p.ClickHouse, "--database", "casetrail")
				return json.Unmarshal(out, &tables) == nil && len(tables.Cases) > 0 && len(tables.Escalations) > 0
			})
			c := tables.Cases[0]
			if c.CaseID != "case-é" || c.CSAT == nil || *c.CSAT != 2 || len(c.Signals) != 1 || tables.Windows == nil {
				t.Errorf("%+v", tables)
			}
		})
	}
}

func conversation() []byte {
	var b bytes.Buffer
	for i, event := range []string{
		`"kind": "message", "sender": "customer", "customer_id": "c-1", "text": "Where is my parcel? The tracking has not moved for days."`,
		`"kind": "message", "sender": "customer", "customer_id": "c-1", "text": "I want to talk to a human agent, not a bot."`,
		`"kind": "message", "sender": "human", "text": "I am a person, and it is on its way."`,
		`"kind": "rating", "sender": "customer", "rating": 2`,
		`"kind": "resolved", "sender": "human", "outcome": "resolved_unconfirmed"`,
	} {
		fmt.Fprintf(&b, "{\"event_id\": \"e-%d\", \"case_id\": \"case-é\", \"occurred_at\": %d, %s}\n", i, time.Now().UnixMilli()+int64(i), event)
	}
	return b.Bytes()
}
