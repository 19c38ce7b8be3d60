package aggregate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage/memory"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/aggregator/recompute"
)

// telecom is a policy of other case types than those that ship. No window of it ends with every hour.
const telecom = "version: t1\nroutes: {ai_handles: [top_up], human_only: [sim_swap]}\nmetrics: {windows: {24h: 24h}}\ndrift: {reference: 168h}"

// decline is two ledgers of ten days in which, from the eighth on, the AI's sim swaps get worse and its top-ups better.
func decline(t testing.TB) *world {
	w := &world{}
	base := int64(489_984) * 60 * minute // a midnight
	r := rand.New(rand.NewPCG(5, 6))
	for p := range int32(2) {
		b := newBook(t, p)
		b.add(record.Record{Kind: record.KindPolicy, Policy: record.Policy{Version: "t1", AppliedAt: base, Document: telecom}})
		w.books = append(w.books, b)
	}
	for h := range int64(10 * 24) {
		at := base + h*60*minute
		for range 60 {
			b, caseType, bad := w.books[r.IntN(2)], "top_up", .25
			if r.IntN(3) == 0 {
				caseType = "sim_swap"
			}
			if h >= 7*24+5 {
				bad += map[string]float64{"top_up": -.15, "sim_swap": .3}[caseType]
			}
			stars := int32(5)
			if r.Float64() < bad {
				stars = 1
			}
			now := at + r.Int64N(60*minute)
			b.add(record.Record{Kind: record.KindCase, Case: record.Case{CaseID: fmt.Sprint(len(b.records)), CaseType: caseType,
				OpenedAt: now, ConcludedAt: now, CustomerSatisfactionScore: record.Some(stars)}})
		}
		for _, b := range w.books {
			b.checkpoint(at + 60*minute)
		}
	}
	w.until = base + 10*24*60*minute
	return w
}

// TestDriftIsAlerted: the hours of all ledgers are watched under the policy in them, and alerts name the heads at their end.
// Alerts come with their hour, though no window ends with it.
func TestDriftIsAlerted(t *testing.T) {
	w := decline(t)
	out, err := run(t, 2, slices.Concat(w.streams()...))
	if err != nil {
		t.Fatal(err)
	}
	again, err := run(t, 2, interleave(rand.New(rand.NewPCG(7, 8)), w.streams()))
	if err != nil {
		t.Fatal(err)
	}
	same(t, again, out)
	kinds := map[schemas.AlertKind]int{}
	for i, o := range out {
		if i > 0 && !o.Position.After(out[i-1].Position) {
			t.Errorf("position %v after %v", o.Position, out[i-1].Position)
		}
		if o.Topic != pipelines.ConductAlerts {
			continue
		}
		var a schemas.SegmentAlert
		if err := codec.DecodeInto(o.Value, &a); err != nil {
			t.Fatal(err)
		}
		e := a.Episode.Value
		kinds[a.Alert]++
		if o.Position.Offset*minute != e.At || e.At%(60*minute) != 0 || string(o.Key) != e.Test || !slices.Equal(e.Heads, w.headsAt(e.At)) {
			t.Errorf("position %v, key %s of %+v", o.Position, o.Key, e)
		}
		if e.Since < w.until-3*24*60*minute || e.Since > w.until-2*24*60*minute || !strings.Contains(a.Summary, "Sim swap") && !e.Group.Set {
			t.Errorf("%s", a.Summary)
		}
	}
	if kinds[schemas.AlertKindDrift] == 0 || kinds[schemas.AlertKindMaskedDrift] == 0 {
		t.Errorf("%v", kinds)
	}
}

// TestDriftAlertsAreWrittenOnce: wherever an earlier run has died, the next one writes what is missing and nothing twice.
func TestDriftAlertsAreWrittenOnce(t *testing.T) {
	w := decline(t)
	in := slices.Concat(w.streams()...)
	want, err := run(t, 2, in)
	if err != nil {
		t.Fatal(err)
	}
	var cuts []int
	for i, o := range want {
		if o.Topic == pipelines.ConductAlerts {
			cuts = append(cuts, i, i+1)
		}
	}
	r := rand.New(rand.NewPCG(9, 9))
	for range 8 {
		n := cuts[r.IntN(len(cuts))]
		log := memory.New(2, single...)
		log.Append(in...)
		for i, o := range want[:n] {
			if o.Topic == pipelines.ConductMetrics && i == n-1 && r.IntN(2) == 0 {
				continue // the two topics are written one after the other
			}
			o.Stage = pipelines.Aggregator
			log.Append(o)
		}
		s, err := memory.Start(log, Definition(codec, trust(t), newSigner(t, 9)), 0)
		if err == nil {
			err = s.Drain(500)
		}
		if err != nil {
			t.Fatal(err)
		}
		holds(t, log, want)
	}
}

// TestDriftRecomputes: what is alerted is what a batch computation makes of the ledgers.
func TestDriftRecomputes(t *testing.T) {
	w := decline(t)
	out, err := run(t, 2, slices.Concat(w.streams()...))
	if err != nil {
		t.Fatal(err)
	}
	r := recompute.Records{Ledgers: 2}
	for _, b := range w.books {
		for i := range b.records {
			r.Add(&b.records[i])
		}
	}
	want, err := r.Episodes(w.until)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range out {
		if o.Topic != pipelines.ConductAlerts {
			continue
		}
		if len(want) == 0 {
			t.Fatalf("one more at %v", o.Position)
		}
		want[0].Episode.Value.Heads = w.headsAt(want[0].Episode.Value.At)
		if got := codec.Append(nil, pipelines.ConductAlerts, want[0]); !slices.Equal(got, o.Value) {
			t.Fatalf("%v: the ledgers give %+v", o.Position, *want[0])
		}
		want = want[1:]
	}
	if len(want) > 0 {
		t.Errorf("not published: %+v", *want[0])
	}
}
