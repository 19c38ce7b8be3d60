package signals

import (
	"maps"
	"slices"
)

// kind is what a rule says.
type kind uint8

const (
	human kind = iota
	supervisor
	leave
	complain
	awful // negative about the service, by itself enough
	bad   // negative about the service, just enough
	cross // a feeling aimed at nobody: bad unless somebody else is to blame
	meh   // a sign of it, that needs another
	good
	culprit // somebody or something outside of the service is to blame
	kinds
)

var kindNames = [kinds]string{"human", "supervisor", "leave", "complain", "awful", "bad", "cross", "meh", "good", "culprit"}

// label is what an edge asks of the text: a word, a class of words and phrases, or one of these.
type label uint16

const (
	classes label = 0x8000 // from here on a class; below, a word
	anyWord label = 0xFFFF // one word of any kind
	opening label = 0xFFFE // no word: a clause begins here
	closing label = 0xFFFD // no word: the clause ends here
)

type edge struct {
	label label
	to    int32
}

// node is a place in a tree: where it goes on, and what is said where a pattern ends, one bit for each kind.
type node struct {
	edges        []edge
	says, unsays uint16
	means        []label // in the tree of phrases: the classes of the phrase that ends here
}

func (n *node) child(l label) (int32, bool) {
	for _, e := range n.edges {
		if e.label == l {
			return e.to, true
		}
	}
	return 0, false
}

// tree is a set of sequences of labels; its root is the first node.
type tree struct {
	nodes  []node
	root   map[label]int32 // the root's edges
	starts [][]int32       // of each word: the nodes that it leads to from the root
}

// add gives the node where a sequence ends.
func (t *tree) add(path []label) *node {
	if len(t.nodes) == 0 {
		t.nodes, t.root = []node{{}}, map[label]int32{}
	}
	at := int32(0)
	for i, l := range path {
		next, ok := t.root[l]
		if i > 0 {
			next, ok = t.nodes[at].child(l)
		}
		if !ok {
			next = int32(len(t.nodes))
			t.nodes = append(t.nodes, node{})
			if i == 0 {
				t.root[l] = next
			} else {
				t.nodes[at].edges = append(t.nodes[at].edges, edge{l, next})
			}
		}
		at = next
	}
	return &t.nodes[at]
}

// trait is what a word does to the words around it.
type trait uint16

const (
	filler  trait = 1 << iota // can stand between the words of a pattern
	opener                    // can stand before one that opens a clause
	closer                    // can stand after one that closes a clause
	breaker                   // opens a clause without a comma
	vital                     // is recognised when misspelt
	hollow                    // adds nothing to a question
	asker                     // makes a message a question
	alike                     // only looks like a vital one
	bridge                    // opens no clause, even after a comma
)

// grammar is the rules, compiled.
type grammar struct {
	words   map[string]wordID
	member  [][]uint64 // of each word: the classes that it is in, as bits
	traits  []trait    // of each word
	concept []uint32   // of each word: what it stands for in a question, 0 if for itself
	keys    [28][]key  // by length
	number  wordID
	longest int // the longest word that a run of letters is taken apart into

	patterns, phrases tree
}

func (g *grammar) has(w wordID, t trait) bool { return g.traits[w]&t != 0 }
func (g *grammar) opens(w wordID) bool        { return g.has(w, opener|filler|breaker) }
func (g *grammar) closes(w wordID) bool       { return g.has(w, closer|filler) }
func (g *grammar) breaks(w wordID) bool       { return g.has(w, breaker) }

// takes tells whether a word is what an edge asks for.
func (g *grammar) takes(l label, w wordID) bool {
	switch {
	case l < classes:
		return wordID(l) == w
	case l >= closing:
		return l == anyWord
	}
	n := int(l - classes)
	bits := g.member[w]
	return n/64 < len(bits) && bits[n/64]>>(n%64)&1 != 0
}

// finish makes the index of each tree's root.
func (g *grammar) finish() {
	for _, t := range []*tree{&g.patterns, &g.phrases} {
		t.starts = make([][]int32, len(g.traits))
		for _, l := range slices.Sorted(maps.Keys(t.root)) {
			for w := range t.starts {
				if g.takes(l, wordID(w)) {
					t.starts[w] = append(t.starts[w], t.root[l])
				}
			}
		}
	}
}
