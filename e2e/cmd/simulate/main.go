// Command simulate plays Casetrail against everything that can go wrong, one seed after the other; see package simulate. It
// ends with 1 at the first seed in which a promise did not hold, and shows what happened before.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/casetrail/casetrail/e2e/simulate"
)

func main() {
	seeds := flag.Int("seeds", 10_000, "how many `seeds` to play")
	from := flag.Uint64("from", 0, "the first `seed`")
	flag.Parse()
	debug.SetGCPercent(400) // a seed's garbage is small: collected less often it takes an eighth less time
	began := time.Now()
	played, stats, failed := simulate.Play(*from, *seeds)
	took := time.Since(began)
	fmt.Printf("%d seeds from %d in %v: %.0f a second\n%s\n", played, *from, took.Round(time.Second), float64(played)/took.Seconds(), stats.String())
	if failed != nil {
		fmt.Printf("\n%s\n\nplay it again: make simulate FROM=%d SEEDS=1\n", failed, failed.Seed)
		os.Exit(1)
	}
	fmt.Println("every promise held in every one")
}
