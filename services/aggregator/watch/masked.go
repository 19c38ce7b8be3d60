package watch

import "time"

// masked is the episode of drift that the aggregate does not show.
type masked struct {
	last Update
	test string // whose drift it repeats
}

// reviewMasked opens the episode when an open one is masked, updates it with that one, at most once a day, and closes it when
// none is any more.
func (m *Monitor) reviewMasked(at int64) {
	strongest := m.strongest()
	e := m.masked
	switch {
	case e == nil && strongest == nil:
	case e == nil:
		u := m.repeat(strongest, Opened, at, at)
		m.masked = &masked{u, strongest.key()}
		m.out = append(m.out, u)
	case strongest == nil:
		u := e.last
		u.State, u.At = Closed, at
		m.masked = nil
		m.out = append(m.out, u)
	case (at-e.last.RaisedAt)%24 == 0:
		u := m.repeat(strongest, Updated, e.last.RaisedAt, at)
		if strongest.key() != e.test || m.matters(&e.last, &u) {
			e.last, e.test = u, strongest.key()
			m.out = append(m.out, u)
		}
	}
}

// strongest is the test with the most evidence of those whose drift is masked, in terms of what raises an alert; nil for none.
func (m *Monitor) strongest() (out *test) {
	for _, t := range m.tests {
		if t.open != nil && t.open.now.Masked && (out == nil || t.detector.Log() > out.detector.Log()) {
			out = t
		}
	}
	return out
}

func (m *Monitor) repeat(t *test, s State, raised, at int64) Update {
	u := t.open.now
	u.Episode = "masked/" + time.Unix(raised*3600, 0).UTC().Format("2006-01-02T15")
	u.Test, u.Kind, u.State, u.RaisedAt, u.At = "masked", MaskedDrift, s, raised, at
	return u
}
