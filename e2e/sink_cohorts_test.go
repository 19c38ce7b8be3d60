package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/casetrail/casetrail/record"
)

// cohort is what is counted of a cohort's cases.
type cohort struct{ cases, ratings, sum, complaints, escalated uint64 }

// TestSinkCohortsFoldAmendments: a late rating or complaint counts for the day on which its case was concluded, and not for the one on
// which it came; blocks that come twice, and a restart between them, change nothing.
func TestSinkCohortsFoldAmendments(t *testing.T) {
	e := startEngine(t)
	db, l := e.database("casetrail"), newTestLedger(t, 0, 21)
	models := []string{"model-1", "model-2", ""}
	step := 40 * minuteMS
	for i := range 8 {
		l.run(1, 60, step)
		l.version, l.model = fmt.Sprint("policy-", i%2), models[i%3]
	}
	f, err := l.fold(db)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.drain(f, db, true); err != nil {
		t.Fatal(err)
	}
	e.kill()
	e.start()
	l.run(2, 60, step)
	if err := l.until(db); err != nil {
		t.Fatal(err)
	}

	late := 0
	want, weeks := map[string]cohort{}, map[string]cohort{}
	for _, c := range l.cases() {
		if c.amended {
			late++
		}
		day := time.UnixMilli(c.ConcludedAt).UTC()
		monday := day.AddDate(0, 0, -(int(day.Weekday())+6)%7)
		handler := map[record.Route]string{record.RouteAIHandled: "ai", record.RouteHumanHandled: "human"}[c.Route]
		if handler == "" {
			handler = c.Route.String()
		}
		rest := fmt.Sprint(" ", c.CaseType, " ", handler, " ", c.AIModelVersion.Value, " ", c.PolicyVersion)
		for to, from := range map[*map[string]cohort]time.Time{&want: day, &weeks: monday} {
			name := from.Format(time.DateOnly) + rest
			x := (*to)[name]
			x.cases++
			if c.rating > 0 {
				x.ratings, x.sum = x.ratings+1, x.sum+uint64(c.rating)
			}
			if c.ComplaintLodged {
				x.complaints++
			}
			if c.EscalationTriggered {
				x.escalated++
			}
			(*to)[name] = x
		}
	}
	if late == 0 {
		t.Fatal("no case was amended")
	}
	conn := e.analyst(t, "casetrail")
	for view, want := range map[string]map[string]cohort{"cohorts_by_day": want, "cohorts_by_week": weeks} {
		column := map[string]string{"cohorts_by_day": "day", "cohorts_by_week": "week"}[view]
		rows, err := conn.Query(t.Context(), fmt.Sprintf(`SELECT concatWithSeparator(' ', toString(%s), case_type, handler, ai_model_version, policy_version),
			cases, ratings, csat_sum, complaints, escalated FROM %s`, column, view))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for ; rows.Next(); n++ {
			var name string
			var got cohort
			if err := rows.Scan(&name, &got.cases, &got.ratings, &got.sum, &got.complaints, &got.escalated); err != nil {
				t.Fatal(err)
			}
			if got != want[name] {
				t.Errorf("%s: %s has %+v, want %+v", view, name, got, want[name])
			}
		}
		if err := rows.Err(); err != nil || n != len(want) {
			t.Errorf("%s has %d rows, want %d: %v", view, n, len(want), err)
		}
		_ = rows.Close()
	}
}
