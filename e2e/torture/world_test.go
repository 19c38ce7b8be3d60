package torture

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/casetrail/casetrail/e2e/harness"
	"github.com/casetrail/casetrail/e2e/proxy"
	"github.com/casetrail/casetrail/e2e/realkafka"
	"github.com/casetrail/casetrail/e2e/reliability"
)

// world is a Casetrail on Apache Kafka, two replicas of each service, with conversations flowing through it.
type world struct {
	*harness.Pipeline
	t       *testing.T
	dir     string
	nodes   int
	player  player
	proxies map[*harness.Service]*proxy.Proxy
	journal *journal
	whole   map[string]int // partitions of each service, all stages together
}

// session is how long a replica may be silent: the least that the brokers are set to permit.
const session = time.Second

// newWorld starts one. Where linked is set, a proxy of its own stands between each replica and the brokers.
func newWorld(t *testing.T, nodes int, linked bool) *world {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: runs the whole pipeline on Apache Kafka")
	}
	dir, err := os.MkdirTemp("", "casetrail-torture-")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: dir, nodes: nodes, proxies: map[*harness.Service]*proxy.Proxy{}, whole: map[string]int{}}
	t.Cleanup(w.leave)
	if w.journal, err = newJournal(filepath.Join(dir, "injected.log")); err != nil {
		t.Fatal(err)
	}
	opt := harness.Options{EventClock: true, Session: session, Dir: dir, Replicas: map[string]int{}, Kafka: []realkafka.Option{realkafka.Nodes(nodes)}}
	for _, name := range harness.Services {
		opt.Replicas[name] = 2
	}
	links := map[string]*proxy.Proxy{}
	if linked {
		var names []string
		for _, name := range harness.Services {
			names = append(names, listener(name, 0), listener(name, 1))
		}
		opt.Kafka = append(opt.Kafka, realkafka.Linked(names...))
		opt.Brokers = func(c *realkafka.Cluster, name string, replica int) []string {
			l, ok := c.Links[listener(name, replica)]
			if !ok {
				return c.Brokers
			}
			p, addrs := w.link(l)
			links[listener(name, replica)] = p
			return addrs
		}
	}
	harness.Injected(t, harness.Services[0]) // now, so that no kill waits for it
	t.Logf("seed %d; logs and data in %s", *seed, dir)
	w.Pipeline = harness.Start(t, harness.Kafka, opt)
	for _, name := range harness.Services {
		for replica := range 2 {
			if p := links[listener(name, replica)]; p != nil {
				w.proxies[w.Service(name, replica)] = p
			}
		}
		w.whole[name] = w.stable(name)
	}
	w.player.client, w.player.codec = w.Client, w.Codec
	return w
}

// link starts a replica's proxy, and gives the addresses at which it stands for the brokers.
func (w *world) link(to []realkafka.Link) (*proxy.Proxy, []string) {
	var routes []proxy.Route
	var addrs []string
	for _, l := range to {
		routes = append(routes, proxy.Route{Listen: l.Advertised, Connect: l.Node})
		addrs = append(addrs, l.Advertised)
	}
	p, err := proxy.Start(routes...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(p.Close)
	return p, addrs
}

func listener(service string, replica int) string {
	return strings.ToUpper(strings.ReplaceAll(service, "-", "_")) + fmt.Sprint(replica)
}

// stable waits until the two replicas of a service have shared its partitions for a while, and says how many there are.
func (w *world) stable(name string) int {
	var sum, times int
	harness.Eventually(w.t, "the replicas of "+name+" share its partitions", patience, func() bool {
		last := sum
		a, b := w.partitions(w.Service(name, 0)), w.partitions(w.Service(name, 1))
		if sum = a + b; a < 0 || b < 0 || sum == 0 || sum != last {
			times = 0
		}
		times++
		time.Sleep(100 * time.Millisecond)
		return times > 10
	})
	return sum
}

// partitions is how many a replica says that it has; -1 where it does not answer.
func (w *world) partitions(s *harness.Service) int {
	return int(s.Metric("casetrail_stage_partitions"))
}

// leave keeps what there is where something failed.
func (w *world) leave() {
	if !w.t.Failed() {
		_ = os.RemoveAll(w.dir) // a leftover in the temporary directory harms nobody
		return
	}
	w.t.Logf("FAILED with seed %d; logs and data are kept in %s; injected last:\n%s", *seed, w.dir, strings.Join(w.journal.last(), "\n"))
}

// inject is a row of the report: it lets load flow, injects, lets everything settle, and checks all of it. fault returns how often
// it injected.
func (w *world) inject(r reliability.Result, fault func(rng func(worker int) *rand.Rand) int) {
	w.t.Run(r.Name, func(t *testing.T) {
		if w.t.Failed() {
			t.Fatal("not tried: an earlier fault has done harm")
		}
		began, conversations, events := time.Now(), w.player.played, w.player.events.Load()
		w.journal.say("=== %s", r.Name)
		w.player.start(t.Context())
		defer func() { _ = w.player.finish() }() // told below
		flowing := w.player.events.Load()
		harness.Eventually(t, "events flow", patience, func() bool { return w.player.events.Load() > flowing })
		r.Trials += fault(func(worker int) *rand.Rand { return rand.New(rand.NewPCG(*seed^uint64(r.Row), uint64(worker))) })
		w.check(t, &r)
		r.Seed, r.Seconds = *seed, time.Since(began).Seconds()
		r.Checked = fmt.Sprintf("%s conversations, %s events", reliability.Number(w.player.played-conversations), reliability.Number(w.player.events.Load()-events))
		r.Again = fmt.Sprintf("go test ./e2e/torture -run '%s' -args %s -seed %d", t.Name(), strings.Join(sizes(), " "), *seed)
		reliability.Report(t, r)
	})
}

// sizes are this run's, as flags.
func sizes() []string {
	return []string{fmt.Sprintf("-kills %d -zombies %d -losses %d -late %d -rebalances %d -brokers %d", *kills, *frozen, *losses, *lates, *joins, *down)}
}

// failed tells whether going on makes no sense.
func (w *world) failed() bool { return w.t.Failed() }

// each runs one worker for each of some services at once, until n faults are injected. A worker returns how many it
// injected at a time.
func (w *world) each(services []string, n int, rng func(int) *rand.Rand, fault func(name string, r *rand.Rand) int) int {
	var done atomic.Int64
	var wg sync.WaitGroup
	for i, name := range services {
		r := rng(i)
		wg.Go(func() {
			for done.Load() < int64(n) && !w.failed() {
				done.Add(int64(fault(name, r)))
			}
		})
	}
	wg.Wait()
	return int(done.Load())
}

// within waits for a condition that need not come, such as progress when there may be nothing to do.
func (w *world) within(atMost time.Duration, ok func() bool) bool {
	for deadline := time.Now().Add(atMost); time.Now().Before(deadline) && !w.failed(); time.Sleep(50 * time.Millisecond) {
		if ok() {
			return true
		}
	}
	return false
}

// await waits for a condition that must come.
func (w *world) await(what string, ok func() bool) {
	if !w.within(patience, ok) && !w.failed() {
		w.journal.say("NOT WITHIN %v: %s", patience, what)
		w.t.Errorf("not within %v: %s", patience, what)
	}
}

// journal is what was injected when.
type journal struct {
	mu    sync.Mutex
	to    io.Writer
	lines []string
}

func newJournal(file string) (*journal, error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	return &journal{to: f}, err // the end of the process closes it
}

func (j *journal) say(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	line := time.Now().Format("15:04:05.000 ") + fmt.Sprintf(format, args...)
	j.lines = append(j.lines, line)
	_, _ = fmt.Fprintln(j.to, line) // what was injected last is kept in memory too
}

func (j *journal) last() []string {
	const most = 15
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.lines[max(0, len(j.lines)-most):])
}
