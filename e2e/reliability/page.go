package reliability

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed page.md
var text string

// Read reads the results in a folder.
func Read(dir string) ([]Result, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	var out []Result
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		var r Result
		if err := json.Unmarshal(b, &r); err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b Result) int { return cmp.Or(cmp.Compare(a.Row, b.Row), cmp.Compare(a.Name, b.Name)) })
	return out, nil
}

// Page is docs/reliability.md for some results. on says what they were had on.
func Page(results []Result, on string) string {
	var table strings.Builder
	table.WriteString("| what was injected | how, and into what | times | lost | duplicated | forked | at most, at 95 % | seed | time |\n|---|---|---:|---:|---:|---:|---:|---:|---:|\n")
	var total int
	var wrong []string
	for i := range results {
		r := &results[i]
		total += r.Trials
		fmt.Fprintf(&table, "| %s | %s; %s | %s | %d | %d | %d | %s | %d | %s |\n", r.Fault, r.How, r.Checked, Number(r.Trials), r.Lost, r.Duplicated, r.Forked, r.Bound(), r.Seed, minutes(r.Seconds))
		if !r.Held() {
			wrong = append(wrong, r.Fault+": "+strings.Join(r.Wrong, "; "))
		}
	}
	verdict := fmt.Sprintf("%s faults, nothing lost, nothing duplicated, no fork.", Number(total))
	if len(wrong) > 0 {
		verdict = "**Not everything held:** " + strings.Join(wrong, ". ")
	}
	if total == 0 {
		verdict = "Nothing has been run yet: `make torture` fills the table."
	}
	return strings.NewReplacer("{{table}}", table.String(), "{{on}}", on, "{{verdict}}", verdict).Replace(text)
}

func minutes(seconds float64) string {
	if seconds < 120 {
		return fmt.Sprintf("%.0f s", seconds)
	}
	return fmt.Sprintf("%.0f min", seconds/60)
}
