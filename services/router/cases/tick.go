package cases

import (
	"container/heap"
	"fmt"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/router/tripwire"
)

// maxSources bounds what a tick may say about the number of its sources.
const maxSources = 4096

// tick moves the partition's time, fires what is due and passes the promise on.
func (r *Router) tick(t *schemas.Tick) error {
	if t.Sources < 1 || t.Sources > maxSources || t.Source < 0 || t.Source >= t.Sources || t.Time < 0 {
		return fmt.Errorf("tick of source %d of %d at %d is out of range: %w", t.Source, t.Sources, t.Time, stage.ErrReject)
	}
	moved := r.clock.advance(t)
	if !moved && !r.behind() {
		return nil
	}
	for n := 0; n < MaxTimers && r.behind(); {
		next := heap.Pop(&r.timers).(timer)
		c := r.cases[next.id]
		if c == nil {
			continue
		}
		if at := due(r.policy, c); at > next.due { // something has happened since: back in line, by its true time
			r.timers.set(at, next.id)
			continue
		}
		n += 1 + len(c.Seen)/64
		if r.expire(c, r.clock.now) {
			r.timers.set(due(r.policy, c), next.id)
		}
	}
	promise := r.clock.now
	if r.behind() { // more timers than one tick fires: promise only up to the next of them
		promise = min(promise, r.timers[0].due)
	}
	if promise/1000 > r.clock.promised/1000 {
		r.clock.promised = promise
		r.emit(pipelines.CaseConclusions, nil, &schemas.Tick{Time: promise, Source: r.partition, Sources: 1})
	}
	return nil
}

// behind tells whether a timer is up.
func (r *Router) behind() bool { return len(r.timers) > 0 && r.timers[0].due <= r.clock.now }

// expire lets happen what is due on a case by a time. It tells whether the case is still held.
func (r *Router) expire(c *schemas.CaseState, now int64) bool {
	for at := due(r.policy, c); at <= now; at = due(r.policy, c) {
		r.touch(c)
		switch {
		case c.Concluded.Set:
			delete(r.cases, c.Case.CaseID)
			return false
		case at < c.ActiveAt+ms(r.policy.IdleClose):
			r.escalate(c, nil, []tripwire.Fired{tripwire.Duration(r.policy)}, false, max(at, r.clock.promised))
		default:
			r.conclude(c, schemas.OutcomeAbandoned, max(at, r.clock.promised))
		}
	}
	return true
}
