package replay

import (
	"cmp"
	"container/heap"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/casetrail/casetrail/cli/corpus"
	"github.com/casetrail/casetrail/schemas"
)

// Options are what a replay decides.
type Options struct {
	Seed       uint64
	Start      int64         // simulated time of the first conversation, ms
	Span       time.Duration // simulated time over which the conversations begin
	Ahead      time.Duration // how far events may run ahead of the clock
	Stock      bool          // the file has no agent's turns: answer with stock ones
	Misbehaves float64       // share of cases on a human's desk on which the bot writes all the same
	BotVersion string
	Duration   time.Duration // the policy's duration tripwire: up to when the bot has a case
}

// Platform simulates a chat platform over a set of conversations: a discrete-event simulation whose clock never passes an
// event that is still to come, so that the pipeline sees the same times however fast the replay runs.
type Platform struct {
	opt     Options
	actors  map[string]*actor
	pending []*actor // not begun, by start
	ready   actors   // begun, by next event
	waiting actors   // for the router's answer, or for a timer; by the time that they hold the clock at
	clock   int64
	events  int
	last    int64
}

// New plans the conversations over the span, at times drawn with the seed.
func New(cs []corpus.Conversation, opt Options) *Platform {
	p := &Platform{opt: opt, actors: make(map[string]*actor, len(cs)), clock: opt.Start}
	r := rand.New(rand.NewPCG(opt.Seed, 0x5eed))
	starts := make([]float64, len(cs))
	for i := range starts {
		starts[i] = r.Float64()
	}
	slices.Sort(starts)
	for i, c := range cs {
		a := newActor(c, opt.Start+int64(starts[i]*float64(opt.Span.Milliseconds())), starts[i], uint64(i)+1, &p.opt)
		if a.done() {
			continue // no customer's message at all
		}
		p.actors[c.ID] = a
		p.pending = append(p.pending, a)
	}
	slices.SortStableFunc(p.pending, func(a, b *actor) int { return cmp.Compare(a.next(), b.next()) })
	return p
}

// Next returns the events that may be published now, in order, at most n of them.
func (p *Platform) Next(n int) []schemas.ChatEvent {
	var out []schemas.ChatEvent
	for len(out) < n {
		horizon := p.Clock() + p.opt.Ahead.Milliseconds()
		if len(p.pending) > 0 && p.pending[0].next() <= horizon && (len(p.ready) == 0 || p.pending[0].next() <= p.ready[0].next()) {
			heap.Push(&p.ready, p.pending[0])
			p.pending = p.pending[1:]
			continue
		}
		if len(p.ready) == 0 || p.ready[0].next() > horizon {
			break
		}
		a := heap.Pop(&p.ready).(*actor)
		if a.late() && a.handler == schemas.HandlerAI {
			heap.Push(&p.waiting, a)
			continue
		}
		e := a.step()
		e.OccurredAt = a.last
		out = append(out, e)
		p.events++
		p.last = max(p.last, a.last)
		p.settle(a)
	}
	return out
}

// settle puts an actor where it belongs after a step.
func (p *Platform) settle(a *actor) {
	switch {
	case a.waiting():
		heap.Push(&p.waiting, a)
	case a.done():
		delete(p.actors, a.conv.ID)
	default:
		heap.Push(&p.ready, a)
	}
}

// Work takes a work item of the router's.
func (p *Platform) Work(w *schemas.WorkItem) {
	a := p.actors[w.CaseID]
	if a == nil {
		return
	}
	a.work(w, p.clock)
	if a.waiting() {
		heap.Init(&p.waiting)
		return
	}
	if i := slices.Index(p.waiting, a); i >= 0 {
		heap.Remove(&p.waiting, i)
	} else if i := slices.Index(p.ready, a); i >= 0 {
		heap.Remove(&p.ready, i)
	}
	p.settle(a)
}

// Unhold lets the bots answer that wait for a timer: for a policy without the tripwire that was expected.
func (p *Platform) Unhold() {
	for i := len(p.waiting) - 1; i >= 0; i-- {
		if a := p.waiting[i]; !a.waiting() {
			for j := range a.queue {
				a.queue[j].bot = false
			}
			heap.Remove(&p.waiting, i)
			p.settle(a)
		}
	}
	heap.Init(&p.waiting)
}

// Finish lets no further conversation begin and returns how many will not; those that have begun are played to their ends.
func (p *Platform) Finish() int {
	for _, a := range p.pending {
		delete(p.actors, a.conv.ID)
	}
	n := len(p.pending)
	p.pending = nil
	return n
}

// Clock is the time before which no event will be published any more.
func (p *Platform) Clock() int64 {
	least := int64(1<<63 - 1)
	if len(p.pending) > 0 {
		least = p.pending[0].next()
	}
	if len(p.ready) > 0 {
		least = min(least, p.ready[0].next())
	}
	if len(p.waiting) > 0 {
		least = min(least, p.waiting[0].next())
	}
	if least != 1<<63-1 {
		p.clock = max(p.clock, least)
	}
	return p.clock
}

// Done tells whether every conversation has ended.
func (p *Platform) Done() bool { return len(p.actors) == 0 }

// Left is how many conversations have not ended; Events how many events have been given out.
func (p *Platform) Left() int   { return len(p.actors) }
func (p *Platform) Events() int { return p.events }

// Last is the time of the latest event given out.
func (p *Platform) Last() int64 { return p.last }

// Waiting tells whether some conversation waits for the router.
func (p *Platform) Waiting() bool { return len(p.waiting) > 0 }

// actors is a heap by the time of the next event, then by case: a total order.
type actors []*actor

func (h actors) Len() int { return len(h) }
func (h actors) Less(i, j int) bool {
	a, b := h[i].next(), h[j].next()
	return a < b || a == b && h[i].conv.ID < h[j].conv.ID
}
func (h actors) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *actors) Push(x any)   { *h = append(*h, x.(*actor)) }
func (h *actors) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
