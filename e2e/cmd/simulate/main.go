// Command simulate plays Casetrail against everything that can go wrong, one seed after the other; see package simulate.
// It ends with 1 at the first seed in which a promise did not hold, and shows what happened before.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/casetrail/casetrail/e2e/simulate"
)

func main() {
	seeds := flag.Int("seeds", 10_000, "how many `seeds` to play")
	from := flag.Uint64("from", 0, "the first `seed`")
	flag.Parse()
	began := time.Now()
	total, failed := play(*from, *seeds, runtime.GOMAXPROCS(0))
	took := time.Since(began)
	fmt.Printf("%d seeds from %d in %v: %.0f a second\n%s\n", total.seeds, *from, took.Round(time.Second), float64(total.seeds)/took.Seconds(), total.stats.String())
	if failed == nil {
		fmt.Println("every promise held in every one")
		return
	}
	fmt.Printf("\nSEED %d: %v\n\n", failed.Seed, failed.Err)
	fmt.Println("  step    time                what went wrong on the way")
	for _, line := range failed.Trace {
		fmt.Println(line)
	}
	fmt.Printf("\nplay it again: go run ./e2e/cmd/simulate -from %d -seeds 1\n", failed.Seed)
	os.Exit(1)
}

type tally struct {
	seeds int
	stats simulate.Stats
}

// play plays seeds, several at a time, until one fails.
func play(from uint64, seeds, workers int) (total tally, failed *simulate.Result) {
	var next atomic.Int64
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for {
				n := next.Add(1) - 1
				if n >= int64(seeds) {
					return
				}
				r := simulate.Run(from + uint64(n))
				mu.Lock()
				total.seeds++
				total.stats.Add(&r.Stats)
				if r.Err != nil && (failed == nil || r.Seed < failed.Seed) {
					failed = &r
					next.Store(int64(seeds)) // the others end with the seed that they play
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return total, failed
}
