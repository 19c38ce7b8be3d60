package verify

import (
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/schemas"
)

// timers judges what a tick caused. Which of several ticks a timer fires on is the router's choice, within what it has
// promised: when it passes a time on, everything due before that time has happened, at the time at which it was due.
func (s *shadow) timers() {
	for len(s.told) > 0 {
		t := s.told[0]
		s.effects = s.effects[:0]
		c := s.cases[t.caseID]
		switch {
		case t.topic == pipelines.CaseConclusions && t.what == ticked:
			if t.at > s.now && !s.past.timeless(s) {
				s.i1.fault("%s/%d offset %d: promises %s, but the sources are complete only up to %s", t.topic, s.partition, t.offset, clock(t.at), clock(s.now))
			}
			s.promised = max(s.promised, t.at)
			s.told = s.told[1:]
			continue
		case c == nil && s.past != nil:
			s.told = s.told[1:]
			continue
		case c == nil || c.concluded || t.topic == pipelines.WorkAI:
			s.checkOf(t.topic).fault("%s/%d offset %d: %v, which no timer calls for", t.topic, s.partition, t.offset, t.effect)
			s.told = s.told[1:]
			continue
		}
		at, duration := s.due(c)
		if at > s.now {
			s.checkOf(t.topic).fault("%s/%d offset %d: %v, but that is due at %s, and it is %s", t.topic, s.partition, t.offset, t.effect, clock(at), clock(s.now))
		} else if s.promised > max(at, s.changed) {
			s.checkOf(t.topic).fault("%s/%d offset %d: %v was due at %s; %s had been promised before it fired", t.topic, s.partition, t.offset, t.effect, clock(at), clock(s.promised))
		}
		source := schemas.Position(t.position)
		source.Ordinal = 0
		if duration {
			s.pullIn(c, "", []schemas.Signal{schemas.SignalDuration}, max(at, s.promised))
		} else {
			s.conclude(c, schemas.OutcomeAbandoned, max(at, s.promised), source)
			c.source.Ordinal = t.position.Ordinal
		}
		before := len(s.told)
		s.must("a timer", s.effects)
		if len(s.told) == before {
			s.checkOf(t.topic).fault("%s/%d offset %d: %v, which no timer calls for", t.topic, s.partition, t.offset, t.effect)
			s.told = s.told[1:]
		}
	}
}

// overdue looks for timers that the router's promises have passed, and lets go of cases that take no amendments any more.
func (s *shadow) overdue(how string) {
	for id, c := range s.cases {
		switch at, duration := s.due(c); {
		case c.concluded && at <= s.now:
			delete(s.cases, id)
		case c.concluded || at >= s.promised || s.promised <= s.changed:
		case duration:
			s.i6.fault("case.events/%d: case %s, which the AI has, %s: a human was due at %s, and %s has been promised", s.partition, id, how, clock(at), clock(s.promised))
		default:
			s.i1.fault("case.events/%d: case %s %s: it was to be closed at %s, and %s has been promised", s.partition, id, how, clock(at), clock(s.promised))
		}
	}
}
