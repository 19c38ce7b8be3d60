package window

import (
	"container/heap"
	"slices"

	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/pipelines/policies"
)

// pane holds the sums of all segments over one stretch of time, by segment number.
type pane struct {
	facts   int64
	sums    []Sums
	bins    []binned // in any order
	compact int      // how many of them have been joined
}

func (p *pane) at(segment int) *Sums {
	if n := segment + 1 - len(p.sums); n > 0 {
		p.sums = append(p.sums, make([]Sums, n)...)
	}
	return &p.sums[segment]
}

func (p *pane) count(segment int, f *Fact) {
	p.facts++
	p.at(segment).add(&f.Sums)
	if f.Resolution != NoBin {
		p.bins = append(p.bins, binned{binKey(segment, 0, f.Resolution), 1})
	}
	if f.ToHuman != NoBin {
		p.bins = append(p.bins, binned{binKey(segment, toHuman, f.ToHuman), 1})
	}
}

func (p *pane) add(o *pane) {
	p.facts += o.facts
	if len(o.sums) > 0 {
		p.at(len(o.sums) - 1)
	}
	for i := range o.sums {
		p.sums[i].add(&o.sums[i])
	}
	if p.bins = append(p.bins, o.bins...); len(p.bins) > 2*p.compact+1024 {
		p.finish()
	}
}

// finish makes a pane as small as it gets.
func (p *pane) finish() {
	p.bins = slices.Clip(compact(p.bins))
	p.compact = len(p.bins)
}

// roller is a window that moves forward: its panes that have facts, oldest first, and their sum.
type roller struct {
	policies.Window
	since     int64 // a window that begins before this minute does not have all its facts
	panes     []stamped
	facts     int64
	sums      []Sums
	durations []durations
}

type stamped struct {
	start int64
	*pane
}

func (r *roller) push(start int64, p *pane) {
	r.panes = append(r.panes, stamped{start, p})
	r.facts += p.facts
	if n := len(p.sums) - len(r.sums); n > 0 {
		r.sums = append(r.sums, make([]Sums, n)...)
		r.durations = append(r.durations, make([]durations, n)...)
	}
	for i := range p.sums {
		r.sums[i].add(&p.sums[i])
	}
	for _, b := range p.bins {
		b.count(r.durations, 1)
	}
}

// expire drops what began before a minute.
func (r *roller) expire(start int64) {
	n := 0
	for ; n < len(r.panes) && r.panes[n].start < start; n++ {
		p := r.panes[n].pane
		r.facts -= p.facts
		for i := range p.sums {
			r.sums[i].sub(&p.sums[i])
		}
		for _, b := range p.bins {
			if !inject.BinsKept.Is() {
				b.count(r.durations, -1)
			}
		}
		r.panes[n].pane = nil
	}
	r.panes = r.panes[n:]
}

// pending are the facts of the minutes that are not over yet.
type pending struct {
	facts  map[int64][]Fact
	starts starts
	free   []Fact // memory of a minute that is over
}

func (p *pending) add(start int64, f *Fact) {
	fs, ok := p.facts[start]
	if !ok {
		heap.Push(&p.starts, start)
		fs, p.free = p.free[:0], nil
	}
	p.facts[start] = append(fs, *f)
}

// take gives and forgets the facts of the first minute if that is the one that begins at start; nil otherwise.
func (p *pending) take(start int64) []Fact {
	if len(p.starts) == 0 || p.starts[0] != start {
		return nil
	}
	fs := p.facts[start]
	delete(p.facts, start)
	heap.Pop(&p.starts)
	return fs
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
