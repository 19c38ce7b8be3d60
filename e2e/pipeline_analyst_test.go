package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/casetrail/casetrail/e2e/harness"
)

// relations are what an analyst reads, with the columns by which the two clients are compared.
var relations = map[string][]string{
	"cases":              {"case_id", "case_type", "route", "outcome", "csat", "escalated", "signals", "customer_messages", "ai_messages"},
	"segment_windows_1h": {"window_end", "case_type", "handler", "cases", "ratings", "csat_sum", "escalated", "human_requests_met"},
	"escalations":        {"case_id", "signal", "from_handler", "waiting_ms", "policy_version"},
}

// agree holds what clickhouse-connect read against what clickhouse-go reads, row by row.
func agree(t *testing.T, p *harness.Pipeline, read []byte) {
	t.Helper()
	var theirs map[string][]map[string]any
	d := json.NewDecoder(strings.NewReader(string(read)))
	d.UseNumber()
	if err := d.Decode(&theirs); err != nil {
		t.Fatalf("%v in %s", err, read)
	}
	db := p.Database(t)
	for relation, columns := range relations {
		var got, want []string
		for _, row := range theirs[relation] {
			var cells []string
			for _, c := range columns {
				v, ok := row[c]
				if !ok {
					t.Fatalf("%s has no column %s", relation, c)
				}
				cells = append(cells, plain(v))
			}
			got = append(got, strings.Join(cells, " | "))
		}
		var texts []string
		for _, c := range columns {
			texts = append(texts, fmt.Sprintf("ifNull(toString(%s), '')", c))
		}
		rows, err := db.Query(t.Context(), fmt.Sprintf("SELECT concatWithSeparator(' | ', %s) FROM %s", strings.Join(texts, ", "), relation))
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				t.Fatal(err)
			}
			want = append(want, line)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		_ = rows.Close()
		slices.Sort(got)
		slices.Sort(want)
		if len(got) == 0 || !slices.Equal(got, want) {
			t.Errorf("%s: clickhouse-connect has %d rows, clickhouse-go %d; the first\n%s\n%s", relation, len(got), len(want), first(got), first(want))
		}
	}
	if n := len(theirs["cases"]); n != 30 {
		t.Errorf("%d cases", n)
	}
}

// plain is a value of JSON as ClickHouse's toString has it.
func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case bool:
		return fmt.Sprint(v)
	case []any:
		var parts []string
		for _, x := range v {
			parts = append(parts, "'"+plain(x)+"'")
		}
		return "[" + strings.Join(parts, ",") + "]"
	case string:
		if len(v) >= 19 && v[10] == 'T' {
			return strings.Replace(v[:19], "T", " ", 1)
		}
		return v
	}
	return fmt.Sprint(v)
}

func first(lines []string) string {
	if len(lines) == 0 {
		return "none"
	}
	return lines[0]
}
