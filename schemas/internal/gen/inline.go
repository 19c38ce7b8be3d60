package main

import (
	"bytes"
	"encoding/json"
)

// The attributes in the order in which they are printed, so that one schema has one text.
type (
	recordJSON struct {
		Type      string      `json:"type"`
		Name      string      `json:"name"`
		Namespace string      `json:"namespace"`
		Doc       string      `json:"doc,omitempty"`
		Symbols   []string    `json:"symbols,omitempty"`
		Size      int         `json:"size,omitempty"`
		Fields    []fieldJSON `json:"fields,omitempty"`
	}
	fieldJSON struct {
		Name    string          `json:"name"`
		Type    any             `json:"type"`
		Doc     string          `json:"doc,omitempty"`
		Default json.RawMessage `json:"default,omitempty"`
	}
	arrayJSON struct {
		Type  string `json:"type"`
		Items any    `json:"items"`
	}
	logicalJSON struct {
		Type    string `json:"type"`
		Logical string `json:"logicalType"`
	}
)

// selfContained is n's schema as one line of JSON with every other type written out where it is first used.
func selfContained(n *named) (string, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(inlineNamed(n, map[string]bool{})); err != nil {
		return "", err
	}
	return string(bytes.TrimSpace(buf.Bytes())), nil
}

func inlineNamed(n *named, done map[string]bool) any {
	if done[n.full()] {
		return n.full()
	}
	done[n.full()] = true
	out := recordJSON{Type: n.Type, Name: n.Name, Namespace: n.Namespace, Doc: n.Doc, Symbols: n.Symbols, Size: n.Size}
	for _, f := range n.Fields {
		out.Fields = append(out.Fields, fieldJSON{Name: f.Name, Type: inline(f.typ, done), Doc: f.Doc, Default: f.Default})
	}
	return out
}

func inline(t *typ, done map[string]bool) any {
	switch {
	case t.named != nil:
		return inlineNamed(t.named, done)
	case t.kind == "array":
		return arrayJSON{"array", inline(t.elem, done)}
	case t.kind == "optional":
		return []any{"null", inline(t.elem, done)}
	case t.name != "":
		return logicalJSON{t.kind, t.name}
	}
	return t.kind
}
