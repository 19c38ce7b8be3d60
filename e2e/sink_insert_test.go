package e2e

import (
	"slices"
	"testing"
	"time"

	"github.com/casetrail/casetrail/cli/verify"
	"github.com/casetrail/casetrail/services/aggregator/recompute"
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
			if n := len(windowEnds(t, conn, "1h")); n != 0 {
				t.Fatalf("%d windows are shown before all partitions have a checkpoint", n)
			}
			if err := b.sink(db); err != nil {
				t.Fatal(err)
			}
			checkSinked(t, conn, a, b)
			end := windowEnds(t, conn, "1h")[0]
			var rows uint64
			if err := conn.QueryRow(t.Context(), "SELECT count() FROM segment_windows_1h WHERE window_end = ?", time.UnixMilli(end).UTC()).Scan(&rows); err != nil || rows == 0 {
				t.Fatalf("%d rows of one window, %v", rows, err)
			}
		})
	}
}

// TestSinkWindowsFollowThePolicy: what is in time, what is a repeat, what is enough, which handlers have segments and which windows there
// are changes with the policies in the ledgers, each from the end of the first minute by which all ledgers have it.
func TestSinkWindowsFollowThePolicy(t *testing.T) {
	e := startEngine(t)
	db := e.database("casetrail")
	a, b := newTestLedger(t, 0, 31), newTestLedger(t, 1, 32)
	if err := db.Expect(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	for i, document := range []string{
		"{version: a, metrics: {human_within: 1m30s, minimum_cases: 3, repeat_contact: 5h, windows: {1h: 1m, 2h: 30m}}}",
		"{version: b, metrics: {human_within: 4m, handlers: [ai]}}",
		"{version: c, metrics: {human_within: 5m, repeat_contact: 30m, handlers: [human, ai_then_escalated], windows: {30m: 5m, 24h: 6h}}}",
		"{version: d, metrics: {repeat_contact: 12h}}",
	} {
		for _, l := range []*testLedger{a, b} {
			l.run(2, 30, 120_000)
			l.policy(document)
		}
		if i == 2 { // the next one comes in the same minute
			b.now = max(a.now, b.now)
			a.now = b.now
		}
	}
	a.run(2, 30, 120_000)
	b.run(2, 30, 120_000)
	for _, l := range []*testLedger{a, b} {
		if err := l.until(db); err != nil {
			t.Fatal(err)
		}
	}
	want, err := recompute.Recompute(slices.Concat(a.records, b.records), min(a.heads[len(a.heads)-1].Time, b.heads[len(b.heads)-1].Time))
	if err != nil {
		t.Fatal(err)
	}
	conn := e.analyst(t, "casetrail")
	lengths := map[int64][]int64{}
	for i := range want {
		lengths[want[i].End-want[i].Start] = append(lengths[want[i].End-want[i].Start], want[i].End)
	}
	if len(lengths[30*minuteMS]) == 0 && len(lengths[120*minuteMS]) == 0 {
		t.Error("no window of a policy")
	}
	for length, ends := range lengths {
		got, err := verify.ClickHouse{Conn: conn}.Windows(t.Context(), length, ends)
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if m := &want[i]; m.End-m.Start == length {
				if d := recompute.Segments(got[m.End], m.Segments); d != "" {
					t.Fatalf("window %s that ends at %v, policy %q: %s", m.Window, time.UnixMilli(m.End).UTC(), m.PolicyVersion, d)
				}
			}
		}
	}
	var repeats, inTime int64
	if err := conn.QueryRow(t.Context(), "SELECT sum(repeats), sum(human_in_time) FROM segment_panes_by_policy").Scan(&repeats, &inTime); err != nil || repeats == 0 || inTime == 0 {
		t.Errorf("%d repeats, %d in time, %v", repeats, inTime, err)
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
