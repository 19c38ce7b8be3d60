package torture

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/casetrail/casetrail/e2e/harness"
	"github.com/casetrail/casetrail/e2e/reliability"
	"github.com/casetrail/casetrail/pipelines"
)

// writers are the services that write topics.
var writers = []string{pipelines.Intake, pipelines.Router, pipelines.RecordSigner, pipelines.Aggregator}

// TestOneNode is everything that can be done to services on one broker, and to that broker. Each row is a subtest that can be run
// alone.
func TestOneNode(t *testing.T) {
	w := newWorld(t, 1, true)
	on := "five services, two replicas each, on Apache Kafka; "
	w.inject(reliability.Result{Row: 1, Name: "kills", Fault: "kill -9 of a service",
		How: on + "at random times, at work, while it recovers, and at named points"}, func(rng func(int) *rand.Rand) int {
		return w.killed(rng)
	})
	w.inject(reliability.Result{Row: 2, Name: "zombies", Fault: "a service frozen beyond its session, replaced, and woken up",
		How: on + "SIGSTOP, take-over, SIGCONT"}, func(rng func(int) *rand.Rand) int {
		return w.each(harness.Services, *frozen, rng, w.freeze)
	})
	w.inject(reliability.Result{Row: 3, Name: "losses", Fault: "a lost acknowledgement",
		How: on + "a proxy drops the answer of a write that the broker has taken"}, func(rng func(int) *rand.Rand) int {
		return w.lose(*losses, rng(0))
	})
	refused := 0
	late := reliability.Result{Row: 4, Name: "late", Fault: "a write that arrives after a take-over",
		How: on + "a proxy holds it until the new owner has gone on"}
	w.inject(late, func(rng func(int) *rand.Rand) int {
		_, before := w.counts()
		n := w.each(writers, *lates, rng, w.delay)
		_, refused = w.counts()
		if refused -= before; refused < n {
			t.Errorf("%d late writes were refused, of %d", refused, n)
		}
		return n
	})
	w.inject(reliability.Result{Row: 7, Name: "rebalances", Fault: "a replica joins or leaves",
		How: on + "a third replica of each, all at once, leaving or killed"}, func(rng func(int) *rand.Rand) int {
		for _, name := range harness.Services {
			w.Add(name)
		}
		n := w.each(harness.Services, *joins, rng, w.move)
		for _, name := range harness.Services { // of those that died, none should be left
			w.Service(name, 2).Start()
		}
		return n
	})
	w.inject(reliability.Result{Row: 5, Name: "broker", Fault: "kill -9 of the only broker", How: on + "services die with it now and then"}, w.felled)
}

// TestThreeNodes kills brokers of a cluster that keeps every record three times.
func TestThreeNodes(t *testing.T) {
	w := newWorld(t, 3, false)
	w.inject(reliability.Result{Row: 5, Name: "brokers", Fault: "kill -9 of brokers, one or two of three",
		How: "five services, two replicas each, on Apache Kafka with three nodes, replication factor 3, two in sync; services die with them now and then"}, w.felled)
}

// killed kills services, and checks everything every so many kills.
func (w *world) killed(rng func(int) *rand.Rand) (n int) {
	for part := 0; n < *kills && !w.failed(); part++ {
		if part > 0 {
			r := reliability.Result{Name: fmt.Sprintf("after %d kills", n)}
			if w.check(w.t, &r); !r.Held() {
				w.t.Errorf("%s: %+v", r.Name, r)
				return n
			}
			w.player.start(w.t.Context())
		}
		n += w.each(harness.Services, min(*every, *kills-n), func(i int) *rand.Rand { return rng(i + part*100) }, w.kill)
	}
	return n
}

func (w *world) felled(rng func(int) *rand.Rand) (n int) {
	for r := rng(0); n < *down && !w.failed(); {
		n += w.fell(r)
	}
	return n
}
