package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/casetrail/casetrail/e2e/harness"
)

// TestSimulate plays the made-up company into the pipeline: every case that was played is in ClickHouse, as the handler whom
// the policy gave it to, flagged as synthetic, and everything is as verify wants it.
func TestSimulate(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: runs the whole pipeline")
	}
	p := harness.Start(t, harness.Embedded, harness.Options{EventClock: true})
	out := p.Casetrail("simulate", "--cases", "15000", "--days", "1", "--drift", "sudden", "--from-day", "0", "--drop", "1", "--key", p.Key("operator.key"))
	db := p.Database(t)
	p.Settle(db)
	n := p.Count(db, "SELECT count() FROM cases")
	if !strings.Contains(out, fmt.Sprintf("played %d cases, ", n)) || !strings.Contains(out, "policy before-the-guard is in force") {
		t.Errorf("%d cases in ClickHouse:\n%s", n, out)
	}
	for query, want := range map[string]bool{
		"SELECT countIf(NOT synthetic) FROM cases":                                                              false,
		"SELECT count() FROM cases WHERE case_type = 'unknown'":                                                 false,
		"SELECT count() FROM cases WHERE policy_version != 'before-the-guard'":                                  false,
		"SELECT count() FROM cases WHERE case_type = 'dispute' AND handler_path = 'ai'":                         true,
		"SELECT count() FROM cases WHERE case_type = 'dispute' AND handler_path = 'human'":                      true,
		"SELECT count() FROM cases WHERE case_type = 'refund_status' AND handler_path = 'ai_then_escalated'":    true,
		"SELECT count() FROM cases WHERE case_type = 'refund_status' AND handler_path = 'human'":                false,
		"SELECT countIf(csat IS NOT NULL) FROM cases WHERE case_type = 'refund_status' AND handler_path = 'ai'": true,
	} {
		if got := p.Count(db, query); (got > 0) != want {
			t.Errorf("%s: %d", query, got)
		}
	}
	p.Verify()
	once(t, p)
}
