package watch

import (
	"math"
)

// leaf is one case type x handler.
type leaf struct {
	caseType, handler string
	now               Counts // of this hour
}

// series is one metric of a leaf; escalation is one of a case type, over its leaves, since an escalated case counts in
// another leaf than one that is not.
type series struct {
	metric            metric
	caseType, handler string
	leaves            []int
	human             *series    // what it is compared with where it has no level of its own; nil for none
	ref               *reference // nil when it has a level
	level             *level

	// This hour's:
	n        int64
	mean     float64 // expected
	expected float64 // sum
	live     *level  // what it is compared with; nil for nothing
}

// current is the level to compare with; nil where there is none.
func (s *series) current() *level {
	switch {
	case s.level != nil:
		return s.level
	case s.human == nil || s.human.level == nil || s.ref.old != nil:
		return nil
	}
	l := *s.human.level
	l.against = HumanArm
	return &l
}

// leaf gives the number of a leaf, and makes it, and its series, where it is new.
func (m *Monitor) leaf(caseType, handler string) int {
	key := [2]string{caseType, handler}
	i, ok := m.index[key]
	if ok {
		return i
	}
	i = len(m.leaves)
	m.index[key] = i
	m.leaves = append(m.leaves, &leaf{caseType: caseType, handler: handler})
	for x := csat; x < escalation; x++ {
		m.series = append(m.series, &series{metric: x, caseType: caseType, handler: handler, leaves: []int{i}, ref: new(reference)})
	}
	return i
}

// find gives a series; nil where there is none.
func (m *Monitor) find(x metric, caseType, handler string) *series {
	for _, s := range m.series {
		if s.metric == x && s.caseType == caseType && s.handler == handler {
			return s
		}
	}
	return nil
}

// escalations gives the series of a case type's escalations over its leaves.
func (m *Monitor) escalations(caseType string, leaves []int) *series {
	s := m.find(escalation, caseType, All)
	if s == nil {
		s = &series{metric: escalation, caseType: caseType, handler: All, ref: new(reference)}
		m.series = append(m.series, s)
	}
	s.leaves = leaves
	return s
}

// count puts an hour's rows into their leaves. What the policy doesn't name counts in the totals alone.
func (m *Monitor) count(rows []Row) {
	for _, l := range m.leaves {
		l.now = Counts{}
	}
	for i := range rows {
		r := &rows[i]
		at, ok := m.index[[2]string{r.CaseType, r.Handler}]
		if !ok {
			at = 0
		}
		m.leaves[at].now.add(&r.Counts)
	}
}

func (m *Monitor) any() bool {
	for _, l := range m.leaves {
		if l.now.Cases > 0 {
			return true
		}
	}
	return false
}

// observe makes the series of an hour; false where none is compared with anything yet.
func (m *Monitor) observe(hour int64) (ready bool) {
	for _, s := range m.series {
		now := m.now(s)
		if s.n = now.n(); s.ref != nil && (s.ref.begun || s.n > 0) {
			m.collect(s, hour, &now)
		}
		if s.live = s.current(); s.live == nil {
			continue
		}
		ready = true
		s.mean = s.live.expected(s.metric, hour)
		s.expected = float64(float64(s.n) * s.mean)
	}
	return ready
}

// now gives a series' counts of this hour.
func (m *Monitor) now(s *series) (c counts) {
	for _, i := range s.leaves {
		of := s.metric.of(&m.leaves[i].now)
		c.add(&of)
	}
	return c
}

func (x metric) sides() side {
	if x == response {
		return sides
	}
	return fewer // worse alone
}

// collect adds an hour to a series' reference. All that begin in the first quarter of the first reference period share it.
func (m *Monitor) collect(s *series, hour int64, now *counts) {
	if !s.ref.begun {
		s.ref.begun, s.ref.since = true, hour
		if hour < m.first+m.config.Reference/4 {
			s.ref.since = m.first
		}
	}
	if hour >= s.ref.since {
		s.ref.add(s.metric, hour, now)
	}
}

// cells are this hour's counts as the ladder has them.
func (m *Monitor) cells() []cell {
	out := make([]cell, len(m.leaves))
	for i, l := range m.leaves {
		c := &out[i]
		*c = unwatched()
		c.cases, c.complaints, c.escalated, c.repeats = uint32(l.now.Cases), uint32(l.now.Complaints), uint32(l.now.Escalated), uint32(l.now.Repeats)
		for k, v := range l.now.CSAT {
			c.csat[k] = uint32(v)
		}
	}
	for _, s := range m.series {
		if s.live == nil {
			continue
		}
		for _, i := range s.leaves { // escalations of a type are expected of its leaves by their cases
			share := s.expected
			if s.n > 0 && len(s.leaves) > 1 {
				share = s.expected * (float64(m.leaves[i].now.Cases) / float64(s.n))
			}
			out[i].expected[s.metric] = float32(share)
		}
	}
	return out
}

// in gives a series' counts in a pane, and the sum that was expected; false where it was not watched.
func (s *series) in(p *pane) (c counts, expected float64, ok bool) {
	c.k = 2
	for _, i := range s.leaves {
		if i >= len(p.cells) {
			return c, 0, false
		}
		one := p.cells[i].counts()
		of := s.metric.of(&one)
		c.add(&of)
		expected += float64(p.cells[i].expected[s.metric])
	}
	return c, expected, !math.IsNaN(expected)
}

// reopen begins the reference of an accepted level: with what the ladder has of it.
func (m *Monitor) reopen(a Accepted) {
	for _, s := range m.series {
		if s.caseType != a.CaseType || metricNames[s.metric] != a.Metric || s.handler != a.Handler && s.handler != All {
			continue
		}
		if s.level == nil {
			s.ref = new(reference) // there was none: begin anew
			continue
		}
		s.ref = &reference{since: a.From, begun: true, old: s.level}
		if panes := m.ladder.panes; len(panes) > 0 {
			s.ref.since = max(a.From, panes[0].start)
		}
		for i := range m.ladder.panes {
			p := &m.ladder.panes[i]
			if c, expected, ok := s.in(p); ok && p.start >= a.From {
				s.ref.pane(p.start, &c, float32(expected))
			}
		}
		s.level = nil
		for _, t := range m.tests {
			if len(t.members) == 1 && t.members[0] == s {
				t.reset()
			}
		}
	}
}

// mature gives levels to the series whose reference is complete at an hour, and to the tests over them.
func (m *Monitor) mature(at int64) {
	fitted := map[*series]*residuals{}
	for _, s := range m.series {
		if s.ref == nil || s.level != nil || !s.ref.ready(at, &m.config) {
			continue
		}
		if l, res := s.ref.fit(s.metric); l != nil {
			s.level, s.ref, fitted[s] = l, nil, res
		}
	}
	if len(fitted) == 0 {
		return
	}
	for _, t := range m.tests {
		t.calibrate(fitted)
	}
}
