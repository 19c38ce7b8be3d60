package watch

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// TestWhateverComes: no hours and no policies make a monitor panic, open an episode twice, close one that is not open, or
// have two of one test open at once; and every figure is a number.
func TestWhateverComes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		few := rapid.Int64Range(0, 30)
		configs := rapid.Custom(func(t *rapid.T) Config {
			c := policy()
			c.Reference = rapid.SampledFrom([]int64{168, 336}).Draw(t, "reference")
			c.Handlers = rapid.SampledFrom([][]string{handlers, {"ai"}, {"human", "ai"}}).Draw(t, "handlers")
			c.Groups = rapid.SampledFrom([][]Group{policy().Groups, {{"g", types[1:]}}, {{"dispute", types[:1]}, {"all", nil}}, nil}).Draw(t, "groups")
			c.FalseAlarms = rapid.SampledFrom([]float64{4, 1e9}).Draw(t, "false alarms")
			for range rapid.IntRange(0, 2).Draw(t, "baselines") {
				c.Baselines = append(c.Baselines, Accepted{"dispute", "ai", rapid.SampledFrom(metricNames[:]).Draw(t, "metric"), 480_000 + rapid.Int64Range(-500, 900).Draw(t, "from")})
			}
			return c
		})
		m, open, past := New(configs.Draw(t, "first")), map[string]string{}, map[string]bool{}
		hour := int64(480_000)
		for range rapid.IntRange(1, 12).Draw(t, "stretches") {
			var rows []Row
			for range rapid.IntRange(0, 6).Draw(t, "rows") {
				r := Row{CaseType: rapid.SampledFrom([]string{"refund", "dispute", "dispute", "other", ""}).Draw(t, "type"), Handler: rapid.SampledFrom(handlers).Draw(t, "handler")}
				r.Cases, r.Complaints, r.Repeats, r.Escalated = few.Draw(t, "cases"), few.Draw(t, "complaints"), few.Draw(t, "repeats"), few.Draw(t, "escalated")
				for i := range r.CSAT {
					r.CSAT[i] = few.Draw(t, "csat")
				}
				rows = append(rows, r)
			}
			for range rapid.IntRange(1, 200).Draw(t, "hours") {
				for _, u := range m.Hour(hour, rows) {
					check(t, &u, open, past)
				}
				hour++
			}
			hour += rapid.Int64Range(0, 40).Draw(t, "gap")
			if rapid.Bool().Draw(t, "another policy") {
				m.Configure(configs.Draw(t, "policy"))
			}
		}
	})
}

func check(t *rapid.T, u *Update, open map[string]string, past map[string]bool) {
	switch u.State {
	case Opened:
		if open[u.Test] != "" || past[u.Episode] {
			t.Fatalf("%v, and %q is open", u, open[u.Test])
		}
		open[u.Test], past[u.Episode] = u.Episode, true
	default:
		if open[u.Test] != u.Episode {
			t.Fatalf("%v, and %q is open", u, open[u.Test])
		}
		if u.State == Closed {
			open[u.Test] = ""
		}
	}
	for _, x := range []float64{u.Evidence, u.Effect, u.Low, u.High, u.Level0, u.Level1, u.Aggregate0, u.Aggregate1, u.WorstLow, u.WorstHigh} {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			t.Fatalf("%+v", u)
		}
	}
	if u.Low > u.Effect+1e-9 || u.High < u.Effect-1e-9 || u.SinceLow > u.Since || u.SinceHigh < u.Since || u.Since >= u.At {
		t.Fatalf("%+v", u)
	}
}

// TestPanesKeepWhatTheyJoin: however hours are joined, nothing is lost within 13 weeks, and no hour is in two panes.
func TestPanesKeepWhatTheyJoin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l ladder
		start := rapid.Int64Range(480_000, 480_400).Draw(t, "start")
		hour, total, most := start, int64(0), 0
		for range rapid.IntRange(1, 30).Draw(t, "stretches") {
			for range rapid.IntRange(1, 100).Draw(t, "hours") {
				l.push(hour, 1, []cell{{cases: uint32(hour % 7)}})
				total += hour % 7
				hour++
			}
		}
		sum, last := int64(0), int64(0)
		for _, p := range l.panes {
			if p.start < last || p.end <= p.start {
				t.Fatalf("pane %d to %d after %d", p.start, p.end, last)
			}
			sum, last = sum+int64(p.cells[0].cases), p.end
		}
		if most = len(l.panes); last != hour || hour-start < oldest && sum != total || most > 50 {
			t.Fatalf("%d panes to %d of %d with %d of %d", most, last, hour, sum, total)
		}
	})
}
