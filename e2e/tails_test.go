package e2e

import (
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/casetrail/casetrail/e2e/harness"
	"github.com/casetrail/casetrail/e2e/reliability"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

var tailsTrials = flag.Int("tails", 2, "times that acknowledged tails are cut off, on the embedded broker and on Apache Kafka each")

// cutTopics are those whose tails are cut off.
var cutTopics = []string{pipelines.ConductRecords, pipelines.ConductCheckpoints, pipelines.CaseConclusions, pipelines.CaseStates, pipelines.ConductManifest}

// amount is how much of the last segment goes.
type amount int

const (
	nothing amount = iota
	little         // the last batch or two
	half
	everything
)

func (a amount) String() string { return [...]string{"nothing", "little", "half", "everything"}[a] }

// combination is how much each of cutTopics loses; there are 4^5, and 0 is none at all.
type combination int

func (c combination) of(topic int) amount { return amount(int(c) >> (2 * topic) & 3) }

func (c combination) String() string {
	var out []string
	for i, topic := range cutTopics {
		if a := c.of(i); a != nothing {
			out = append(out, fmt.Sprintf("%v of %s", a, topic))
		}
	}
	return strings.Join(out, ", ")
}

// refusals are what a service that refuses to go on has to say.
var refusals = regexp.MustCompile(`published records are missing|contradicts what was published|not in the log any more|contradiction about a ledger|has lost its tail`)

// TestTailsCutOff cuts acknowledged tails off while the broker is down, of several topics at once: the same bytes come
// again, or a service stops and says so, and goes on once an operator has put the tails back. Never is there a fork.
func TestTailsCutOff(t *testing.T) {
	onBothStacks(t, func(t *testing.T, kind harness.Kind) {
		w := &tails{Pipeline: harness.Start(t, kind, harness.Options{EventClock: true}), t: t, rng: rand.New(rand.NewPCG(*seed, uint64(len(kind))))}
		began := time.Now()
		w.play(30)
		for i := range *tailsTrials {
			c := combination(1 + w.rng.IntN(1<<(2*len(cutTopics))-1))
			t.Logf("trial %d: %v", i, c)
			w.trial(c)
			if t.Failed() {
				t.Fatalf("seed %d, trial %d: %v", *seed, i, c)
			}
		}
		w.Verify()
		report(t, began, reliability.Result{Row: 6, Name: "tails-" + string(kind), Fault: "an acknowledged tail cut off", How: fmt.Sprintf("the last segments of %s, in any combination, on the %s broker",
			strings.Join(cutTopics, ", "), kind), Trials: *tailsTrials, Checked: fmt.Sprintf("all services: %d times the same bytes again, %d times stopped with a reason", w.again, w.stopped)},
			fmt.Sprintf("-tails %d", *tailsTrials))
	})
}

type tails struct {
	*harness.Pipeline
	t              *testing.T
	rng            *rand.Rand
	again, stopped int
}

// play plays conversations and waits until ClickHouse has them.
func (w *tails) play(n int) {
	w.t.Helper()
	w.Casetrail("replay", "--conversations", strconv.Itoa(n))
	w.Settle(w.Database(w.t))
}

// data is all that the broker has: a backup is of all of it at once.
func (w *tails) data() string {
	if w.Kind == harness.Embedded {
		return filepath.Dir(w.Logs)
	}
	return w.Logs
}

func (w *tails) trial(c combination) {
	w.play(3 + w.rng.IntN(5))
	before := w.ledgers()
	if w.rng.IntN(2) == 0 {
		for _, name := range harness.Services {
			w.Service(name, 0).Kill()
		}
	}
	w.BrokerDown()
	backup := w.t.TempDir()
	copyTree(w.t, w.data(), backup)
	for i, topic := range cutTopics {
		w.cut(topic, c.of(i))
	}
	w.BrokerUp()
	if why := w.supervise(before); why == "" {
		w.again++
		w.t.Log("the same again")
	} else {
		w.stopped++
		w.t.Logf("stopped: %s", why)
		w.same(before)
		for _, name := range harness.Services {
			if w.Service(name, 0).Running() {
				w.Service(name, 0).Kill()
			}
		}
		w.BrokerDown()
		if err := os.RemoveAll(w.data()); err != nil {
			w.t.Fatal(err)
		}
		copyTree(w.t, backup, w.data())
		w.BrokerUp()
		for _, name := range harness.Services {
			w.Service(name, 0).Start()
		}
		if why := w.supervise(before); why != "" {
			w.t.Fatalf("it does not go on with all put back: %s", why)
		}
	}
}

// supervise starts what has ended, as a supervisor does, until what was published is there again and new conversations have
// gone through all of it; or until a service has ended four times: then it gives what that one says.
func (w *tails) supervise(before map[int32][][]byte) (why string) {
	w.t.Helper()
	ended := map[string]int{}
	var replay *harness.Process
	db := w.Database(w.t)
	began := time.Now()
	for deadline := began.Add(2 * patience); ; time.Sleep(50 * time.Millisecond) {
		for _, name := range harness.Services {
			s := w.Service(name, 0)
			if s.Running() {
				continue
			}
			if ended[name]++; ended[name] > 3 {
				line := lastError(s.Log())
				if !refusals.MatchString(line) {
					w.t.Fatalf("%s has ended and does not say why: %s", name, line)
				}
				return name + ": " + line
			}
			s.Start()
		}
		switch {
		case replay == nil && w.ready() && w.complete(before) && w.Settled(db):
			w.same(before)
			replay = w.Background(w.t, "replay", "--conversations", "3")
		case replay != nil && !replay.Running() && w.Settled(db):
			w.same(before)
			return ""
		}
		if time.Now().After(deadline) {
			for _, name := range harness.Services {
				_, ready := w.Service(name, 0).Get("/readyz")
				w.t.Logf("%s: %s %s", name, ready, lastError(w.Service(name, 0).Log()))
			}
			w.t.Fatal("neither goes it on nor does it stop")
		}
	}
}

func (w *tails) ready() bool {
	for _, name := range harness.Services {
		if code, _ := w.Service(name, 0).Get("/readyz"); code != 200 {
			return false
		}
	}
	return true
}

func lastError(log string) string {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	for _, l := range slices.Backward(lines) {
		if strings.Contains(l, `"failed"`) {
			return l
		}
	}
	return lines[len(lines)-1]
}

// ledgers are the bodies of every partition's chain, by the rule of every reader, and the leaves of the manifest over them.
func (w *tails) ledgers() map[int32][][]byte {
	w.t.Helper()
	key, err := record.LoadVerifier(w.Key("ledger.vkey"))
	if err != nil {
		w.t.Fatal(err)
	}
	chains, out := map[int32]*record.Chain{}, map[int32][][]byte{}
	w.Read(pipelines.ConductRecords, func(r stage.Record, m schemas.Message) {
		if m == nil {
			return
		}
		if chains[r.Partition] == nil {
			if chains[r.Partition], err = record.NewChain(fmt.Sprintf("casetrail/e2e/%d/1", r.Partition), key); err != nil {
				w.t.Fatal(err)
			}
		}
		if _, err := chains[r.Partition].Accept(r.Value[5:]); err == nil {
			out[r.Partition] = append(out[r.Partition], r.Value[5:])
		}
	})
	chain, err := record.NewManifest("casetrail/e2e/manifest/1")
	if err != nil {
		w.t.Fatal(err)
	}
	seen := stage.Filter{}
	w.Read(pipelines.ConductManifest, func(r stage.Record, m schemas.Message) {
		x, ok := m.(*schemas.Manifest)
		if !ok || !seen.Accept(r.Position) {
			return
		}
		if err := chain.Accept(x.Leaf); err != nil {
			w.t.Fatalf("FORK: the manifest: %v", err)
		}
		out[manifestLeaves] = append(out[manifestLeaves], []byte(x.Leaf))
	})
	for p, c := range chains {
		if n := c.Skipped(record.Equivocation); n > 0 {
			w.t.Fatalf("FORK: partition %d has %d records beside the chain", p, n)
		}
	}
	return out
}

// manifestLeaves is where the manifest's leaves stand among the ledgers, which have no such partition.
const manifestLeaves = -1

// complete tells whether all that was published is there.
func (w *tails) complete(before map[int32][][]byte) bool {
	now := w.ledgers()
	for p := range before {
		if len(now[p]) < len(before[p]) {
			return false
		}
	}
	return true
}

// same holds what is there now against what was: it must be a beginning or a continuation of that.
func (w *tails) same(before map[int32][][]byte) {
	w.t.Helper()
	now := w.ledgers()
	for p := range before {
		for i := range min(len(before[p]), len(now[p])) {
			if string(before[p][i]) != string(now[p][i]) {
				w.t.Fatalf("FORK: partition %d (%d: the manifest) sequence %d is not what it was", p, manifestLeaves, i)
			}
		}
	}
}

// cut takes a part of the last segment of each partition of a topic away, or of some of them.
func (w *tails) cut(topic string, a amount) {
	w.t.Helper()
	if a == nothing {
		return
	}
	dirs, err := filepath.Glob(filepath.Join(w.Logs, topic+"-*"))
	if err != nil || len(dirs) == 0 {
		w.t.Fatalf("no logs of %s in %s: %v", topic, w.Logs, err)
	}
	for _, dir := range dirs {
		if len(dirs) > 1 && w.rng.IntN(4) == 0 {
			continue
		}
		path := lastSegment(w.t, dir)
		ends := batchEnds(w.t, path)
		keep := 0
		switch a {
		case little:
			keep = max(0, len(ends)-1-w.rng.IntN(2))
		case half:
			keep = len(ends) / 2
		}
		size := int64(0)
		if keep > 0 {
			size = ends[keep-1]
		}
		if keep < len(ends) && w.rng.IntN(2) == 0 { // in the middle of the next one
			size += w.rng.Int64N(ends[keep] - size)
		}
		if err := os.Truncate(path, size); err != nil {
			w.t.Fatal(err)
		}
	}
}

func lastSegment(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	last, base := "", int64(-1)
	for _, e := range entries {
		name, ext, _ := strings.Cut(e.Name(), ".")
		n, err := strconv.ParseInt(name, 10, 64)
		if err == nil && (ext == "log" || ext == "dat") && n > base {
			last, base = e.Name(), n
		}
	}
	if last == "" {
		t.Fatalf("no segment in %s", dir)
	}
	return filepath.Join(dir, last)
}

// batchEnds are where the record batches of a segment end. Both brokers keep them as they go over the wire.
func batchEnds(t *testing.T, path string) (ends []int64) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := int64(0); at+12 <= int64(len(b)); {
		if at += 12 + int64(binary.BigEndian.Uint32(b[at+8:])); at > int64(len(b)) || len(ends) > 0 && at == ends[len(ends)-1]+12 {
			break
		}
		ends = append(ends, at)
	}
	return ends
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", "--sparse=always", from+"/.", to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
