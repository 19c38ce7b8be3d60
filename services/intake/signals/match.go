package signals

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
	maxHits  = 400
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
	for i := range m.tokens {
		m.tokens[i].spans = [2]int32{int32(len(m.spans)), int32(len(m.spans))}
		w.from(i)
		m.tokens[i].spans[1] = int32(len(m.spans))
	}
	w.work = 0
	w.tree, w.hit = &g.patterns, func(n *node, end int) { m.note(n, w.start, end) }
	for i := range m.tokens {
		w.from(i)
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

// note remembers what a pattern says of the tokens from start to end.
func (m *message) note(n *node, start, end int) {
	for k := range kinds {
		if (n.says|n.unsays)&(1<<k) != 0 && len(m.hits) < maxHits {
			m.hits = append(m.hits, hit{k, start, end, n.says&(1<<k) != 0})
		}
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
	for i := range m.hits {
		if o := &m.hits[i]; !o.says && o.kind == h.kind && o.start < h.end && h.start < o.end {
			return true
		}
	}
	return false
}
