package watch

import (
	"slices"

	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/services/aggregator/drift"
)

// test is one question that is asked every hour: has this metric of these series got worse?
type test struct {
	*subject
	metric  metric
	side    side
	members []*series
	limit   float64      // evidence that raises an alert
	pooled  *drift.Level // of several members together, by the days of the reference; nil where there is none yet

	detector drift.Detector
	begin    int64 // the end of the last hour before the detector's first
	open     *episode
}

// subject is what tests are about.
type subject struct {
	caseType, handler string // a group's name, or All, too
	group             bool
	weight            float64
}

// define makes the tests of a configuration, and keeps what is known of those that were there before.
func (m *Monitor) define() {
	old := map[string]*test{}
	for _, t := range m.tests {
		old[t.key()] = t
	}
	was := m.tests
	m.tests = nil
	if !m.begun { // of no case yet, nothing is to be kept
		m.leaves, m.series, m.index = nil, nil, map[[2]string]int{}
		clear(old)
	}
	m.leaf(All, All) // what the policy doesn't name
	for _, g := range m.config.Groups {
		m.defineGroup(g)
	}
	sum := 0.0
	for _, t := range m.tests {
		sum += t.weight
	}
	if inject.BudgetNotShared.Is() {
		sum = 1
	}
	for i, t := range m.tests {
		if o := old[t.key()]; o != nil && slices.Equal(o.members, t.members) {
			o.subject = t.subject
			m.tests[i] = o
			delete(old, t.key())
		}
		m.tests[i].limit = sum / m.tests[i].weight / m.config.FalseAlarms
	}
	for _, t := range was {
		if old[t.key()] == t && t.open != nil {
			m.ended = append(m.ended, t)
		}
	}
}

// defineGroup makes the tests of each segment, of each case type over its handlers, and of the group: by handler, and over
// all of them.
func (m *Monitor) defineGroup(g Group) {
	weight := func(name string, otherwise float64) float64 {
		if w, ok := m.config.Weights[name]; ok {
			return w
		}
		return otherwise
	}
	ofGroup := weight(g.Name, 1)
	by := make([][metrics][]*series, len(m.config.Handlers)+1) // by handler, all of them last
	for _, typ := range g.Types {
		w := weight(typ, ofGroup)
		var leaves []int
		var all [metrics][]*series
		for _, handler := range m.config.Handlers {
			leaves = append(leaves, m.leaf(typ, handler))
		}
		for h, handler := range m.config.Handlers {
			about := &subject{typ, handler, false, w}
			for x := csat; x < escalation; x++ {
				s := m.find(x, typ, handler)
				if s.human = m.find(x, typ, Human); s.human == s {
					s.human = nil
				}
				m.test(about, s)
				all[x] = append(all[x], s)
				by[h][x] = append(by[h][x], s)
			}
		}
		all[escalation] = []*series{m.escalations(typ, leaves)}
		all[response] = nil // who answers is asked of segments alone
		about := &subject{typ, All, false, w}
		for x, s := range all {
			m.test(about, s...)
			by[len(by)-1][x] = append(by[len(by)-1][x], s...)
		}
	}
	for h, of := range by {
		handler := All
		if h < len(m.config.Handlers) {
			handler = m.config.Handlers[h]
		}
		of[response] = nil
		about := &subject{g.Name, handler, true, ofGroup}
		for _, s := range of {
			m.test(about, s...)
		}
	}
}

// test makes the tests of one metric: of each side that is harm. Of no series there is none.
func (m *Monitor) test(about *subject, members ...*series) {
	if len(members) == 0 {
		return
	}
	x := members[0].metric
	for s := range x.sides() {
		m.tests = append(m.tests, &test{subject: about, metric: x, side: s, members: members})
	}
}

// key names a test.
func (t *test) key() string {
	key := t.caseType + "/" + t.handler + "/" + metricNames[t.metric]
	if t.group {
		key = "group:" + key
	}
	if t.side == fewer {
		key += "/fewer"
	}
	return key
}

// calibrate sets what a test over several series knows of all of them together: from the days of those that have just got
// their level, if it is the first time; after that it only grows more careful.
func (t *test) calibrate(fitted map[*series]*residuals) {
	if len(t.members) == 1 {
		return
	}
	var days residuals
	var n, variance, sum float64
	for _, s := range t.members {
		res, l := fitted[s], s.level
		if res == nil {
			continue
		}
		if t.pooled != nil {
			t.pooled.Phi = max(t.pooled.Phi, l.Phi)
			continue
		}
		if days.n == nil {
			days.day = res.day
		}
		for i := range res.n {
			if at := i + int(res.day-days.day); at >= 0 {
				days.join(at, res.n[i], res.r[i])
			}
		}
		w := float64(l.N)
		n, variance, sum = n+w, variance+float64(w*l.Variance), sum+float64(w*l.Mean)
	}
	if t.pooled != nil || n == 0 {
		return
	}
	t.pooled = &drift.Level{N: int64(n), Mean: sum / n, Variance: variance / n}
	t.pooled.SE, t.pooled.Phi = drift.Cluster(days.n, days.r, t.pooled.Variance)
}

func (res *residuals) join(i int, n, r float64) {
	for len(res.n) <= i {
		res.n, res.r = append(res.n, 0), append(res.r, 0)
	}
	res.n[i] += n
	res.r[i] += r
}

// level is that of all members together; nil where there is none.
func (t *test) level() *drift.Level {
	if len(t.members) > 1 {
		return t.pooled
	}
	if l := t.members[0].live; l != nil {
		return &l.Level
	}
	return nil
}

// step takes an hour.
func (t *test) step(m *Monitor, hours float64) {
	l := t.level()
	if l == nil {
		return
	}
	var f drift.Grid
	margin, live := t.metric.margin(&m.config, l), false
	for _, s := range t.members {
		if s.live != nil {
			now := m.now(s)
			s.live.factor(&f, t.metric, t.side, &now, s.mean, margin)
			live = true
		}
	}
	if !live {
		return
	}
	if !t.detector.Started() {
		t.begin = m.last
	}
	f = f.Temper(l.Phi)
	t.detector.Step(&f, hours)
	if t.open != nil {
		t.open.step(m, t, hours)
	}
}

// reset forgets the evidence.
func (t *test) reset() { t.detector = drift.Detector{} }

// tail is the panes since the detector's first hour.
func (t *test) tail(m *Monitor) []pane { return m.ladder.since(t.begin) }
