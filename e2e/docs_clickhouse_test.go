package e2e

import (
	"cmp"
	"flag"
	"fmt"
	"math"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/casetrail/casetrail/pipelines/clickhouse"
)

// The tests of docs/clickhouse.md: every query that it offers gives the known answer, and its reference is what the tables and
// views are.

var update = flag.Bool("update", false, "write the reference in docs/clickhouse.md anew")

const (
	clickhousePage = "../docs/clickhouse.md"
	generated      = "<!-- From here on it is generated: go test ./e2e -run TestDocsOfClickHouse -update -->\n"
)

// firsts are what the queries must give in their first rows.
var firsts = map[string][]map[string]any{
	"Did the new model version hurt disputes?": {
		{"ai_model_version": "model-1", "n": "144", "mean_csat": 4 - 9./144, "complaint_share": 0.},
		{"ai_model_version": "model-2", "n": "144", "mean_csat": 1.5, "complaint_share": 1.}},
	"Which complaints had waited longest for a human?":                     {{"case_id": "2847", "waited_seconds": "655"}, {"case_id": "2807"}},
	"What share of human requests was met in 3 minutes, by month?":         {{"month": "2025-12-01", "requests": "2"}, {"month": "2026-01-01", "requests": "718", "in_time": "359", "never": "1", "share": .5, "met": 0.}},
	"Who asked for a human and never got one?":                             {{"case_id": "2839"}},
	"Which segments does the aggregate hide now?":                          {{"case_type": "dispute", "handler": "ai", "csat": 219. / 147}},
	"What moved the aggregate since the reference period?":                 {{"case_type": "dispute", "within": -.3}, {"case_type": "refund_status", "within": .32}},
	"Which alerts are open, and which does the aggregate mask?":            {{"alert": "masked_drift", "false_alarm_years": 38.}},
	"What pulls humans in, and how long had the customers waited by then?": {{"signal": "duration", "fired": "50", "longest_seconds": 99.}, {"signal": "human_request", "longest_seconds": 98.}},
	"On which cases did an AI write that were not its own?":                {{"case_id": "2813"}, {"case_id": "2716"}},
	"Which customers come back, by type and handler?":                      {{"case_type": "all", "handler": "all", "identified": "2880", "repeats": "2180"}},
	"What changed with each policy?":                                       {{"policy_version": "1", "n": "1440"}, {"policy_version": "2", "n": "1440", "in_force_from": "2026-01-02 00:01:00"}},
	"Is everything in, and up to when?":                                    {{"promised": "2884", "found": "2884", "complete_until": "2026-01-03 00:00:00.000"}},
}

var question = regexp.MustCompile("(?s)### ([^\n]+)\n[^#]*?```sql\n(.*?)```")

func TestDocsOfClickHouse(t *testing.T) {
	page, err := os.ReadFile(clickhousePage)
	if err != nil {
		t.Fatal(err)
	}
	words, reference, ok := strings.Cut(string(page), generated)
	if !ok {
		t.Fatalf("%s has no line %q", clickhousePage, generated)
	}
	e := startEngine(t)
	e.database("casetrail")
	for _, sql := range analystData {
		e.query(t, sql)
	}
	asked := 0
	for _, q := range question.FindAllStringSubmatch(words, -1) {
		asked++
		want, rows := firsts[q[1]], e.query(t, q[2])
		if len(want) == 0 || len(rows) < len(want) {
			t.Errorf("%q gives %d rows; %d are known", q[1], len(rows), len(want))
			continue
		}
		for i, row := range want {
			for name, v := range row {
				f, number := v.(float64)
				g, _ := rows[i][name].(float64)
				if number && math.Abs(f-g) > 1e-9 || !number && fmt.Sprint(rows[i][name]) != v {
					t.Errorf("%q gives %s %v, want %v, in %v", q[1], name, rows[i][name], v, rows[i])
				}
			}
		}
	}
	if asked != len(firsts) {
		t.Errorf("%d questions are asked, %d are answered", asked, len(firsts))
	}
	now := e.reference(t)
	if *update {
		if err := os.WriteFile(clickhousePage, []byte(words+generated+now), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if reference != now {
		t.Errorf("the reference in %s is not what the tables and views are; write it anew:\ngo test ./e2e -run TestDocsOfClickHouse -update", clickhousePage)
	}
}

// meanings are those of columns that no table has a comment on, or another one.
var meanings = map[string]string{
	"amendments": "How many late ratings and complaints it had.", "day": "The day of conclusion, UTC.", "week": "The Monday of the week of conclusion, UTC.",
	"cohorts_by_day.ratings": "Of these, cases with a rating, however late it came.", "cohorts_by_day.complaints": "Of these, cases with a complaint, however late it came.",
	"cohorts_by_week.ratings": "Of these, cases with a rating, however late it came.", "cohorts_by_week.complaints": "Of these, cases with a complaint, however late it came.",
	"abandoned": "Cases that ended abandoned.", "complete_until": "No record that concluded before this time is missing from any ledger.",
	"in_force_from": "The first end of a window that it holds for.", "version": "The policy's version; empty for what ships.", "document": "The policy, YAML.",
	"minute": "The minute's start.", "number": "Its place among the policies; 0 for what ships.", "repeat_contact_before": "The same in the policy before it.",
	"contacts_since_ms": "Contacts before that, milliseconds since 1970, make no repeats; -1 for no limit.",
	"within_sum":        "The sum of all segments' within.", "mix_sum": "The sum of all segments' mix.", "cases.csat": "The rating, the last where there are several.",
	"cases.complaint": "A complaint was lodged, before its conclusion or after.", "cases.amended_at": "When the last rating or complaint after its conclusion came; null for none.",
	"cohorts_by_day.synthetic": "Cases that a simulation made.", "cohorts_by_week.synthetic": "Cases that a simulation made.",
	"cases.handler": "Who had the case at its conclusion, ai or human.", "escalated_at": "When the first tripwire fired.",
}

// reference describes every table and view from what the engine and the statements say of it.
func (e *engine) reference(t *testing.T) string {
	t.Helper()
	files, err := clickhouse.Migrations.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	comment := map[string]string{}
	columns := e.query(t, "SELECT table, name, type, comment FROM system.columns WHERE database = 'casetrail' ORDER BY table, position")
	for _, table := range []string{"metric_messages", "alert_messages", "escalation_messages", "records"} {
		for _, c := range columns {
			if c["table"] == table && c["comment"] != "" {
				name := fmt.Sprint(c["name"])
				for _, as := range []string{table + "." + name, name, strings.TrimPrefix(name, "masking_segments."), strings.TrimPrefix(name, "masking_")} {
					if comment[as] == "" {
						comment[as] = fmt.Sprint(c["comment"])
					}
				}
			}
		}
	}
	tables := map[string]string{}
	for _, r := range e.query(t, "SELECT name, comment FROM system.tables WHERE database = 'casetrail'") {
		tables[fmt.Sprint(r["name"])] = fmt.Sprint(r["comment"])
	}
	// The views of a message's table have its columns' words before any others.
	from := map[string]string{"alerts": "alert_messages", "alert_updates": "alert_messages", "escalations": "escalation_messages", "metrics": "metric_messages",
		"cases": "records", "amendments": "records", "policies": "records"}
	var out strings.Builder
	out.WriteString("\n## Reference\n")
	seen := map[string]string{}
	for _, f := range files {
		if f.IsDir() {
			continue
		}
		b, err := clickhouse.Migrations.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		text := string(b)
		name := strings.TrimSuffix(f.Name()[5:], ".sql")
		kind := "view"
		switch {
		case strings.Contains(text, "CREATE TABLE"):
			kind = "table"
		case strings.Contains(text, "MATERIALIZED VIEW"):
			continue // what fills a table is described there
		}
		about := tables[name]
		if kind == "view" {
			var words []string
			for _, line := range strings.Split(text, "\n") {
				if strings.HasPrefix(line, "-- ") && !strings.HasPrefix(line, "-- +goose") {
					words = append(words, strings.TrimPrefix(line, "-- "))
				} else if strings.HasPrefix(line, "CREATE") {
					break
				}
			}
			about = strings.Join(words, " ")
		}
		fmt.Fprintf(&out, "\n### %s (%s)\n%s\n", name, kind, about)
		var list strings.Builder
		for _, c := range columns {
			if c["table"] != name {
				continue
			}
			col := fmt.Sprint(c["name"])
			meaning := cmp.Or(meanings[name+"."+col], fmt.Sprint(c["comment"]), comment[from[name]+"."+col], meanings[col], comment[col])
			if meaning == "" {
				t.Errorf("%s.%s: nothing says what it means", name, col)
			}
			fmt.Fprintf(&list, "- `%s` %s: %s\n", col, c["type"], meaning)
		}
		if same, ok := seen[list.String()]; ok && list.Len() > 0 {
			fmt.Fprintf(&out, "- the columns of %s\n", same)
			continue
		}
		seen[list.String()] = name
		out.WriteString(list.String())
	}
	return out.String()
}
