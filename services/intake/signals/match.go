package signals

import (
	"slices"

	"github.com/casetrail/casetrail/pipelines/inject"
)

// hit is a stretch of words that a rule is about.
type hit struct {
	kind       kind
	start, end int // tokens, half open
	says       bool
}

// Bounds on the work at one word, and on what is remembered of a message.
const (
	maxSteps = 1000    // from one word
	maxWork  = 300_000 // from all of them
	maxHits  = 200     // of one kind
	maxSpans = 100
)

// span is a phrase of a class.
type span struct {
	class label
	end   int32 // the token after it
}

// match fills m.spans and m.hits.
func (m *message) match(g *grammar) {
	w := walk{m: m, g: g, tree: &g.phrases}
	w.hit = func(n *node, end int) {
		for _, l := range n.means {
			if len(m.spans)-int(m.tokens[w.start].spans[0]) < maxSpans {
				m.spans = append(m.spans, span{l, int32(end)})
			}
		}
	}
	for i := range inwards(len(m.tokens)) {
		m.tokens[i].spans = [2]int32{int32(len(m.spans)), int32(len(m.spans))}
		w.from(i)
		m.tokens[i].spans[1] = int32(len(m.spans))
	}
	w.work = 0
	w.tree, w.hit = &g.patterns, func(n *node, end int) { m.note(g, n, w.start, end) }
	for i := range inwards(len(m.tokens)) {
		w.from(i)
	}
	slices.SortStableFunc(m.hits, func(a, b hit) int { return a.start - b.start })
}

// inwards gives 0 to n-1 from both ends: what a message begins and ends with is heard, however much work its middle makes.
func inwards(n int) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for i := range n {
			if inject.EndUnheard.Is() {
				if !yield(i) {
					return
				}
				continue
			}
			if at := i / 2; i%2 == 1 && !yield(n-1-at) || i%2 == 0 && !yield(at) {
				return
			}
		}
	}
}

// walk follows a tree along a message.
type walk struct {
	m     *message
	g     *grammar
	tree  *tree
	hit   func(n *node, end int) // a sequence ends before the token end
	start int
	steps int
	work  int
}

// from follows all that begins with the token i.
func (w *walk) from(i int) {
	w.work += w.steps
	w.start, w.steps = i, 0
	if w.work > maxWork {
		return
	}
	for _, to := range w.tree.starts[w.m.tokens[i].word] {
		w.at(to, i+1)
	}
	t := &w.m.tokens[i]
	for _, s := range w.m.spans[t.spans[0]:t.spans[1]] {
		if to, ok := w.tree.root[s.class]; ok {
			w.at(to, int(s.end))
		}
	}
	if t.first {
		if to, ok := w.tree.root[opening]; ok {
			w.at(to, i)
		}
	}
}

// at goes on from a node with the token i.
func (w *walk) at(to int32, i int) {
	if w.steps++; w.steps > maxSteps {
		return
	}
	n, tokens := &w.tree.nodes[to], w.m.tokens
	if n.says|n.unsays != 0 || len(n.means) > 0 {
		w.hit(n, i)
	}
	if i > w.start && tokens[i-1].last {
		if end, ok := n.child(closing); ok {
			w.at(end, i)
		}
	}
	if i >= len(tokens) || i > w.start && tokens[i].sentence {
		return
	}
	t := &tokens[i]
	for _, e := range n.edges {
		if w.g.takes(e.label, t.word) && (e.label != anyWord || !t.clause || i == w.start) {
			w.at(e.to, i+1)
		}
		for _, s := range w.m.spans[t.spans[0]:t.spans[1]] {
			if s.class == e.label {
				w.at(e.to, int(s.end))
			}
		}
	}
	if i > w.start && w.g.has(t.word, filler) && len(n.edges) > 0 {
		w.at(to, i+1)
	}
}

// note remembers what a pattern says of the tokens from start to end. One clause takes back nothing of another: "not you,
// a person" is no "you a person".
func (m *message) note(g *grammar, n *node, start, end int) {
	says, unsays := n.says, n.unsays
	if m.crosses(g, start, end) && !inject.ClauseCrossed.Is() {
		unsays = 0
	}
	for k := range kinds {
		h := hit{k, start, end, says&(1<<k) != 0}
		if (says|unsays)&(1<<k) == 0 || m.heard[k] >= maxHits || len(m.hits) > 0 && m.hits[len(m.hits)-1] == h {
			continue
		}
		m.heard[k]++
		m.hits = append(m.hits, h)
	}
}

// says tells whether a rule of the kind holds that none unsays.
func (m *message) says(k kind) bool {
	for i := range m.hits {
		if m.hits[i].says && m.hits[i].kind == k && !m.unsaid(&m.hits[i]) {
			return true
		}
	}
	return false
}

func (m *message) unsaid(h *hit) bool {
	if inject.NothingTakenBack.Is() || inject.AimOff.Is() && worth[h.kind] > 0 {
		return false
	}
	for i := range m.hits {
		if o := &m.hits[i]; !o.says && o.kind == h.kind && o.start < h.end && h.start < o.end {
			return true
		}
	}
	return false
}

// crosses tells whether a clause begins within the tokens from start to end. An "or" goes on with the one before.
func (m *message) crosses(g *grammar, start, end int) bool {
	for i := start + 1; i < end; i++ {
		t := &m.tokens[i]
		if !g.has(t.word, bridge) && (t.clause || i+1 < end && g.breaks(t.word)) {
			return true
		}
	}
	return false
}
