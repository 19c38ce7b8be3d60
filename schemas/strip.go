package schemas

import (
	"fmt"
	"strings"
)

// maxDepth is how deeply types may be nested in a foreign schema.
const maxDepth = 32

// strippedType is a schema with full names, in the order of Avro's Parsing Canonical Form.
type strippedType struct {
	Name    string          `json:"name,omitempty"`
	Type    string          `json:"type"`
	Fields  []strippedField `json:"fields,omitempty"`
	Symbols []string        `json:"symbols,omitempty"`
	Items   any             `json:"items,omitempty"`
	Values  any             `json:"values,omitempty"`
	Size    int             `json:"size,omitempty"`
}

type strippedField struct {
	Name string `json:"name"`
	Type any    `json:"type"`
}

// stripper walks a schema from top to bottom; a name is usable where it was defined before and is closed.
type stripper struct{ open map[string]bool }

func (s stripper) strip(raw any, space string, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("a schema nested deeper than %d types", maxDepth)
	}
	switch v := raw.(type) {
	case string:
		return s.reference(v, space)
	case []any:
		out := make([]any, 0, len(v))
		for _, branch := range v {
			if branch == "null" {
				out = append(out, branch)
				continue
			}
			b, err := s.strip(branch, space, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, b)
		}
		return out, nil
	case map[string]any:
		return s.object(v, space, depth)
	}
	return nil, fmt.Errorf("a schema with %v where a type should be", raw)
}

func (s stripper) reference(name, space string) (any, error) {
	switch name {
	case "boolean", "int", "long", "float", "double", "bytes", "string":
		return name, nil
	case "null":
		return nil, fmt.Errorf("a schema with null outside of a union: its values take no bytes")
	}
	full := fullName(name, space)
	open, defined := s.open[full]
	if !defined {
		return nil, fmt.Errorf("a schema that names %s before it defines it; references to other subjects can't be read", full)
	}
	if open {
		return nil, fmt.Errorf("a recursive schema: %s contains itself", full)
	}
	return full, nil
}

func (s stripper) object(v map[string]any, space string, depth int) (any, error) {
	kind, ok := v["type"].(string)
	if !ok {
		return s.strip(v["type"], space, depth+1) // {"type": {...}}
	}
	switch kind {
	case "array", "map":
		inner := &strippedType{Type: kind}
		attribute, into := "items", &inner.Items
		if kind == "map" {
			attribute, into = "values", &inner.Values
		}
		var err error
		*into, err = s.strip(v[attribute], space, depth+1)
		return inner, err
	case "record", "enum", "fixed":
		return s.define(v, kind, space, depth)
	}
	return s.reference(kind, space) // a primitive, perhaps with a logical type
}

func (s stripper) define(v map[string]any, kind, space string, depth int) (any, error) {
	name, _ := v["name"].(string)
	if ns, ok := v["namespace"].(string); ok {
		space = ns
	}
	out := &strippedType{Type: kind, Name: fullName(name, space)}
	if _, twice := s.open[out.Name]; twice || name == "" {
		return nil, fmt.Errorf("a schema with a %s named %q, twice or not at all", kind, out.Name)
	}
	space = out.Name[:max(strings.LastIndexByte(out.Name, '.'), 0)]
	s.open[out.Name] = true
	defer func() { s.open[out.Name] = false }()
	switch kind {
	case "enum":
		symbols, _ := v["symbols"].([]any)
		for _, x := range symbols {
			symbol, _ := x.(string)
			out.Symbols = append(out.Symbols, symbol)
		}
	case "fixed":
		size, _ := v["size"].(float64)
		if out.Size = int(size); size < 1 || size > maxForeignBody || float64(out.Size) != size {
			return nil, fmt.Errorf("a schema with a fixed %s of %v bytes; 1 to %d", out.Name, v["size"], maxForeignBody)
		}
	case "record":
		fields, _ := v["fields"].([]any)
		if len(fields) == 0 {
			return nil, fmt.Errorf("a schema with a record %s without fields: its values take no bytes", out.Name)
		}
		for _, x := range fields {
			f, _ := x.(map[string]any)
			field, _ := f["name"].(string)
			t, err := s.strip(f["type"], space, depth+1)
			if err != nil {
				return nil, err
			}
			out.Fields = append(out.Fields, strippedField{field, t})
		}
	}
	return out, nil
}

func fullName(name, space string) string {
	if space == "" || strings.Contains(name, ".") {
		return name
	}
	return space + "." + name
}
