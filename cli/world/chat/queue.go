package chat

import (
	"container/heap"

	"github.com/casetrail/casetrail/cli/world"
	"github.com/casetrail/casetrail/schemas"
)

// Queue gives the events of a world in the order of their times.
type Queue struct {
	script *Script
	world  *world.Cases
	hours  int // that the world still has
	ready  int64
	events events
	buffer []schemas.ChatEvent
	serial int64
	cases  int
}

// NewQueue plays a world over some hours; what comes late comes after them.
func NewQueue(s *Script, w *world.Cases, hours int) *Queue {
	return &Queue{script: s, world: w, hours: hours}
}

const hour = 3_600_000

// Next gives the next event; false where there is none. Of a case that began before the world did, what lies before the
// first hour is told too.
func (q *Queue) Next() (schemas.ChatEvent, bool) {
	for q.hours > 0 && (len(q.events) == 0 || q.events[0].OccurredAt >= q.ready) {
		at, cases := q.world.Next()
		q.cases += len(cases)
		for i := range cases {
			q.buffer = q.script.Events(q.buffer[:0], cases[i])
			for _, e := range q.buffer {
				q.serial++
				heap.Push(&q.events, event{e, q.serial})
			}
		}
		q.hours--
		q.ready = (at+1)*hour - world.MaxOpen
	}
	if len(q.events) == 0 {
		return schemas.ChatEvent{}, false
	}
	return heap.Pop(&q.events).(event).ChatEvent, true
}

// Cases is how many cases have been begun to be told.
func (q *Queue) Cases() int { return q.cases }

type event struct {
	schemas.ChatEvent
	serial int64
}

// events is a heap by time, then by the order in which they were told.
type events []event

func (h events) Len() int { return len(h) }
func (h events) Less(i, j int) bool {
	a, b := &h[i], &h[j]
	return a.OccurredAt < b.OccurredAt || a.OccurredAt == b.OccurredAt && a.serial < b.serial
}
func (h events) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *events) Push(x any)   { *h = append(*h, x.(event)) }
func (h *events) Pop() any {
	old := *h
	x := old[len(old)-1]
	old[len(old)-1] = event{}
	*h = old[:len(old)-1]
	return x
}
