// Package torture runs the five services as processes on Apache Kafka, plays conversations through them without a pause, and
// puts faults into them as they come: see world. Its sizes are flags; their defaults are the sample that every test run has, and
// make torture runs the sizes that docs/reliability.md reports.
package torture

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/casetrail/casetrail/e2e/harness"
)

var (
	seed   = flag.Uint64("seed", 0, "of what is injected where and when, and of what is played; 0 draws one")
	kills  = flag.Int("kills", 15, "kill -9 of services")
	frozen = flag.Int("zombies", 5, "services frozen beyond their session, and woken up")
	losses = flag.Int("losses", 30, "acknowledgements lost")
	lates  = flag.Int("late", 4, "writes that arrive after a take-over")
	joins  = flag.Int("rebalances", 10, "replicas that join or leave")
	down   = flag.Int("brokers", 1, "kill -9 of brokers")
	every  = flag.Int("every", 250, "kills between two checks of everything")
	speed  = flag.Int("speed", 60, "events a second at most")
)

func TestMain(m *testing.M) {
	flag.Parse()
	if *seed == 0 {
		*seed = rand.Uint64N(1_000_000)
	}
	code := m.Run()
	harness.Clean()
	if code != 0 {
		fmt.Fprintf(os.Stderr, "torture: do it again with -args -seed %d\n", *seed)
	}
	os.Exit(code)
}
