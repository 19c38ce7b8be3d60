// Command driftreport plays the simulated company in front of Casetrail, of what people do today and of an oracle, and writes
// docs/drift.md and docs/drift.svg; see package driftreport.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/casetrail/casetrail/cli/world"
	"github.com/casetrail/casetrail/e2e/driftreport"
)

func main() {
	runs := flag.Int("runs", 100, "how many `runs` of each drift")
	years := flag.Int("years", 25, "how many `years` without a drift")
	seed := flag.Uint64("seed", 1, "the first `seed`")
	to := flag.String("to", "docs", "the `folder` to write to")
	png := flag.String("png", "", "also write the picture as PNG to this `file`")
	flag.Parse()
	if err := report(*runs, *years, *seed, *to, *png); err != nil {
		fmt.Fprintf(os.Stderr, "driftreport: %v\n", err)
		os.Exit(1)
	}
}

func report(runs, years int, seed uint64, to, png string) error {
	began := time.Now()
	r := driftreport.Report{Years: years, Picture: seed, Scenarios: [3]driftreport.Scenario{
		{Name: "no drift", Days: 365, Runs: years, Seed: seed + 100_000},
		{Name: "slow drift", Drift: world.Drift{Shape: world.Slide, Drop: .6, Days: 60}, Days: 60, Runs: runs, Seed: seed},
		{Name: "sudden drift", Drift: world.Drift{Shape: world.Sudden, Drop: .6}, Days: 30, Runs: runs, Seed: seed},
	}}
	for i, results := range []*[]*driftreport.Result{&r.None, &r.Slide, &r.Sudden} {
		s, n := &r.Scenarios[i], 0
		var err error
		*results, err = driftreport.Play(s, func() {
			n++
			fmt.Fprintf(os.Stderr, "\r▸ %s: %d of %d", s.Name, n, s.Runs)
		})
		if err != nil {
			return err
		}
		fmt.Fprintln(os.Stderr)
	}
	svg, err := driftreport.Picture(&r.Scenarios[1], 0, r.None, "svg")
	if err != nil {
		return err
	}
	files := map[string][]byte{filepath.Join(to, "drift.md"): []byte(r.Page()), filepath.Join(to, "drift.svg"): svg}
	if png != "" {
		if files[png], err = driftreport.Picture(&r.Scenarios[1], 0, r.None, "png"); err != nil {
			return err
		}
	}
	for name, b := range files {
		if err := os.WriteFile(name, b, 0o644); err != nil {
			return err
		}
		fmt.Println(name)
	}
	fmt.Fprintf(os.Stderr, "▸ %v\n", time.Since(began).Round(time.Second))
	return nil
}
