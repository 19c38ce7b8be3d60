package simulate

import (
	"flag"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/casetrail/casetrail/e2e/reliability"
)

var (
	seeds = flag.Int("seeds", 60, "how many seeds to play")
	from  = flag.Uint64("seed", 0, "the first seed")
)

// TestSeeds plays seeds. CI plays 10,000 with the command, without the race detector, for which one goroutine has no use.
func TestSeeds(t *testing.T) {
	began := time.Now()
	played, stats, failed := Play(*from, *seeds)
	r := reliability.Result{Row: 90, Name: "simulation", Fault: "a simulated schedule", How: stats.faults(), Trials: played, Seed: *from,
		Checked: fmt.Sprintf("%s chat events, %s records, %s windows", reliability.Number(stats.Events), reliability.Number(stats.Records), reliability.Number(stats.Windows)),
		Seconds: time.Since(began).Seconds(), Again: fmt.Sprintf("make simulate FROM=%d SEEDS=%d", *from, *seeds)}
	if failed != nil {
		r.Wrong = []string{failed.String()}
	}
	reliability.Report(t, r)
}

func TestASeedPlaysEqually(t *testing.T) {
	for seed := range uint64(10) {
		if a, b := Run(seed), Run(seed); !reflect.DeepEqual(a, b) {
			t.Fatalf("seed %d: %+v, then %+v", seed, a, b)
		}
	}
}
