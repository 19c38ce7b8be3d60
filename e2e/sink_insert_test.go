package e2e

import (
	"testing"
	"time"
)

// TestSinkWindowsEqualANaiveComputation covers windows whose panes come from several partitions, long gaps, amendments of
// all kinds, and a case type named "all".
func TestSinkWindowsEqualANaiveComputation(t *testing.T) {
	e := startEngine(t)
	for name, c := range map[string]struct {
		blocks, size int
		step         int64
	}{
		"minutes": {10, 40, 2000},
		"hours":   {10, 10, 5 * minuteMS},
		"days":    {6, 5, 20 * 60 * minuteMS},
	} {
		t.Run(name, func(t *testing.T) {
			db := e.database(name)
			a, b := newTestLedger(t, 0, 1), newTestLedger(t, 1, 2)
			if err := db.Expect(t.Context(), 2); err != nil {
				t.Fatal(err)
			}
			a.run(c.blocks, c.size, c.step)
			b.run(c.blocks, c.size, c.step)
			if err := a.sink(db); err != nil {
				t.Fatal(err)
			}
			conn := e.analyst(t, name)
			if n := len(windowsOf(t, conn)); n != 0 {
				t.Fatalf("%d windows are shown before all partitions have a checkpoint", n)
			}
			if err := b.sink(db); err != nil {
				t.Fatal(err)
			}
			checkSinked(t, conn, a, b)
			end := windowsOf(t, conn)[0].End
			var rows uint64
			if err := conn.QueryRow(t.Context(), "SELECT count() FROM segment_windows_1h WHERE window_end = ?", time.UnixMilli(end).UTC()).Scan(&rows); err != nil || rows == 0 {
				t.Fatalf("%d rows of one window, %v", rows, err)
			}
		})
	}
}

// TestSinkCasesFoldAmendments: the last rating counts, and any complaint.
func TestSinkCasesFoldAmendments(t *testing.T) {
	e := startEngine(t)
	db, l := e.database("cases"), newTestLedger(t, 0, 3)
	l.run(8, 30, 1000)
	if err := l.sink(db); err != nil {
		t.Fatal(err)
	}
	type opinion struct {
		csat      uint8
		complaint bool
		amended   uint64
	}
	want := map[string]opinion{}
	for i := range l.records {
		r := &l.records[i]
		if r.Case.CaseID != "" {
			want[r.Case.CaseID] = opinion{uint8(r.Case.CustomerSatisfactionScore.Value), r.Case.ComplaintLodged, 0}
			if !r.Case.CustomerSatisfactionScore.Set {
				want[r.Case.CaseID] = opinion{0, r.Case.ComplaintLodged, 0}
			}
		}
		if a := &r.Amendment; a.CaseID != "" {
			o := want[a.CaseID]
			if a.CustomerSatisfactionScore.Set {
				o.csat = uint8(a.CustomerSatisfactionScore.Value)
			}
			o.complaint = o.complaint || a.ComplaintLodged
			o.amended++
			want[a.CaseID] = o
		}
	}
	rows, err := e.analyst(t, "cases").Query(t.Context(), "SELECT case_id, ifNull(csat, 0), complaint, amendments FROM cases")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var id string
		var o opinion
		if err := rows.Scan(&id, &o.csat, &o.complaint, &o.amended); err != nil {
			t.Fatal(err)
		}
		if want[id] != o {
			t.Errorf("%s: got %v, want %v", id, o, want[id])
		}
	}
	if n != len(want) {
		t.Fatalf("%d cases, want %d", n, len(want))
	}
}
