package torture

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/casetrail/casetrail/e2e/harness"
	"github.com/casetrail/casetrail/e2e/proxy"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/inject"
)

// draw is a random time.
func draw(r *rand.Rand, most time.Duration) time.Duration {
	return time.Duration(r.Int64N(int64(most)))
}

// points are where a service can be made to kill itself.
func points(name string) []inject.Point {
	all := []inject.Point{inject.Claimed, inject.Recovering, inject.Handled, inject.BetweenWrites, inject.Written, inject.StateWritten}
	switch name {
	case pipelines.RecordSigner:
		return append(all, inject.CheckpointSynced, inject.CheckpointKept)
	case pipelines.Sink: // it writes no topic
		return []inject.Point{inject.Recovering, inject.RowsInserted, inject.BlockInserted}
	}
	return all
}

// kill kills a replica of a service, at any time, at work, or at a named point, and starts it again. It returns how many
// times it did.
func (w *world) kill(name string, r *rand.Rand) int {
	s := w.Service(name, r.IntN(2))
	const most = 6 * time.Second // what has nothing to do does not come to a point, or to work
	switch r.IntN(3) {
	case 0: // whatever it is about: most often on its way up, or in the middle of a recovery
		time.Sleep(draw(r, 1200*time.Millisecond))
		w.journal.say("kill -9 %s", s.ID())
	case 1:
		before := w.taken(name)
		w.within(most, func() bool { return w.taken(name) > before })
		time.Sleep(draw(r, 200*time.Millisecond))
		w.journal.say("kill -9 %s, at work", s.ID())
	case 2:
		all := points(name)
		at := all[r.IntN(len(all))]
		passes := 1 + r.IntN(12)
		w.journal.say("kill -9 %s, to come to %s:%d", s.ID(), at, passes)
		s.Kill()
		s.StartInjected(fmt.Sprintf("CASETRAIL_CRASH=%s:%d", at, passes))
		came := w.within(most, func() bool { return !s.Running() })
		w.journal.say("kill -9 %s at %s: %v", s.ID(), at, came)
		s.Kill()
		s.Start()
		return 2
	}
	s.Kill()
	s.Start()
	return 1
}

// taken is how many records a service's replicas have taken since they were started, as far as they answer.
func (w *world) taken(name string) (sum float64) {
	for replica := range 2 {
		sum += max(0, w.Service(name, replica).Metric("casetrail_stage_records_in_total"))
	}
	return sum
}

// replaced has the other replica of a service take everything over and go on, between cut and back. It tells whether it
// came to that.
func (w *world) replaced(name string, r *rand.Rand, how string, cut func(*harness.Service) bool, back func(*harness.Service)) bool {
	whole := w.whole[name]
	share := func() bool {
		return w.partitions(w.Service(name, 0))+w.partitions(w.Service(name, 1)) == whole
	}
	w.await("the replicas of "+name+" share its partitions", share)
	i := r.IntN(2)
	if w.partitions(w.Service(name, i)) == 0 {
		i = 1 - i
	}
	old, other := w.Service(name, i), w.Service(name, 1-i)
	time.Sleep(draw(r, 300*time.Millisecond))
	if !cut(old) {
		return false
	}
	w.journal.say("%s %s", how, old.ID())
	before := other.Metric("casetrail_stage_records_in_total")
	w.await("the other replica of "+name+" takes over", func() bool { return w.partitions(other) == whole })
	w.within(2*time.Second, func() bool { return other.Metric("casetrail_stage_records_in_total") > before })
	time.Sleep(draw(r, 500*time.Millisecond))
	w.journal.say("%s %s: back", how, old.ID())
	dealt := other.Metric("casetrail_stage_rebalances_total")
	back(old)
	w.await("the replica of "+name+" that was replaced is back", func() bool {
		return other.Metric("casetrail_stage_rebalances_total") > dealt && share()
	})
	return true
}

// freeze stops a replica beyond its session, so that it wakes up as a zombie.
func (w *world) freeze(name string, r *rand.Rand) int {
	w.replaced(name, r, "SIGSTOP", func(s *harness.Service) bool { s.Pause(); return true }, (*harness.Service).Resume)
	return 1
}

// delay holds a replica's write until another has taken over and gone on.
func (w *world) delay(name string, r *rand.Rand) int {
	held := w.replaced(name, r, "hold a write of", func(s *harness.Service) bool {
		p := w.proxies[s]
		p.Hold(proxy.Produce)
		if !w.within(10*time.Second, p.Holds) {
			p.Release()
			return false
		}
		return true
	}, func(s *harness.Service) { w.proxies[s].Release() })
	if !held {
		return 0
	}
	return 1
}

// lose loses acknowledgements until there are enough, and returns how many.
func (w *world) lose(n int, r *rand.Rand) int {
	before, _ := w.counts()
	for _, p := range w.proxies {
		p.LoseEvery(2 + r.IntN(3))
	}
	w.journal.say("losing acknowledgements")
	lost := func() int { sum, _ := w.counts(); return sum - before }
	for deadline := time.Now().Add(patience + time.Duration(n)*time.Second); lost() < n && !w.failed(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Errorf("only %d acknowledgements were lost", lost())
		}
	}
	for _, p := range w.proxies {
		p.LoseEvery(0)
	}
	w.journal.say("lost %d acknowledgements", lost())
	return lost()
}

// counts are the acknowledgements that were lost and the writes that were refused, of all proxies.
func (w *world) counts() (lost, refused int) {
	for _, p := range w.proxies {
		l, r := p.Counts()
		lost, refused = lost+l, refused+r
	}
	return lost, refused
}

// move has a third replica of a service join the group, and leave it or die.
func (w *world) move(name string, r *rand.Rand) int {
	s := w.Service(name, 2)
	if !s.Running() {
		w.journal.say("%s joins", s.ID())
		s.Start()
	}
	if r.IntN(2) == 0 {
		w.within(5*time.Second, func() bool { return w.partitions(s) > 0 })
	} else {
		w.within(5*time.Second, func() bool { c, _ := s.Get("/healthz"); return c != 0 }) // it is up: it can be told to end
	}
	time.Sleep(draw(r, time.Second))
	if r.IntN(4) == 0 {
		w.journal.say("%s dies", s.ID())
		s.Kill()
	} else {
		w.journal.say("%s leaves", s.ID())
		s.Stop()
	}
	return 2
}

// fell kills one broker, or two of three, and starts them again; now and then a service dies with them.
func (w *world) fell(r *rand.Rand) int {
	nodes := r.Perm(w.nodes)[:1]
	if w.nodes > 1 && r.IntN(3) == 0 {
		nodes = r.Perm(w.nodes)[:2] // fewer are left than a write needs
	}
	w.journal.say("kill -9 of brokers %v", nodes)
	for _, n := range nodes {
		w.Cluster.Kill(n)
	}
	if r.IntN(2) == 0 {
		s := w.Service(harness.Services[r.IntN(len(harness.Services))], r.IntN(2))
		w.journal.say("kill -9 %s", s.ID())
		s.Kill()
		s.Start()
	}
	time.Sleep(draw(r, 2*time.Second))
	back := make(chan error, len(nodes))
	for _, n := range nodes {
		go func() { back <- w.Cluster.Restart(n) }()
	}
	for range nodes {
		if err := <-back; err != nil {
			w.t.Errorf("restart the broker: %v", err)
			return len(nodes)
		}
	}
	w.journal.say("brokers %v are back", nodes)
	before := w.End(pipelines.CaseConclusions)
	w.within(20*time.Second, func() bool { return w.End(pipelines.CaseConclusions) > before })
	return len(nodes)
}
