package driftreport

import (
	_ "embed"
	"fmt"
	"math"
	"strings"
)

//go:embed page.md
var page string

// Report is what has been played.
type Report struct {
	Scenarios           [3]Scenario // none, slow, sudden
	None, Slide, Sudden []*Result
	Years               int
	Picture             uint64 // the seed of the picture
}

// Page is docs/drift.md.
func (r *Report) Page() string {
	config := Shipped()
	var intervals, covered, masked int
	for _, x := range append(append([]*Result(nil), r.Slide...), r.Sudden...) {
		intervals += x.Casetrail.Intervals
		covered += x.Casetrail.Covered
	}
	falses := 0
	for _, x := range r.None {
		falses += x.Findings[Casetrail].False
		masked += x.Casetrail.FalseMasked
	}
	also := ""
	if masked > 0 {
		also = fmt.Sprintf("; masked drift was said of them %d times", masked)
	}
	isMasked := func(x *Result) bool { return !math.IsNaN(x.Casetrail.Masked) }
	hours := pick(r.Sudden, func(x *Result) float64 { return 24 * math.Abs(x.Casetrail.Since) })
	seeds := func(i int) string {
		s := &r.Scenarios[i]
		return fmt.Sprintf("%d to %d", s.Seed, s.Seed+uint64(s.Runs)-1)
	}
	return strings.NewReplacer(
		"{{runs}}", fmt.Sprint(len(r.Slide)), "{{years}}", fmt.Sprint(r.Years), "{{seed}}", fmt.Sprint(r.Scenarios[1].Seed),
		"{{table}}", r.table(),
		"{{slide days}}", fmt.Sprint(r.Scenarios[1].Days), "{{sudden days}}", fmt.Sprint(r.Scenarios[2].Days),
		"{{config}}", fmt.Sprintf("the shipped policy: a margin of %v points, %v false alarms a year", config.CSATMargin, config.FalseAlarms),
		"{{masked slide}}", percent(share(r.Slide, isMasked)), "{{masked sudden}}", percent(share(r.Sudden, isMasked)),
		"{{masked after}}", days(quantile(pick(r.Slide, func(x *Result) float64 { return x.Casetrail.Masked }), .5)),
		"{{lost}}", fmt.Sprintf("%.2f", quantile(pick(r.Slide, func(x *Result) float64 { return x.Lost }), .5)),
		"{{moved}}", fmt.Sprintf("%+.3f", quantile(pick(r.Slide, func(x *Result) float64 { return x.Moved }), .5)),
		"{{coverage}}", percent(float64(covered)/float64(intervals)), "{{intervals}}", fmt.Sprint(intervals),
		"{{since}}", days(quantile(hours, .5)),
		"{{half day}}", percent(share(r.Sudden, func(x *Result) bool { return math.Abs(x.Casetrail.Since) <= .5 })),
		"{{within}}", percent(share(r.Sudden, func(x *Result) bool { return x.Casetrail.Within })),
		"{{slow since}}", days(quantile(pick(r.Slide, func(x *Result) float64 { return x.Casetrail.Since }), .5)),
		"{{false}}", fmt.Sprint(falses), "{{masked false}}", also,
		"{{alpha}}", fmt.Sprintf("%v %%", 100*alphaStrict), "{{delta}}", fmt.Sprint(deltaStrict),
		"{{none seeds}}", seeds(0), "{{slide seeds}}", seeds(1), "{{sudden seeds}}", seeds(2), "{{picture seed}}", fmt.Sprint(r.Picture),
	).Replace(page)
}

func (r *Report) table() string {
	var b strings.Builder
	for _, m := range Methods {
		name := m
		if m == Casetrail {
			name = "**" + m + "**"
		}
		fmt.Fprintf(&b, "| %s | %.1f", name, Rate(r.None, m))
		for _, results := range [][]*Result{r.Slide, r.Sudden} {
			d := Delays(results, m)
			fmt.Fprintf(&b, " | %s (%s to %s) | %s", days(quantile(d, .5)), days(quantile(d, .25)), days(quantile(d, .75)),
				percent(share(results, func(x *Result) bool { return !math.IsNaN(x.Findings[m].Delay) })))
		}
		b.WriteString(" |\n")
	}
	return b.String()
}

// days is a number of days, or of hours; a NaN is never.
func days(x float64) string {
	if math.IsNaN(x) {
		return "never"
	}
	return fmt.Sprintf("%.1f", x)
}

func percent(x float64) string {
	if math.IsNaN(x) {
		return "none"
	}
	return fmt.Sprintf("%.0f %%", math.Floor(100*x))
}
