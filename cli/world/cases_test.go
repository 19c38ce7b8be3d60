package world

import (
	"math"
	"testing"

	"github.com/casetrail/casetrail/schemas"
)

func cases(t testing.TB, c Config) *Cases {
	t.Helper()
	w, err := NewCases(c)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// Single cases and hourly counts are one world: added up by the hour in which they come, cases have the distribution of the
// counts. Both follow one path of levels, so what is left between them is the chance of the draws.
func TestCasesAddUpToCounts(t *testing.T) {
	const days, skip = 24, 4 // until what comes late comes as evenly as it goes
	config := Config{Seed: 7, Start: start, Drift: Drift{Shape: Slide, Drop: .6, FromDay: 6, Days: 10}}
	a, b := counts(t, config), cases(t, config)
	var hourly [days * 24][Size]Count
	number := map[Segment]int{}
	for i, s := range Segments() {
		number[s] = i
	}
	put := func(ms int64) *[Size]Count {
		if at := ms/hour - start; at >= 0 && at < int64(len(hourly)) {
			return &hourly[at]
		}
		return new([Size]Count)
	}
	for range hourly {
		_, cs := b.Next()
		for j := range cs {
			c := &cs[j]
			i := number[c.Segment]
			row := &put(c.Concluded)[i]
			row.Cases++
			if c.Repeat {
				row.Repeats++
			}
			if c.Escalated > 0 {
				row.Escalated++
			}
			if c.Rating > 0 {
				put(max(c.Rated, c.Concluded))[i].CSAT[c.Rating-1]++
			}
			if c.Complained > 0 {
				put(max(c.Complained, c.Concluded))[i].Complaints++
			}
		}
	}
	var of [2][Size][4]float64 // of counts and cases: cases, ratings, stars, complaints
	var rep [2]sum
	for d := range days {
		var day [2][Size]sum
		for h := range 24 {
			_, rows := a.Next()
			for i := range rows {
				day[0][i].add(&rows[i])
				day[1][i].add(&hourly[d*24+h][i])
				if row := &hourly[d*24+h][i]; row.Escalated != 0 && row.Escalated != row.Cases {
					t.Fatalf("%v: %d escalated of %d", table[i].Segment, row.Escalated, row.Cases)
				}
			}
		}
		if d < skip {
			continue
		}
		for which := range of {
			for i := range Size {
				s := &day[which][i]
				for k, x := range [4]float64{s.cases, s.ratings, s.stars, s.complaints} {
					of[which][i][k] += x
				}
				rep[which].repeats += s.repeats
				rep[which].cases += s.cases
			}
		}
	}
	for i, s := range table {
		for k, what := range []string{"cases", "ratings", "stars", "complaints"} {
			x, y := of[0][i][k], of[1][i][k]
			spread := math.Sqrt(x + y)
			if what == "stars" {
				spread = math.Sqrt(20 * (of[0][i][1] + of[1][i][1])) // of a rating that is mostly 5
			}
			if math.Abs(x-y) > 4.5*spread {
				t.Errorf("%v: %s are %.0f as counts and %.0f as cases, %.1f standard errors apart", s.Segment, what, x, y, math.Abs(x-y)/spread)
			}
		}
		if csat := [2]float64{of[0][i][2] / of[0][i][1], of[1][i][2] / of[1][i][1]}; math.Abs(csat[0]-csat[1]) > 4.5*1.3*math.Sqrt(2/of[0][i][1]) {
			t.Errorf("%v: CSAT is %.3f as counts and %.3f as cases", s.Segment, csat[0], csat[1])
		}
	}
	if x, y := rep[0].repeats/rep[0].cases, rep[1].repeats/rep[1].cases; math.Abs(x-y) > .001 {
		t.Errorf("repeat contact is %.4f as counts and %.4f as cases", x, y)
	}
}

// Every case is one that could happen, and is over within the time that it may be open.
func TestCasesAreConversations(t *testing.T) {
	w := cases(t, Config{Seed: 8, Start: start, Cases: 200_000})
	last := map[int64]int64{} // when a customer's last case was concluded
	for range 60 {
		at, cs := w.Next()
		for i := range cs {
			c := &cs[i]
			abandoned := c.Outcome == schemas.OutcomeAbandoned
			if c.Concluded/hour != at || c.Concluded-c.Opened > MaxOpen || c.Opened >= c.Concluded {
				t.Fatalf("hour %d: %+v", at, c)
			}
			ai, human := c.Handler != Human, c.Handler != AI
			if ai && human != (c.Escalated > c.Opened) || human != (c.Joined > c.Opened) || human && c.Joined <= c.Escalated || abandoned && c.Handler == AI {
				t.Fatalf("%+v", c)
			}
			if c.Handler == AI && c.Concluded-c.Opened >= 10*minute || c.Handler == Escalated && c.Escalated-c.Opened >= 10*minute {
				t.Fatalf("the AI has it until the duration tripwire fires: %+v", c)
			}
			if abandoned && (c.Concluded-c.Joined < IdleClose || c.Rating > 0 && c.Rated < c.Concluded) || (c.Rating > 0) != (c.Rated > 0) || c.Rated > 0 && c.Rated < c.Joined || c.Rated > c.Concluded+7*24*hour {
				t.Fatalf("%+v", c)
			}
			if before, seen := last[c.Customer]; seen != c.Repeat || seen && before > c.Concluded {
				t.Fatalf("customer %d was there before: %v; %+v", c.Customer, seen, c)
			}
			last[c.Customer] = c.Concluded
		}
	}
}

func BenchmarkMonthOfCases(b *testing.B) {
	for b.Loop() {
		w := cases(b, Config{Seed: 1})
		for range 30 * 24 {
			w.Next()
		}
	}
}
