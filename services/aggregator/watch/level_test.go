package watch

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/casetrail/casetrail/services/aggregator/drift"
)

// learn makes the level of a metric whose mean of harm, or rate, is a function of the hour.
func learn(t *testing.T, m metric, days int, mean func(hour int64) float64) *level {
	t.Helper()
	r := rand.New(rand.NewPCG(11, uint64(m)))
	ref := &reference{since: 480_000, begun: true}
	for h := range int64(days * 24) {
		c := counts{k: 2}
		if m == csat {
			c.k = 5
		}
		for range 60 {
			if r.Float64() < mean(480_000+h) {
				c.c[map[bool]int{true: 0, false: 1}[m == csat]]++
			} else {
				c.c[map[bool]int{true: 4, false: 0}[m == csat]]++
			}
		}
		ref.add(m, 480_000+h, &c)
	}
	l, _ := ref.fit(m)
	if l == nil {
		t.Fatal("no level")
	}
	return l
}

// TestSeasons: what is usual at an hour and on a weekday is learned; what is chance is not taken for a season; and a level
// whose seasons are known is no drift when they come again.
func TestSeasons(t *testing.T) {
	wave := func(hour int64) float64 {
		mean := .2 + .08*math.Sin(2*math.Pi*float64(mod(hour, 24))/24)
		if weekday(hour) < 2 {
			mean += .05
		}
		return mean
	}
	for m := range metrics {
		l := learn(t, m, 28, wave)
		for h := range int64(7 * 24) {
			if got, want := l.expected(m, 480_000+h), wave(480_000+h); math.Abs(got-want) > .05 {
				t.Errorf("%s, hour %d: %.3f is expected, and usual is %.3f", metricNames[m], h, got, want)
			}
		}
		flat := learn(t, m, 28, func(int64) float64 { return .2 })
		for h := range int64(7 * 24) {
			if got := flat.expected(m, h); math.Abs(got-.2) > .02 {
				t.Errorf("%s has no season, and %.3f is expected at hour %d", metricNames[m], got, h)
			}
		}
		if flat.Phi > 1.6 || l.Phi > 2 {
			t.Errorf("%s: design effects %.2f and %.2f of independent draws", metricNames[m], flat.Phi, l.Phi)
		}
	}
}

// TestTheBudgetIsShared: all tests together may raise as many false alarms as the policy allows, and what has more weight
// has more of them.
func TestTheBudgetIsShared(t *testing.T) {
	for _, weights := range []map[string]float64{nil, {"human_only": 3}, {"dispute": 10, "ai_handles": .5}} {
		c := policy()
		c.Weights = weights
		sum, seen := 0.0, map[string]bool{}
		for _, x := range New(c).tests {
			if sum += 1 / x.limit; seen[x.key()] {
				t.Errorf("%s twice", x.key())
			}
			seen[x.key()] = true
		}
		if math.Abs(sum-c.FalseAlarms) > 1e-9 {
			t.Errorf("%v: %.3f false alarms a year over all tests, %.0f are allowed", weights, sum, c.FalseAlarms)
		}
		for _, key := range []string{"dispute/ai/csat", "dispute/all/escalation", "refund/human/csat_response", "refund/human/csat_response/fewer", "group:human_only/ai/complaint", "group:ai_handles/all/repeat_contact"} {
			if !seen[key] {
				t.Errorf("there is no test %s", key)
			}
		}
	}
	c := policy()
	c.Weights = map[string]float64{"dispute": 10, "ai_handles": .5}
	limits := map[string]float64{}
	for _, x := range New(c).tests {
		limits[x.key()] = x.limit
	}
	if limits["fraud/ai/csat"] != 10*limits["dispute/ai/csat"] || limits["refund/ai/csat"] != 2*limits["fraud/ai/csat"] || limits["group:human_only/ai/csat"] != limits["fraud/ai/csat"] {
		t.Error(limits)
	}
}

// TestWithoutVariance: where all outcomes are alike there is no level, and a level of one sort of outcome can't be made.
func TestWithoutVariance(t *testing.T) {
	ref := &reference{since: 480_000, begun: true}
	for h := range int64(700) {
		ref.add(complaint, 480_000+h, &counts{[5]int64{50, 0}, 2})
	}
	if l, _ := ref.fit(complaint); l != nil {
		t.Error(l)
	}
	if se, _ := drift.Cluster([]float64{5, 5}, []float64{1, -1}, .1); !math.IsInf(se, 1) {
		t.Error("two days are enough")
	}
}
