package watch

import "math"

// cell is one leaf's counts in a pane, and the sums that its levels expect; NaN where a metric was not watched.
type cell struct {
	cases, complaints, escalated, repeats uint32
	csat                                  [5]uint32
	expected                              [metrics]float32
}

func (c *cell) counts() Counts {
	out := Counts{Cases: int64(c.cases), Complaints: int64(c.complaints), Escalated: int64(c.escalated), Repeats: int64(c.repeats)}
	for i, v := range c.csat {
		out.CSAT[i] = int64(v)
	}
	return out
}

func (c *cell) add(o *cell) {
	c.cases += o.cases
	c.complaints += o.complaints
	c.escalated += o.escalated
	c.repeats += o.repeats
	for i := range c.csat {
		c.csat[i] += o.csat[i]
	}
	for i := range c.expected {
		c.expected[i] += o.expected[i]
	}
}

// pane is the counts of some hours, by leaf. A leaf that it does not have was not known yet.
type pane struct {
	start, end int64
	cells      []cell
}

// ladder keeps panes in the order of their time: hours for half a day or more, six hours for a day, days for a week, weeks for five
// weeks, and four weeks for a quarter; about 35 panes. What says when a drift began needs no more.
type ladder struct{ panes []pane }

// rungs are the lengths of panes, the longest first, and the age from which on they are that long.
var rungs = [...]struct{ length, age int64 }{{4 * 7 * 24, 5 * 7 * 24}, {7 * 24, 7 * 24}, {24, 24}, {6, 12}}

const oldest = 13 * 7 * 24

// push appends an hour, and some before it in which nothing was.
func (l *ladder) push(hour int64, hours float64, cells []cell) {
	l.panes = append(l.panes, pane{hour + 1 - int64(hours), hour + 1, cells})
	if mod(hour+1, 6) == 0 {
		l.compact(hour + 1)
	}
}

// compact joins the panes that have come to an age, and drops the oldest.
func (l *ladder) compact(now int64) {
	old := l.panes
	out := old[:0]
	for _, p := range old {
		if p.end <= now-oldest {
			continue
		}
		if n := len(out); n > 0 && block(out[n-1].start, now) == block(p.end-1, now) {
			out[n-1].join(&p)
			continue
		}
		out = append(out, p)
	}
	clear(old[len(out):])
	l.panes = out
}

func (p *pane) join(o *pane) {
	p.end = o.end
	for len(p.cells) < len(o.cells) {
		p.cells = append(p.cells, unwatched())
	}
	for i := range o.cells {
		p.cells[i].add(&o.cells[i])
	}
}

// block is the start and the length of the pane that an hour belongs to, now.
func block(hour, now int64) [2]int64 {
	for _, r := range rungs {
		if start := hour - mod(hour, r.length); start+r.length <= now-r.age {
			return [2]int64{start, r.length}
		}
	}
	return [2]int64{hour, 1}
}

// since gives the panes that end after an hour.
func (l *ladder) since(hour int64) []pane {
	for i := range l.panes {
		if l.panes[i].end > hour {
			return l.panes[i:]
		}
	}
	return nil
}

func unwatched() (c cell) {
	for i := range c.expected {
		c.expected[i] = float32(math.NaN())
	}
	return c
}
