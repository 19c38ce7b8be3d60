package window

import "container/heap"

// pane holds the sums of all segments over one stretch of time, by segment number.
type pane struct {
	facts int64
	sums  []Sums
}

func (p *pane) at(segment int) *Sums {
	if n := segment + 1 - len(p.sums); n > 0 {
		p.sums = append(p.sums, make([]Sums, n)...)
	}
	return &p.sums[segment]
}

func (p *pane) add(o *pane) {
	if len(o.sums) > 0 {
		p.at(len(o.sums) - 1)
	}
	p.facts += o.facts
	for i := range o.sums {
		p.sums[i].add(&o.sums[i])
	}
}

// sub takes away what add has added.
func (p *pane) sub(o *pane) {
	p.facts -= o.facts
	for i := range o.sums {
		p.sums[i].sub(&o.sums[i])
	}
}

// roller is a window of a fixed length that moves forward: its panes that have facts, oldest first, and their sum.
type roller struct {
	length Length
	panes  []stamped
	sum    pane
}

type stamped struct {
	start int64
	*pane
}

func (r *roller) push(start int64, p *pane) {
	r.panes = append(r.panes, stamped{start, p})
	r.sum.add(p)
}

// expire drops what began before a minute.
func (r *roller) expire(start int64) {
	n := 0
	for ; n < len(r.panes) && r.panes[n].start < start; n++ {
		r.sum.sub(r.panes[n].pane)
		r.panes[n].pane = nil
	}
	r.panes = r.panes[n:]
}

// pending are the minutes that are not over yet.
type pending struct {
	panes  map[int64]*pane
	starts starts
}

func (p *pending) at(start int64) *pane {
	m := p.panes[start]
	if m == nil {
		m = new(pane)
		p.panes[start] = m
		heap.Push(&p.starts, start)
	}
	return m
}

// take gives and forgets the first minute if that is the one that begins at start; nil otherwise.
func (p *pending) take(start int64) *pane {
	if len(p.starts) == 0 || p.starts[0] != start {
		return nil
	}
	m := p.panes[start]
	delete(p.panes, start)
	heap.Pop(&p.starts)
	return m
}

type starts []int64

func (s starts) Len() int           { return len(s) }
func (s starts) Less(i, j int) bool { return s[i] < s[j] }
func (s starts) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
func (s *starts) Push(x any)        { *s = append(*s, x.(int64)) }
func (s *starts) Pop() any {
	old := *s
	x := old[len(old)-1]
	*s = old[:len(old)-1]
	return x
}
