package signals

import (
	"fmt"
	"slices"
	"strings"
)

// alternatives gives what a list separated by | stands for.
func (p *parser) alternatives(list string) ([][]label, error) {
	var out [][]label
	for _, one := range splitTop(list, '|') {
		paths, err := p.sequence(one)
		if err != nil {
			return nil, err
		}
		for _, path := range paths { // a class alone stands for all that is in it
			if c := p.of(path); c != nil {
				out = append(append(out, c.words...), c.paths...)
			} else {
				out = append(out, path)
			}
		}
	}
	return out, nil
}

// splitTop splits at a byte outside of brackets.
func splitTop(s string, at byte) []string {
	var out []string
	depth, start := 0, 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '(' || s[i] == '[':
			depth++
		case s[i] == ')' || s[i] == ']':
			depth--
		case s[i] == at && depth == 0:
			out = append(out, s[start:i])
			start = i + 1
		}
	}
	return append(out, s[start:])
}

// sequence gives every path that words after one another stand for.
func (p *parser) sequence(s string) ([][]label, error) {
	paths := [][]label{nil}
	for _, element := range splitTop(strings.TrimSpace(s), ' ') {
		if element == "" {
			continue
		}
		choices, err := p.element(element)
		if err != nil {
			return nil, err
		}
		if len(paths)*len(choices) > maxPaths {
			return nil, fmt.Errorf("%q stands for more than %d paths", s, maxPaths)
		}
		next := make([][]label, 0, len(paths)*len(choices))
		for _, path := range paths {
			for _, choice := range choices {
				next = append(next, slices.Concat(path, choice))
			}
		}
		paths = next
	}
	return paths, nil
}

func (p *parser) element(e string) ([][]label, error) {
	switch {
	case e == "^":
		return [][]label{{opening}}, nil
	case e == "$":
		return [][]label{{closing}}, nil
	case e == "*":
		return gap(2), nil
	case e == "**":
		return gap(5), nil
	case e[0] == '@':
		c := p.named[e[1:]]
		if c == nil {
			return nil, fmt.Errorf("no class %s above", e)
		}
		return [][]label{{c.label}}, nil
	case e[0] == '(' && e[len(e)-1] == ')':
		return p.choice(e[1 : len(e)-1])
	case e[0] == '[' && e[len(e)-1] == ']':
		out, err := p.choice(e[1 : len(e)-1])
		return append(out, nil), err
	case strings.ContainsAny(e, "()[]@*"):
		return nil, fmt.Errorf("%q: brackets stand free", e)
	}
	return [][]label{{label(p.word(e))}}, nil
}

// choice gives the class of a list, and beside it the ends of clauses that stand in the list.
func (p *parser) choice(list string) ([][]label, error) {
	var words []string
	var out [][]label
	for _, one := range splitTop(list, '|') {
		switch strings.TrimSpace(one) {
		case "^":
			out = append(out, []label{opening})
		case "$":
			out = append(out, []label{closing})
		default:
			words = append(words, one)
		}
	}
	c, err := p.group(strings.Join(words, "|"))
	if err != nil {
		return nil, err
	}
	return append(out, []label{c.label}), nil
}

// of gives the class that a path consists of, if it is one.
func (p *parser) of(path []label) *class {
	if len(path) == 1 && path[0] >= classes && path[0] < closing {
		return p.all[path[0]-classes]
	}
	return nil
}

func gap(n int) [][]label {
	out := [][]label{nil}
	for i := range n {
		out = append(out, append(slices.Clone(out[i]), anyWord))
	}
	return out
}

func (p *parser) rule(head, pattern string) error {
	name, not := strings.CutPrefix(strings.TrimSpace(head), "not ")
	var bits uint16
	for _, one := range strings.Fields(name) {
		k := slices.Index(kindNames[:], one)
		switch {
		case one == "negative":
			bits |= 1<<awful | 1<<bad | 1<<cross | 1<<meh
		case one == "all":
			bits |= 1<<kinds - 1
		case k < 0:
			return fmt.Errorf("no kind %q", one)
		default:
			bits |= 1 << k
		}
	}
	paths, err := p.sequence(pattern)
	if err != nil {
		return err
	}
	for _, path := range paths {
		if len(path) == 0 {
			return fmt.Errorf("%q matches nothing", pattern)
		}
		n := p.g.patterns.add(path)
		if not {
			n.unsays |= bits
		} else {
			n.says |= bits
		}
	}
	return nil
}
