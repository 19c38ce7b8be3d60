package e2e

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/casetrail/casetrail/record"
)

// What docs/clickhouse.md asks about human requests by month is answered by the sunk rows as an auditor's verifier answers it of the records: in
// months of UTC, also for who asks from somewhere else, over leap days and changed clocks.
func TestMonthsAreTheVerifiers(t *testing.T) {
	page, err := os.ReadFile(clickhousePage)
	if err != nil {
		t.Fatal(err)
	}
	var sql, unmet string
	for _, q := range question.FindAllStringSubmatch(string(page), -1) {
		switch q[1] {
		case "What share of human requests was met in 3 minutes, by month?":
			sql = q[2]
		case "Who asked for a human and never got one?":
			unmet = q[2]
		}
	}
	e := startEngine(t)
	db, l := e.database("casetrail"), newTestLedger(t, 0, 5)
	for _, from := range []string{"2028-02-29T23:50:00Z", "2028-03-26T00:50:00Z", "2028-03-31T23:55:00Z", "2028-10-29T00:50:00Z", "2028-12-31T23:55:00Z"} {
		at, err := time.Parse(time.RFC3339, from)
		if err != nil {
			t.Fatal(err)
		}
		l.now = max(l.now, at.UnixMilli())
		for _, waited := range []int64{-1, 0, 3*minuteMS - 1, 3 * minuteMS} {
			asked := at.UnixMilli() + 10*minuteMS - 1
			l.add(record.Record{Kind: record.KindCase, Case: record.Case{Workflow: "support", CaseID: fmt.Sprint(from, waited), CaseType: "dispute", Route: record.RouteHumanHandled, Handler: record.HandlerHuman,
				OpenedAt: asked - minuteMS, HumanRequestedAt: record.Some(asked), HumanJoinedAt: record.Some(asked + waited), ConcludedAt: l.now, CustomerMessages: 1}})
		}
		l.run(4, 60, 30_000)
	}
	if err := l.sink(db); err != nil {
		t.Fatal(err)
	}
	statements := record.NewStatements()
	for i := range l.records {
		statements.Take(&l.records[i])
	}
	want := statements.Months()
	var requests, never int64
	for _, zone := range []string{"UTC", "Europe/Madrid", "Pacific/Kiritimati"} {
		rows := e.query(t, sql+" SETTINGS session_timezone = '"+zone+"'")
		if len(rows) != len(want) || len(want) < 5 {
			t.Fatalf("%s: %d months, want %d: %v", zone, len(rows), len(want), rows)
		}
		requests, never = 0, 0
		for i, m := range want {
			r := rows[i]
			met := fmt.Sprint(map[bool]int{true: 1}[m.Met()])
			if r["month"] != m.Month+"-01" || fmt.Sprint(r["requests"]) != fmt.Sprint(m.Requests) || fmt.Sprint(r["in_time"]) != fmt.Sprint(m.InTime) ||
				fmt.Sprint(r["never"]) != fmt.Sprint(m.Never) || fmt.Sprint(r["met"]) != met {
				t.Errorf("%s: %v, want %+v, met %s", zone, r, m, met)
			}
			requests, never = requests+m.Requests, never+m.Never
		}
	}
	if never == 0 || never == requests {
		t.Errorf("%d of %d requests were never answered: this shows nothing", never, requests)
	}
	if rows := e.query(t, unmet); int64(len(rows)) != min(100, never) {
		t.Errorf("%d rows of %d", len(rows), never)
	}
}
