package cases

import (
	"container/heap"
	"time"

	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/router/guard"
	"github.com/casetrail/casetrail/services/router/tripwire"
)

// timer is the next thing that may happen to a case by itself. due may be too early, never too late: when it is up,
// the case's own times decide.
type timer struct {
	due int64
	id  string
}

// timers is a heap ordered by due time, then case id: a total order, so what fires first does not depend on history.
type timers []timer

func (t timers) Len() int { return len(t) }
func (t timers) Less(i, j int) bool {
	return t[i].due < t[j].due || t[i].due == t[j].due && t[i].id < t[j].id
}
func (t timers) Swap(i, j int) { t[i], t[j] = t[j], t[i] }
func (t *timers) Push(x any)   { *t = append(*t, x.(timer)) }
func (t *timers) Pop() any {
	old := *t
	x := old[len(old)-1]
	old[len(old)-1] = timer{}
	*t = old[:len(old)-1]
	return x
}

func (t *timers) set(due int64, id string) { heap.Push(t, timer{due, id}) }

// rebuild makes the heap again from the cases: after a change of policy, and in recovery.
func (t *timers) rebuild(p *guard.Policy, cases map[string]*schemas.CaseState) {
	*t = (*t)[:0]
	for id, c := range cases {
		*t = append(*t, timer{due(p, c), id})
	}
	heap.Init(t)
}

// due is when something happens to the case by itself: the duration tripwire, the idle close, or the end of the time
// for amendments.
func due(p *guard.Policy, c *schemas.CaseState) int64 {
	if c.Concluded.Set {
		return c.Case.ConcludedAt + ms(p.Amendments)
	}
	at := c.ActiveAt + ms(p.IdleClose)
	if d, ok := tripwire.Deadline(p, c.Case.OpenedAt); ok && c.Case.Handler == schemas.HandlerAI {
		at = min(at, d)
	}
	return at
}

func ms(d time.Duration) int64 { return int64(d / time.Millisecond) }
