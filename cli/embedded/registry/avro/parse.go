package avro

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

type parser struct {
	named    map[string]*Schema
	defaults []pending // checked at the end, when all types are whole
}

type pending struct {
	field string
	typ   *Schema
	value any
}

var (
	simpleName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	dottedName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$`)
	primitives = []string{"null", "boolean", "int", "long", "float", "double", "bytes", "string"}
)

func (p *parser) parse(raw any, space string, depth int) (*Schema, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("types nested deeper than %d", maxDepth)
	}
	switch v := raw.(type) {
	case string:
		return p.reference(v, space)
	case []any:
		return p.union(v, space, depth)
	case map[string]any:
		return p.object(v, space, depth)
	}
	return nil, fmt.Errorf("%v where a type should be", raw)
}

func (p *parser) reference(name, space string) (*Schema, error) {
	if slices.Contains(primitives, name) {
		return &Schema{Kind: name}, nil
	}
	for _, full := range []string{qualify(name, space), name} {
		if s := p.named[full]; s != nil {
			return s, nil
		}
	}
	return nil, fmt.Errorf("type %q is not defined before it is used; references to other subjects are not supported", name)
}

func (p *parser) union(branches []any, space string, depth int) (*Schema, error) {
	if len(branches) > maxBranches {
		return nil, fmt.Errorf("a union of %d branches; at most %d", len(branches), maxBranches)
	}
	u := &Schema{Kind: "union"}
	seen := map[string]bool{}
	for _, raw := range branches {
		b, err := p.parse(raw, space, depth+1)
		if err != nil {
			return nil, err
		}
		if b.Kind == "union" {
			return nil, errors.New("a union directly inside a union")
		}
		if seen[b.String()] {
			return nil, fmt.Errorf("%s twice in one union", b)
		}
		seen[b.String()] = true
		u.Branches = append(u.Branches, b)
	}
	if len(u.Branches) == 0 {
		return nil, errors.New("a union without branches")
	}
	return u, nil
}

func (p *parser) object(v map[string]any, space string, depth int) (*Schema, error) {
	kind, ok := v["type"].(string)
	if !ok {
		if v["type"] == nil {
			return nil, errors.New("an object without \"type\" where a type should be")
		}
		return p.parse(v["type"], space, depth+1)
	}
	switch kind {
	case "array", "map":
		attribute := map[string]string{"array": "items", "map": "values"}[kind]
		if v[attribute] == nil {
			return nil, fmt.Errorf("%s without %q", kind, attribute)
		}
		items, err := p.parse(v[attribute], space, depth+1)
		return &Schema{Kind: kind, Items: items}, err
	case "record", "error", "enum", "fixed":
		return p.define(v, strings.Replace(kind, "error", "record", 1), space, depth)
	}
	return p.reference(kind, space)
}

func (p *parser) define(v map[string]any, kind, space string, depth int) (*Schema, error) {
	name, _ := v["name"].(string)
	if ns, ok := v["namespace"]; ok {
		if space, ok = ns.(string); !ok || space != "" && !dottedName.MatchString(space) {
			return nil, fmt.Errorf("%s %q: namespace %v is not a name", kind, name, ns)
		}
	}
	s := &Schema{Kind: kind, Name: qualify(name, space)}
	if !dottedName.MatchString(name) || slices.Contains(primitives, name) {
		return nil, fmt.Errorf("%s: %q is not a name", kind, name)
	}
	if p.named[s.Name] != nil {
		return nil, fmt.Errorf("%s is defined twice", s.Name)
	}
	p.named[s.Name] = s
	space = s.Name[:max(strings.LastIndexByte(s.Name, '.'), 0)]
	aliases, err := names(v["aliases"], dottedName)
	if err != nil {
		return nil, fmt.Errorf("%s: aliases: %w", s.Name, err)
	}
	for _, a := range aliases {
		s.Aliases = append(s.Aliases, qualify(a, space))
	}
	switch kind {
	case "enum":
		err = s.enum(v)
	case "fixed":
		err = s.fixed(v)
	case "record":
		err = p.record(s, v, space, depth)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	return s, nil
}

func (s *Schema) enum(v map[string]any) (err error) {
	if s.Symbols, err = names(v["symbols"], simpleName); err != nil {
		return fmt.Errorf("symbols: %w", err)
	}
	if v["symbols"] == nil {
		return errors.New("an enum without symbols")
	}
	if fallback, ok := v["default"]; ok {
		if s.Fallback, ok = fallback.(string); !ok || !slices.Contains(s.Symbols, s.Fallback) {
			return fmt.Errorf("default %v is not one of the symbols", fallback)
		}
	}
	return nil
}

func (s *Schema) fixed(v map[string]any) error {
	n, _ := v["size"].(json.Number)
	size, err := n.Int64()
	if err != nil || size < 0 || size > 1<<30 {
		return fmt.Errorf("size %v is not a number of bytes", v["size"])
	}
	s.Size = int(size)
	return nil
}

func (p *parser) record(s *Schema, v map[string]any, space string, depth int) error {
	fields, ok := v["fields"].([]any)
	if !ok {
		return errors.New("a record without fields")
	}
	seen := map[string]bool{}
	for _, raw := range fields {
		obj, _ := raw.(map[string]any)
		name, _ := obj["name"].(string)
		if !simpleName.MatchString(name) || seen[name] {
			return fmt.Errorf("a field named %q: not a name, or taken", name)
		}
		seen[name] = true
		f := Field{Name: name}
		var err error
		if f.Aliases, err = names(obj["aliases"], simpleName); err != nil {
			return fmt.Errorf("field %s: aliases: %w", name, err)
		}
		if f.Type, err = p.parse(obj["type"], space, depth+1); err != nil {
			return fmt.Errorf("field %s: %w", name, err)
		}
		var value any
		if value, f.HasDefault = obj["default"]; f.HasDefault {
			p.defaults = append(p.defaults, pending{s.Name + "." + name, f.Type, value})
		}
		s.Fields = append(s.Fields, f)
	}
	return nil
}

// names reads a list of distinct names; nil is an empty one.
func names(raw any, pattern *regexp.Regexp) ([]string, error) {
	if raw == nil {
		return nil, nil
	}
	list, ok := raw.([]any)
	if !ok {
		return nil, errors.New("not a list")
	}
	var out []string
	seen := map[string]bool{}
	for _, x := range list {
		name, _ := x.(string)
		if !pattern.MatchString(name) || seen[name] {
			return nil, fmt.Errorf("%v: not a name, or twice", x)
		}
		seen[name] = true
		out = append(out, name)
	}
	return out, nil
}

func qualify(name, space string) string {
	if space == "" || strings.Contains(name, ".") {
		return name
	}
	return space + "." + name
}
