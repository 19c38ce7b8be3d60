// Command torture runs everything that puts faults into Casetrail, at the sizes that docs/reliability.md reports, and writes that
// page from the results. Each run leaves its result as a file, so that a part can be run again and the page is made of all.
package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/casetrail/casetrail/e2e/reliability"
)

// run is one command that reports to the folder that CASETRAIL_RELIABILITY names.
type run struct {
	name string
	args func(n int, seed uint64) []string // of go; n is the size of the whole, kills of services
}

// runs are all runs, in order. Whoever has something to report adds a row.
var runs = []run{
	{"kills", torture("TestOneNode/kills", "kills", 1, 1)},
	{"zombies", torture("TestOneNode/zombies", "zombies", 5, 1)},
	{"losses", torture("TestOneNode/losses", "losses", 1, 2)},
	{"late", torture("TestOneNode/late", "late", 10, 1)},
	{"rebalances", torture("TestOneNode/rebalances", "rebalances", 2, 1)},
	{"broker", torture("TestOneNode/broker$", "brokers", 50, 1)},
	{"brokers", torture("TestThreeNodes", "brokers", 25, 1)},
	{"simulation", func(n int, seed uint64) []string {
		return []string{"test", "-count=1", "-v", "-timeout", "3h", "./e2e/simulate", "-run", "TestSeeds", "-args", "-seed", fmt.Sprint(seed), "-seeds", fmt.Sprint(10 * n)}
	}},
	{"protocol", trials("TestProtocolErrors", "protocol", 1000, 0)}, // 0: every one
	{"clickhouse", trials("TestSinkTrials", "engine", 2, 1)},
	{"sinks", trials("TestSinksSideBySide", "sinks", 10, 1)},
	{"erasure", trials("TestErasure", "erasures", 1, 1)},
	{"tails-embedded", trials("TestTailsCutOff/embedded", "tails", 20, 1)},
	{"tails-kafka", trials("TestTailsCutOff/kafka", "tails", 100, 1)},
}

// torture is a subtest of e2e/torture whose size is times/part of the whole's.
func torture(test, size string, part, times int) func(int, uint64) []string {
	return func(n int, seed uint64) []string {
		return []string{"test", "-count=1", "-v", "-timeout", "3h", "./e2e/torture", "-run", test, "-args", "-seed", fmt.Sprint(seed), "-speed", "100", "-" + size, fmt.Sprint(max(1, n*times/part))}
	}
}

// trials is a test of e2e, of which the size 0 is all there is to try.
func trials(test, size string, part, times int) func(int, uint64) []string {
	return func(n int, seed uint64) []string {
		trials := 0
		if times > 0 {
			trials = max(1, n*times/part)
		}
		return []string{"test", "-count=1", "-v", "-timeout", "3h", "./e2e", "-run", test, "-args", "-seed", fmt.Sprint(seed), "-" + size, fmt.Sprint(trials)}
	}
}

func main() {
	n := flag.Int("kills", 1000, "the size of all: kill -9 of services; the others are in proportion")
	only := flag.String("only", "", "runs to do, with commas between them; the results of the others are kept from before")
	seed := flag.Uint64("seed", rand.Uint64N(1_000_000)+1, "seed of everything")
	dir := flag.String("results", "", "folder of the results; torture in CASETRAIL_CACHE where empty")
	page := flag.String("page", "docs/reliability.md", "the page to write")
	flag.Parse()
	if err := main1(*n, *seed, *only, *dir, *page); err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
		os.Exit(1)
	}
}

func main1(n int, seed uint64, only, dir, page string) error {
	if dir == "" {
		cache := os.Getenv("CASETRAIL_CACHE")
		if cache == "" {
			cache = ".cache"
		}
		dir = filepath.Join(cache, "torture")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var failed []string
	for _, r := range runs {
		if only != "" && !slices.Contains(strings.Split(only, ","), r.name) {
			continue
		}
		began, args := time.Now(), r.args(n, seed)
		fmt.Printf("▸ %s: go %s\n", r.name, strings.Join(args, " "))
		if err := do(r.name, dir, args); err != nil {
			failed = append(failed, r.name)
			fmt.Printf("✗ %s: %v, after %v\n", r.name, err, time.Since(began).Round(time.Second))
		}
	}
	results, err := reliability.Read(dir)
	if err != nil {
		return err
	}
	if err := os.WriteFile(page, []byte(reliability.Page(results, machine())), 0o644); err != nil {
		return err
	}
	fmt.Printf("%s has %d results; they are kept in %s\n", page, len(results), dir)
	if len(failed) > 0 {
		return fmt.Errorf("FAILED: %s; what they printed is in %s/NAME.log; make torture ONLY=%s SEED=%d does them again", strings.Join(failed, ", "), dir, strings.Join(failed, ","), seed)
	}
	return nil
}

// do runs one. What it prints goes to a file too.
func do(name, dir string, args []string) error {
	log, err := os.Create(filepath.Join(dir, name+".log"))
	if err != nil {
		return err
	}
	defer log.Close()
	_ = os.Remove(filepath.Join(dir, name+".json")) // that of a run that failed would be an old one's
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), reliability.Env+"="+dir)
	cmd.Stdout, cmd.Stderr = tee{log}, tee{log}
	return cmd.Run()
}

// tee writes to a file and shows on the terminal what a reader waits for.
type tee struct{ log *os.File }

func (t tee) Write(b []byte) (int, error) {
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, " trials (") || strings.Contains(line, "FAIL") || strings.Contains(line, "seed ") {
			fmt.Print("  ", strings.TrimSpace(line), "\n")
		}
	}
	return t.log.Write(b)
}

// machine says what it ran on.
func machine() string {
	commit, err := exec.Command("git", "describe", "--always", "--dirty", "--exclude", "*").Output()
	if err != nil {
		commit = []byte("an unknown commit")
	}
	return fmt.Sprintf("%s, %d cores, %s/%s, %s", strings.TrimSpace(string(commit)), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}
