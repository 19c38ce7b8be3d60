// Package simulate runs a whole Casetrail in one goroutine, on a log in memory and by a virtual clock, and does to it what
// machines and networks do: owners die at every step, acknowledgements get lost or come twice, requests arrive late, owners
// that were replaced go on, reads are stale, clocks are wrong, partitions move, ClickHouse fails at every point. All of it
// follows from a seed, so what fails once fails again.
//
// The cores of the stages and the stage step are the ones that are shipped; so is the checker. What pipelines/kafka and
// ClickHouse do is modelled, by what they promise: torture tests on the real ones show that they keep it.
package simulate

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"strings"

	"github.com/casetrail/casetrail/e2e/reliability"
	"github.com/casetrail/casetrail/pipelines/stage"
)

// epoch is when a simulation begins, in milliseconds; an hour's end, so that windows are easy to read.
const epoch = int64(1_800_000_000_000)

// Result is what became of a seed.
type Result struct {
	Seed  uint64
	Err   error    // nil where everything held
	Trace []string // what happened before, the last things last; only where something did not hold
	Stats Stats
}

// Stats count what a simulation did.
type Stats struct {
	Events     int // published to chat.events
	Records    int // in the ledgers
	Windows    int // MetricRecords
	Steps      int // of owners
	Crashes    int // of owners, services and machines
	Takeovers  int // an owner was replaced, and did not know
	Lost       int // acknowledgements and requests
	Late       int // requests that arrived after others that were sent later
	Refused    int // requests of owners that had been replaced
	ClickHouse int // failures of ClickHouse
	Duplicates int // messages that stand in a topic twice, where a fence may be missing
}

func (s *Stats) add(o *Stats) {
	s.Events += o.Events
	s.Records += o.Records
	s.Windows += o.Windows
	s.Steps += o.Steps
	s.Crashes += o.Crashes
	s.Takeovers += o.Takeovers
	s.Lost += o.Lost
	s.Late += o.Late
	s.Refused += o.Refused
	s.ClickHouse += o.ClickHouse
	s.Duplicates += o.Duplicates
}

// String is what happened, and to what.
func (s *Stats) String() string {
	return fmt.Sprintf("%s chat events, %s records, %s windows, %s steps\n%s", reliability.Number(s.Events), reliability.Number(s.Records),
		reliability.Number(s.Windows), reliability.Number(s.Steps), s.faults())
}

// faults are what went wrong.
func (s *Stats) faults() string {
	n := reliability.Number[int]
	return fmt.Sprintf("%s deaths, %s owners replaced unawares (%s requests refused), %s requests or answers lost, %s late, %s failures of ClickHouse, "+
		"%s messages twice where a fence was missing", n(s.Crashes), n(s.Takeovers), n(s.Refused), n(s.Lost), n(s.Late), n(s.ClickHouse), n(s.Duplicates))
}

// String is what did not hold in a seed, and what happened before.
func (r *Result) String() string {
	return fmt.Sprintf("SEED %d: %v\n\n   step  time                what went wrong on the way\n%s", r.Seed, r.Err, strings.Join(r.Trace, "\n"))
}

// Run plays one seed. Equal seeds play equally, on any machine.
func Run(seed uint64) Result {
	w := newWorld(seed)
	r := Result{Seed: seed, Err: w.run()}
	r.Stats = w.stats
	if r.Err != nil {
		r.Trace = w.trace.lines()
	}
	return r
}

// world is one simulation.
type world struct {
	rand     *rand.Rand
	faults   faults
	now      int64 // the true time
	killed   error // a core's collaborator had its process die
	calm     bool  // no more faults: what is left to do gets done
	broker   *broker
	engine   *engine
	services []*service
	tasks    []*task
	zombies  []*owner
	late     []*request // on their way
	script   []scripted
	said     int // how much of the script is published
	actual   *fixture

	erasures   int   // ordered by the script
	seals      int32 // too
	keyVersion int64 // of the customer key's file
	stats      Stats
	trace      trace
}

func newWorld(seed uint64) *world {
	w := &world{rand: rand.New(rand.NewPCG(seed, 0x6361_7365)), now: epoch, actual: shared()}
	w.trace.world = w
	w.faults = drawFaults(w.rand)
	w.broker = newBroker(w, 1+int32(w.rand.IntN(3)))
	w.engine = newEngine(w)
	w.script = newScript(w)
	w.startServices()
	w.say("%s", w.faults.String())
	return w
}

// run plays until the script is over, and then on without faults until all is done; and holds it against every promise.
func (w *world) run() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	for quiet := 0; w.said < len(w.script) || quiet < 20; {
		if w.said == len(w.script) {
			quiet++
		}
		if err := w.act(); err != nil {
			return err
		}
	}
	if err := w.settle(); err != nil {
		return err
	}
	return w.check()
}

// act lets one thing happen.
func (w *world) act() error {
	w.now += w.rand.Int64N(w.faults.pace)
	if w.chance(w.faults.leap) {
		w.now += w.rand.Int64N(w.faults.leapBy)
		w.say("the time is %s", clock(w.now))
	}
	switch n := w.rand.IntN(100); {
	case n < 12:
		w.publish()
	case n < 16:
		w.deliver()
	case n < 20:
		w.broker.writeMarker()
	case n < 22:
		w.move()
	case n < 24:
		w.restart()
	case n < 25:
		w.compact()
		w.cut()
	case n < 30 && len(w.zombies) > 0:
		return w.stepZombie()
	}
	t := w.tasks[w.rand.IntN(len(w.tasks))]
	for range 1 + w.rand.IntN(4) {
		if t.owner == nil {
			return nil
		}
		if err := w.step(t.owner); err != nil {
			return err
		}
	}
	return nil
}

// settle lets everything that is under way come to its end, by hours, so that every timer and window does.
func (w *world) settle() error {
	w.calm = true
	w.say("calm")
	w.zombies = nil
	w.now += w.faults.skew // so that the slowest clock is beyond what the fastest has promised
	for len(w.late) > 0 {
		w.deliver()
	}
	for range 3 {
		w.ringClocks()
		if err := w.rest(); err != nil {
			return err
		}
		w.now += settleBy
	}
	return nil
}

// rest lets everybody work until nobody has anything left to do.
func (w *world) rest() error {
	for range 1000 {
		moved := false
		w.broker.writeMarkers()
		for _, t := range w.tasks {
			if t.owner == nil {
				w.assign(t, t.stage.service)
			}
			for o := t.owner; t.owner == o; {
				more, err := w.stepped(o)
				if err != nil {
					return err
				}
				if moved = moved || more; !more {
					break
				}
			}
		}
		if !moved {
			return nil
		}
	}
	return errors.New("it does not come to rest")
}

// settleBy is beyond the longest timer of the policy, so that what it starts ends with the next.
const settleBy = 9 * 60_000

func (w *world) chance(p float64) bool { return !w.calm && p > 0 && w.rand.Float64() < p }

// name is a partition as people write it: topic/partition.
func name(tp stage.TopicPartition) string { return fmt.Sprintf("%s/%d", tp.Topic, tp.Partition) }
