package driftreport

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/casetrail/casetrail/cli/world"
)

func play(t *testing.T, s Scenario) []*Result {
	t.Helper()
	results, err := Play(&s, func() {})
	if err != nil {
		t.Fatal(err)
	}
	return results
}

// A sample of what docs/drift.md reports: Casetrail finds what the aggregate does not show, says that it is masked, and
// raises next to no alarm where there is nothing. The oracle is sooner, since it knows what it looks for.
func TestWhatTheAggregateHidesIsFound(t *testing.T) {
	r := Report{Years: 1, Picture: 1, Scenarios: [3]Scenario{
		{Name: "none", Days: 365, Runs: 1, Seed: 500},
		{Name: "slide", Drift: world.Drift{Shape: world.Slide, Drop: .6, Days: 60}, Days: 35, Runs: 3, Seed: 1},
		{Name: "sudden", Drift: world.Drift{Shape: world.Sudden, Drop: .6}, Days: 7, Runs: 3, Seed: 1},
	}}
	r.None, r.Slide, r.Sudden = play(t, r.Scenarios[0]), play(t, r.Scenarios[1]), play(t, r.Scenarios[2])
	if n := r.None[0].Findings[Casetrail].False; n > 6 { // 4 a year are allowed in the mean; more than 6 are a chance of 1 in 9 even then
		t.Errorf("%d false alarms in a year", n)
	}
	for i, results := range [][]*Result{r.Slide, r.Sudden} {
		most := []float64{25, 1.5}[i]
		for _, x := range results {
			f, o := x.Findings[Casetrail], x.Findings[Oracle]
			if !(f.Delay <= most) || !(x.Casetrail.Masked <= most+1) || math.Abs(x.Moved) > .03 {
				t.Errorf("%s, seed %d: found after %.1f days, masked after %.1f, the aggregate moved by %.3f", r.Scenarios[i+1].Name, x.Seed, f.Delay, x.Casetrail.Masked, x.Moved)
			}
			if i == 0 && !(o.Delay < f.Delay) {
				t.Errorf("seed %d: the oracle needs %.1f days, Casetrail %.1f", x.Seed, o.Delay, f.Delay)
			}
			if d := x.Casetrail; d.Intervals == 0 || d.Covered < d.Intervals*9/10 {
				t.Errorf("%s, seed %d: %d of %d intervals have the truth", r.Scenarios[i+1].Name, x.Seed, d.Covered, d.Intervals)
			}
		}
	}
	if page := r.Page(); strings.Contains(page, "{{") || !strings.Contains(page, "| **Casetrail** | ") {
		t.Errorf("the page is not whole:\n%s", page)
	}
	svg, err := Picture(&r.Scenarios[1], 0, r.None, "svg")
	if err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, part := range []string{"<title id=\"title\">", "<desc id=\"desc\">", "everything", "hard types x AI", "Casetrail: day"} {
		if !bytes.Contains(svg, []byte(part)) {
			t.Errorf("the picture has no %q", part)
		}
	}
}
