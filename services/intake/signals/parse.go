package signals

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
)

// maxPaths bounds what one line of rules may stand for.
const maxPaths = 20_000

// parser reads rules:
//
//	@name = a|b c|@other       a class: words, and phrases
//	%filler just|really        a trait of words
//	%concept refund = money back|refunds
//	%same u = you              another spelling
//	human: i want [to] (talk|speak) * @person
//	not human: ...             what overlaps this says no such thing
//
// In a pattern [x|y] may be left out, * is up to two words of any kind, ** up to five, ^ is the beginning of a clause
// and $ its end. A line that starts with a blank goes on with the line before.
type parser struct {
	g      *grammar
	named  map[string]*class // by @name
	groups map[string]*class // by their text
	all    []*class
}

// class is a set of words and phrases.
type class struct {
	label label
	words [][]label // of one word, or one class
	paths [][]label // of several
}

func newParser() *parser {
	g := &grammar{words: map[string]wordID{}, member: [][]uint64{nil}, traits: []trait{0}, concept: []uint32{0}}
	p := &parser{g: g, named: map[string]*class{}, groups: map[string]*class{}}
	g.number = p.word("#")
	return p
}

func (p *parser) finish() *grammar {
	p.g.finish()
	return p.g
}

func (p *parser) parse(name, text string) error {
	var lines []string
	var at []int
	for i, line := range strings.Split(text, "\n") {
		switch {
		case strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#"):
		case (line[0] == ' ' || line[0] == '\t') && len(lines) > 0:
			lines[len(lines)-1] += " " + strings.TrimSpace(line)
		default:
			lines, at = append(lines, line), append(at, i+1)
		}
	}
	for i, line := range lines {
		if err := p.line(strings.TrimSpace(line)); err != nil {
			return fmt.Errorf("%s:%d: %w", name, at[i], err)
		}
	}
	return nil
}

var traitNames = map[string]trait{"filler": filler, "opener": opener, "closer": closer, "break": breaker, "key": vital,
	"hollow": hollow, "ask": asker, "word": alike, "bridge": bridge}

func (p *parser) line(line string) error {
	switch line[0] {
	case '@':
		name, list, ok := strings.Cut(line[1:], "=")
		if !ok {
			return fmt.Errorf("class %q has no =", line)
		}
		return p.class(strings.TrimSpace(name), list)
	case '%':
		name, list, _ := strings.Cut(line[1:], " ")
		switch name {
		case "same":
			return p.same(list)
		case "concept":
			return p.concept(list)
		}
		t, ok := traitNames[name]
		if !ok {
			return fmt.Errorf("no trait %q", name)
		}
		for _, word := range strings.FieldsFunc(list, func(r rune) bool { return r == ' ' || r == '|' }) {
			p.trait(p.word(word), t)
		}
		return nil
	}
	head, pattern, ok := strings.Cut(line, ":")
	if !ok {
		return fmt.Errorf("%q is no rule", line)
	}
	return p.rule(head, pattern)
}

func (p *parser) trait(w wordID, t trait) {
	p.g.traits[w] |= t
	if t == vital {
		p.g.addKeys(w)
	}
}

// addKeys makes every spelling of a word a key.
func (g *grammar) addKeys(w wordID) {
	for text, other := range g.words {
		n := len(text)
		if other == w && n >= 5 && n < len(g.keys) {
			if !slices.ContainsFunc(g.keys[n], func(k key) bool { return k.text == text }) {
				g.keys[n] = append(g.keys[n], key{text, letters([]byte(text)), w})
				slices.SortFunc(g.keys[n], func(a, b key) int { return strings.Compare(a.text, b.text) })
			}
		}
	}
}

var writtenOut = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "å", "aa")

// spellings gives a word as a message has it (no letter more than twice in a row), and with its marks written out (ä as ae).
func spellings(word string) []string {
	folded := func(word string) string {
		var m message
		m.fold(strings.ReplaceAll(word, "'", ""))
		out := m.text[:0]
		for _, b := range m.text {
			if n := len(out); n < 2 || !isLetter(b) || out[n-1] != b || out[n-2] != b {
				out = append(out, b)
			}
		}
		return string(out)
	}
	out := []string{folded(word)}
	if full := writtenOut.Replace(word); full != word {
		out = append(out, folded(full))
	}
	return out
}

func (p *parser) word(text string) wordID {
	g := p.g
	id := unknown
	names := spellings(text)
	for _, name := range names {
		if w := g.words[name]; w != unknown {
			id = w
			break
		}
	}
	if id == unknown {
		id = wordID(len(g.traits))
		g.member = append(g.member, nil)
		g.traits = append(g.traits, 0)
		g.concept = append(g.concept, 0)
	}
	for _, name := range names {
		if g.words[name] == unknown {
			g.words[name] = id
			g.longest = max(g.longest, len(name))
		}
	}
	return id
}

func (p *parser) same(list string) error {
	name, word, ok := strings.Cut(list, "=")
	if !ok {
		return fmt.Errorf("%q has no =", list)
	}
	id := p.word(strings.TrimSpace(word))
	for _, spelling := range strings.Fields(name) {
		if w := p.g.words[spelling]; w != unknown && w != id {
			return fmt.Errorf("%q is a word already: name its spelling before it is used", spelling)
		}
		p.g.words[spelling] = id
		p.g.longest = max(p.g.longest, len(spelling))
	}
	return nil
}

func (p *parser) concept(list string) error {
	name, words, ok := strings.Cut(list, "=")
	if !ok {
		return fmt.Errorf("%q has no =", list)
	}
	for _, word := range strings.FieldsFunc(words, func(r rune) bool { return r == ' ' || r == '|' }) {
		p.g.concept[p.word(word)] = hash(strings.TrimSpace(name))
	}
	return nil
}

func hash(text string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(text))
	return max(h.Sum32(), 1)
}

func (p *parser) class(name, list string) error {
	if p.named[name] != nil {
		return fmt.Errorf("class @%s is there already", name)
	}
	c, err := p.group(list)
	p.named[name] = c
	return err
}

// group gives the class of a list separated by |.
func (p *parser) group(list string) (*class, error) {
	list = strings.Join(strings.Fields(list), " ")
	if c := p.groups[list]; c != nil {
		return c, nil
	}
	paths, err := p.alternatives(list)
	if err != nil {
		return nil, err
	}
	c := &class{label: classes + label(len(p.all))}
	p.all = append(p.all, c)
	for _, path := range paths {
		switch {
		case len(path) == 0:
			return nil, fmt.Errorf("%q holds nothing", list)
		case len(path) > 1:
			c.paths = append(c.paths, path)
			end := p.g.phrases.add(path)
			end.means = append(end.means, c.label)
			continue
		case path[0] >= closing:
			return nil, fmt.Errorf("%q: * stands free or in a phrase", list)
		}
		c.words = append(c.words, path)
		if path[0] < classes {
			p.g.join(wordID(path[0]), c.label)
			continue
		}
		for w := range p.g.member {
			if p.g.takes(path[0], wordID(w)) {
				p.g.join(wordID(w), c.label)
			}
		}
	}
	p.groups[list] = c
	return c, nil
}

// join puts a word into a class.
func (g *grammar) join(w wordID, l label) {
	n := int(l - classes)
	for len(g.member[w]) <= n/64 {
		g.member[w] = append(g.member[w], 0)
	}
	g.member[w][n/64] |= 1 << (n % 64)
}
