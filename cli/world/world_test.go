package world

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

func counts(t testing.TB, c Config) *Counts {
	t.Helper()
	w, err := NewCounts(c)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// sum is what segments add up to over some hours.
type sum struct{ cases, ratings, stars, complaints, repeats float64 }

func (s *sum) add(c *Count) {
	s.cases += float64(c.Cases)
	s.complaints += float64(c.Complaints)
	s.repeats += float64(c.Repeats)
	for k, n := range c.CSAT {
		s.ratings += float64(n)
		s.stars += float64(n) * float64(k+1)
	}
}

func (s sum) csat() float64 { return s.stars / s.ratings }

func days(w *Counts, n int) (all sum, by [Size]sum) {
	for range n * 24 {
		_, rows := w.Next()
		for i := range rows {
			all.add(&rows[i])
			by[i].add(&rows[i])
		}
	}
	return all, by
}

// start is a Thursday midnight; day 0 of the worlds here.
const start = 2900 * week

// The company is the one of the story: its size, shares, response and levels.
func TestTheWorldIsTheCompanyOfTheStory(t *testing.T) {
	all, by := days(counts(t, Config{Seed: 1, Start: start}), 90)
	if got := all.cases / 3; math.Abs(got/Cases30-1) > .05 {
		t.Errorf("%.0f cases in 30 days", got)
	}
	for i, s := range table {
		b := by[i]
		for what, x := range map[string][2]float64{"share": {b.cases / all.cases / s.share, .12}, "response": {b.ratings / b.cases / s.Response, .05},
			"complaints": {b.complaints / b.cases / s.Complaint, .15}, "repeats": {b.repeats / b.cases / s.Repeat, .1}} {
			if math.Abs(x[0]-1) > x[1] {
				t.Errorf("%v: %s is %.3f times what the table says", s.Segment, what, x[0])
			}
		}
		if r := b.ratings / b.cases; r < .21 || r > .29 {
			t.Errorf("%v: %.3f of the cases are rated", s.Segment, r)
		}
		if d := b.csat() - s.CSAT; math.Abs(d) > .05 {
			t.Errorf("%v: CSAT is %.3f away from the table", s.Segment, d)
		}
	}
}

// That is what it is for: the segments get worse, and the aggregate does not show it.
func TestTheAggregateStandsStillWhileTheSegmentsSlide(t *testing.T) {
	for _, d := range []Drift{{Shape: Slide, Drop: .6, FromDay: 30, Days: 60}, {Shape: Sudden, Drop: .6, FromDay: 30}} {
		w := counts(t, Config{Seed: 2, Start: start, Drift: d})
		before, was := days(w, 30)
		days(w, 60)
		after, is := days(w, 30)
		if move := after.csat() - before.csat(); math.Abs(move) > .02 {
			t.Errorf("%s: the aggregate moved by %.3f", d.Shape, move)
		}
		for i, s := range table {
			lost, more := was[i].csat()-is[i].csat(), is[i].complaints/is[i].cases/(was[i].complaints/was[i].cases)
			if hidden := s.hard && s.Handler == AI; hidden != (lost > .4) || hidden != (more > 1.5) || hidden != w.Drifts(i) {
				t.Errorf("%s: %v lost %.3f, complaints times %.2f", d.Shape, s.Segment, lost, more)
			}
		}
	}
}

func TestADriftOfOtherSegments(t *testing.T) {
	one := Segment{"refund_status", Human}
	w := counts(t, Config{Seed: 3, Drift: Drift{Shape: Sudden, Drop: .5, FromDay: 1, Segments: []Segment{one}}})
	for i, s := range table {
		if was, is := w.Levels(i, 23), w.Levels(i, 25); (s.Segment == one) != (was.CSAT-is.CSAT > .1) || w.Drifts(i) != (s.Segment == one) {
			t.Errorf("%v goes from %v to %v", s.Segment, was, is)
		}
	}
}

// A season is as long as it is said, and it is there; none of it is drift.
func TestSeasonsRepeat(t *testing.T) {
	w := counts(t, Config{Seed: 4, Start: start})
	var by [24]sum
	for range 28 * 24 {
		hour, rows := w.Next()
		for i := range rows {
			by[hour%24].add(&rows[i])
		}
	}
	if day, night := by[15], by[3]; day.cases < 3*night.cases || day.csat() < night.csat()+.02 {
		t.Errorf("at 15 h %v, CSAT %.3f; at 3 h %v, CSAT %.3f", day.cases, day.csat(), night.cases, night.csat())
	}
}

func TestOneSeedIsOneWorld(t *testing.T) {
	a, b, c := counts(t, Config{Seed: 5}), counts(t, Config{Seed: 5}), counts(t, Config{Seed: 6})
	other := false
	for range 100 {
		hour, x := a.Next()
		also, y := b.Next()
		_, z := c.Next()
		for i := range x {
			if hour != also || x[i] != y[i] {
				t.Fatalf("hour %d: %v and %v", hour, x[i], y[i])
			}
			other = other || x[i] != z[i]
		}
	}
	if !other {
		t.Error("another seed is the same world")
	}
}

func TestSpreadHasTheMeanThatIsAsked(t *testing.T) {
	for mean := 2.2; mean < 4.83; mean += .01 {
		p, total := Spread(mean), 0.
		for _, x := range p {
			if total += x; x < 0 {
				t.Fatalf("%v: %v", mean, p)
			}
		}
		if math.Abs(total-1) > 1e-9 || math.Abs(average(p)-mean) > 1e-9 {
			t.Fatalf("%v: %v, mean %v", mean, p, average(p))
		}
	}
}

func TestABadWorldSaysAllThatIsWrong(t *testing.T) {
	_, err := NewCounts(Config{Cases: math.NaN(), Drift: Drift{Shape: "creeping", Drop: -1, FromDay: math.Inf(1), Segments: []Segment{{"dispute", "bot"}}}})
	for _, part := range []string{"cases: NaN", `"creeping"`, "drop: -1", "from day: +Inf", "no dispute:bot", "dispute:ai"} {
		if !strings.Contains(fmt.Sprint(err), part) {
			t.Errorf("does not say %s: %v", part, err)
		}
	}
}

func BenchmarkYear(b *testing.B) {
	for b.Loop() {
		days(counts(b, Config{Seed: 1}), 365)
	}
}
