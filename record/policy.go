package record

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A policy's document is YAML, and this package has no reader of YAML. What it reads is a plain form of it, in which a line can
// mean one thing only; whatever else YAML knows is refused.
const (
	plainText  = `[A-Za-z0-9_.+/-][A-Za-z0-9_.+:/-]*(?: [A-Za-z0-9_.+/-][A-Za-z0-9_.+:/-]*)*`
	plainValue = `(?:"[^"\\]*"|'[^']*'|` + plainText + `)?`
)

var (
	plainLine  = regexp.MustCompile(`^( *)(?:([a-z0-9][a-z0-9_]*):|-)(?: +(.*))?$`)
	plainRest  = regexp.MustCompile(`^(` + plainValue + `)(?:(?:^| +)#.*)?$`)
	plainFlow  = regexp.MustCompile(`^[\[{](?:[A-Za-z0-9_.+:/, \[\]{}-]|"[A-Za-z0-9_.+:/ -]*"|'[A-Za-z0-9_.+:/ -]*')*$`)
	comment    = regexp.MustCompile(`(?:^| +)#.*$`)
	plainEmpty = regexp.MustCompile(`^ *(?:#.*)?$`)
	typeName   = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
)

// HumanOnly reads from a policy's document which case types no AI may have (routes.human_only), in the document's order. A document that
// is not in the plain form is an error that names the line, never another list.
func HumanOnly(document string) ([]string, error) {
	if i := strings.IndexFunc(document, func(r rune) bool {
		return r != '\n' && r < ' ' || r >= 0x7f && r <= 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff
	}); i >= 0 {
		return nil, fmt.Errorf("a character at byte %d is none of a plain policy", i)
	}
	p := plainPolicy{lines: strings.Split(document, "\n")}
	for p.at < len(p.lines) {
		first := p.at + 1
		if err := p.next(); err != nil {
			return nil, fmt.Errorf("line %d: %w", first, err)
		}
	}
	return p.humanOnly, nil
}

// plainPolicy reads a document line by line.
type plainPolicy struct {
	lines     []string
	at        int
	inRoutes  bool
	indent    int    // of the keys of routes; 0 until there was one
	key       string // of routes
	seen      []string
	humanOnly []string
}

// next takes a line, or as many as a list in brackets has.
func (p *plainPolicy) next() error {
	line := p.lines[p.at]
	p.at++
	if plainEmpty.MatchString(line) {
		return nil
	}
	m := plainLine.FindStringSubmatch(line)
	if m == nil {
		return fmt.Errorf("%.40q is neither a key nor an item", line)
	}
	indent, key, value := len(m[1]), m[2], m[3]
	if strings.HasPrefix(value, "[") || strings.HasPrefix(value, "{") {
		value = comment.ReplaceAllString(value, "")
		for unclosed(value) > 0 && p.at < len(p.lines) {
			value += " " + comment.ReplaceAllString(p.lines[p.at], "")
			p.at++
		}
		if value = strings.TrimRight(value, " "); unclosed(value) != 0 || !plainFlow.MatchString(value) {
			return fmt.Errorf("%.40q is not a plain list", value)
		}
	} else if rest := plainRest.FindStringSubmatch(value); rest != nil {
		value = rest[1]
	} else {
		return fmt.Errorf("%.40q is not a plain value", value)
	}
	return p.take(indent, key, value)
}

func unclosed(flow string) int {
	return strings.Count(flow, "[") + strings.Count(flow, "{") - strings.Count(flow, "]") - strings.Count(flow, "}")
}

// take makes of a line what it says of routes.
func (p *plainPolicy) take(indent int, key, value string) error {
	switch {
	case indent == 0 && key == "":
		return fmt.Errorf("%q is an item of no list", value)
	case indent == 0:
		if p.inRoutes = key == "routes"; !p.inRoutes {
			return nil
		}
		if value != "" {
			return fmt.Errorf("routes is %.40q, and not lines of lists", value)
		}
		return p.once(key)
	case !p.inRoutes:
		return nil
	case key != "":
		if p.indent == 0 {
			p.indent = indent
		}
		if p.key = key; indent != p.indent {
			return fmt.Errorf("%q stands neither with the keys of routes nor under them", key)
		}
		if value == "" {
			return p.once("routes." + key)
		}
		if !strings.HasPrefix(value, "[") {
			return fmt.Errorf("routes.%s is %.40q, and not a list", key, value)
		}
		for name := range strings.SplitSeq(strings.TrimRight(value[1:len(value)-1], ", "), ",") {
			if name = strings.TrimSpace(name); name == "" && strings.Trim(value, "[ ]") == "" {
				continue
			}
			if err := p.item(name); err != nil {
				return err
			}
		}
		return p.once("routes." + key)
	case p.key == "" || indent < p.indent:
		return fmt.Errorf("%q is an item of no list", value)
	}
	return p.item(value)
}

// once refuses a key that stands twice.
func (p *plainPolicy) once(key string) error {
	if slices.Contains(p.seen, key) {
		return fmt.Errorf("%s stands twice", key)
	}
	p.seen = append(p.seen, key)
	return nil
}

func (p *plainPolicy) item(name string) error {
	for _, quote := range []string{`"`, `'`} {
		if n := len(name); n >= 2 && strings.HasPrefix(name, quote) && strings.HasSuffix(name, quote) {
			name = name[1 : n-1]
		}
	}
	if !typeName.MatchString(name) || name == "null" {
		return fmt.Errorf("%.40q is no case type", name)
	}
	if p.key == "human_only" {
		p.humanOnly = append(p.humanOnly, name)
	}
	return nil
}
