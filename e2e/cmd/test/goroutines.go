package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// module is what the packages' paths begin with.
const module = "github.com/casetrail/casetrail/"

// single are packages that start no goroutine, and whose tests start none (a test checks): cores, and what plays them one step after
// the other. The race detector can find nothing there, and makes property tests take five to ten times as long.
var single = []string{
	"e2e/rerun", "e2e/upgrade",
	"services/aggregator/aggregate", "services/aggregator/drift", "services/aggregator/masking", "services/aggregator/recompute",
	"services/aggregator/watch", "services/aggregator/window",
	"services/intake/classify/train", "services/intake/customers", "services/intake/signals/score",
	"services/keyfile", "services/router/cases", "services/router/guard",
}

// longest wait more than they compute: they come first, and the others run beside them.
var longest = []string{"e2e", "e2e/torture"}

// runs are the arguments of go test, once for those of some packages that need no race detector and once for the others.
func runs(args []string) ([][]string, error) {
	var tail []string
	if i := slices.Index(args, "-args"); i >= 0 {
		args, tail = args[:i], args[i:]
	}
	var flags, patterns []string
	for _, a := range args {
		if strings.HasPrefix(a, "./") {
			patterns = append(patterns, a)
		} else {
			flags = append(flags, a)
		}
	}
	if patterns == nil {
		patterns = modules
	}
	list := exec.Command("go", append([]string{"list"}, patterns...)...)
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	packages := strings.Fields(string(out))
	slices.SortStableFunc(packages, func(a, b string) int { return rank(a) - rank(b) })
	var alone, raced []string
	for _, p := range packages {
		if slices.Contains(single, strings.TrimPrefix(p, module)) {
			alone = append(alone, p)
		} else {
			raced = append(raced, p)
		}
	}
	base := append([]string{"test", "-json", "-timeout", "60m"}, flags...)
	var all [][]string
	if alone != nil {
		all = append(all, slices.Concat(base, alone, tail))
	}
	if raced != nil {
		all = append(all, slices.Concat(base, []string{"-race"}, raced, tail))
	}
	return all, nil
}

func rank(pkg string) int {
	if i := slices.Index(longest, strings.TrimPrefix(pkg, module)); i >= 0 {
		return i
	}
	return len(longest)
}
