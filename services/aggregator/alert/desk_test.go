package alert

import (
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/casetrail/casetrail/pipelines/policies"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/aggregator/watch"
)

const start = 490_000 // an hour since 1970

// telecom is another company than the one that Casetrail ships for.
func telecom(t *testing.T, more string) *policies.Measures {
	p, err := policies.Read("routes: {ai_handles: [roaming_query, top_up], human_only: [sim_swap, porting]}\ndrift: {reference: 336h" + more + "}")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// hourOf draws an hour in which AI's sim swaps have so many CSAT points less, about, and top-ups more.
func hourOf(r *rand.Rand, drop float64) (rows []watch.Row) {
	for _, caseType := range []string{"porting", "roaming_query", "sim_swap", "top_up"} {
		for _, handler := range []string{"ai", "human"} {
			row := watch.Row{CaseType: caseType, Handler: handler, Counts: watch.Counts{Cases: 40 + r.Int64N(20)}}
			bad := .2
			switch {
			case caseType == "sim_swap" && handler == "ai":
				bad += drop / 4
			case caseType == "top_up":
				bad -= drop / 8
			}
			for range row.Cases {
				if r.IntN(3) > 0 {
					continue
				}
				stars := 4
				if r.Float64() < bad {
					stars = 0
				}
				row.CSAT[stars]++
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// story is what a desk says of 30 days, in the last ten of which sim swaps have got worse.
func story(t *testing.T, d *Desk, drop float64) (out []*schemas.SegmentAlert) {
	r := rand.New(rand.NewPCG(1, 2))
	heads := []schemas.LedgerHead{{Partition: 0, Size: 7}}
	for h := range int64(40 * 24) {
		now := 0.
		if h >= 20*24 && h < 30*24 {
			now = drop
		}
		out = append(out, d.Hour(start+h, hourOf(r, now), heads)...)
		heads[0].Size++ // the desk must not hold on to it
	}
	return out
}

func TestAnEpisodeIsTold(t *testing.T) {
	all := story(t, NewDesk(telecom(t, "")), .8)
	if again := story(t, NewDesk(telecom(t, "")), .8); !reflect.DeepEqual(all, again) {
		t.Error("the same hours give other alerts")
	}
	var mine, masked []*schemas.SegmentAlert
	for _, a := range all {
		switch e := a.Episode.Value; {
		case a.Alert == schemas.AlertKindMaskedDrift:
			masked = append(masked, a)
		case e.Test == "sim_swap/ai/csat":
			mine = append(mine, a)
		case e.Group.Set && (a.CaseType != "all" || e.Group.Value != policies.HumanOnly):
			t.Errorf("%+v", a)
		}
	}
	if len(mine) < 3 || len(masked) < 2 {
		t.Fatalf("%d and %d alerts of %d", len(mine), len(masked), len(all))
	}
	first, last := mine[0], mine[len(mine)-1]
	e := first.Episode.Value
	if first.CaseType != "sim_swap" || e.State != schemas.EpisodeStateOpened || first.RaisedAt != e.At || e.Heads[0].Size != 7+e.At/hourMS-start-1 ||
		e.WorstLow.Value >= e.Level1 || e.WorstHigh.Value <= e.Level1 || !e.Masking.Set || e.Since < (start+19*24)*hourMS || e.Change > -.4 {
		t.Errorf("%+v", e)
	}
	if !strings.HasPrefix(first.Summary, "Sim swaps handled by AI: CSAT down ") || !strings.Contains(e.Query, "case_type IN ('sim_swap')") {
		t.Errorf("%s\n%s", first.Summary, e.Query)
	}
	if l := last.Episode.Value; l.State != schemas.EpisodeStateClosed || l.ID != e.ID || last.RaisedAt != first.RaisedAt || !strings.HasPrefix(last.Summary, "Over. ") {
		t.Errorf("last: %+v", l)
	}
	if m := masked[0].Episode.Value; !strings.HasPrefix(masked[0].Summary, "Masked drift. ") || !m.Masked || !m.Masking.Value.Masked {
		t.Errorf("%s %+v", masked[0].Summary, m)
	}
	for _, s := range e.Masking.Value.Segments {
		if s.Alerted != (s.CaseType == "sim_swap" && s.Handler == "ai") || s.Ratings1 == 0 || s.Csat0 < 1 {
			t.Errorf("%+v", s)
		}
	}
}

func TestNothingIsToldOfNothing(t *testing.T) {
	for name, d := range map[string]*Desk{"no drift": NewDesk(telecom(t, "")), "no policy": NewDesk(shipped())} {
		drop := 0.
		if name == "no policy" {
			drop = .8
		}
		if all := story(t, d, drop); len(all) > 0 {
			t.Errorf("%s: %s", name, all[0].Summary)
		}
	}
}

func shipped() *policies.Measures {
	p := policies.Shipped()
	return &p
}

// TestAcceptedLevel: a policy that accepts the new level ends the episode.
func TestAcceptedLevel(t *testing.T) {
	d, r := NewDesk(telecom(t, "")), rand.New(rand.NewPCG(3, 4))
	open := map[string]bool{}
	for h := range int64(60 * 24) {
		drop := 0.
		if h >= 20*24 {
			drop = .8
		}
		if h == 30*24 {
			if !open["sim_swap/ai/csat"] {
				t.Fatal("no episode is open")
			}
			d.Configure(telecom(t, ", baselines: [{case_type: sim_swap, handler: ai, metric: csat, from: 2025-12-14T16:59:59Z}]"))
		}
		for _, a := range d.Hour(start+h, hourOf(r, drop), nil) {
			e := a.Episode.Value
			if open[e.Test] = e.State != schemas.EpisodeStateClosed; e.Test == "sim_swap/ai/csat" && h > 31*24 {
				t.Errorf("after the level was accepted: %s", a.Summary)
			}
		}
	}
	if open["sim_swap/ai/csat"] {
		t.Error("the episode is still open")
	}
}

func TestFinite(t *testing.T) {
	for x, want := range map[float64]float64{1.5: 1.5, math.Inf(1): math.MaxFloat64, math.Inf(-1): -math.MaxFloat64, math.NaN(): 0} {
		if got := finite(x); got != want {
			t.Errorf("%v: %v", x, got)
		}
	}
}
