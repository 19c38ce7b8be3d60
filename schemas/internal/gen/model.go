package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// named is one schema file: a record, an enumeration or a fixed.
type named struct {
	Type      string   `json:"type"`
	Name      string   `json:"name"`
	Namespace string   `json:"namespace"`
	Doc       string   `json:"doc"`
	Symbols   []string `json:"symbols"`
	Size      int      `json:"size"`
	Fields    []*field `json:"fields"`

	file string
}

func (n *named) full() string { return n.Namespace + "." + n.Name }

type field struct {
	Name    string          `json:"name"`
	Type    json.RawMessage `json:"type"`
	Doc     string          `json:"doc"`
	Default json.RawMessage `json:"default"`

	typ *typ
}

// typ is a field's type. kind is a primitive's name, enum, fixed, record, array or optional.
type typ struct {
	kind  string
	named *named // enum, fixed, record
	elem  *typ   // array, optional
	name  string // logical type, where there is one
}

// load reads and resolves the schemas of dir, sorted by name.
func load(dir string) ([]*named, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.avsc"))
	if err != nil {
		return nil, err
	}
	byName := map[string]*named{}
	var all []*named
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		n := &named{file: filepath.Base(path)}
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.DisallowUnknownFields()
		if err := dec.Decode(n); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if n.Namespace == "" || n.Name == "" || n.Doc == "" {
			return nil, fmt.Errorf("%s: name, namespace and doc are required", path)
		}
		if byName[n.full()] != nil {
			return nil, fmt.Errorf("%s: %s is also in %s", path, n.full(), byName[n.full()].file)
		}
		byName[n.full()] = n
		all = append(all, n)
	}
	for _, n := range all {
		if n.Type == "record" && len(n.Fields) == 0 {
			return nil, fmt.Errorf("%s: a record needs a field", n.file)
		}
		for _, f := range n.Fields {
			if f.typ, err = resolve(f.Type, byName); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", n.file, f.Name, err)
			}
		}
	}
	for _, n := range all {
		if err := noCycle(n, nil); err != nil {
			return nil, err
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].full() < all[j].full() })
	return all, nil
}

func resolve(raw json.RawMessage, byName map[string]*named) (*typ, error) {
	var name string
	if json.Unmarshal(raw, &name) == nil {
		switch name {
		case "string", "bytes", "boolean", "int", "long", "float", "double":
			return &typ{kind: name}, nil
		}
		n := byName[name]
		if n == nil {
			return nil, fmt.Errorf("no schema file defines %q", name)
		}
		return &typ{kind: n.Type, named: n}, nil
	}
	var union []json.RawMessage
	if json.Unmarshal(raw, &union) == nil {
		if len(union) != 2 || string(union[0]) != `"null"` {
			return nil, fmt.Errorf("union %s: only [\"null\", type] is covered", raw)
		}
		elem, err := resolve(union[1], byName)
		if err == nil && (elem.kind == "optional" || elem.kind == "array") {
			err = fmt.Errorf("an optional %s is not covered", elem.kind)
		}
		return &typ{kind: "optional", elem: elem}, err
	}
	var obj struct {
		Type    string          `json:"type"`
		Items   json.RawMessage `json:"items"`
		Logical string          `json:"logicalType"`
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&obj); err != nil {
		return nil, err
	}
	switch {
	case obj.Type == "array":
		elem, err := resolve(obj.Items, byName)
		if err == nil && (elem.kind == "optional" || elem.kind == "array") {
			err = fmt.Errorf("an array of %s is not covered", elem.kind)
		}
		return &typ{kind: "array", elem: elem}, err
	case obj.Type == "long" && obj.Logical == "timestamp-millis":
		return &typ{kind: "long", name: obj.Logical}, nil
	}
	return nil, fmt.Errorf("type %s is not covered", raw)
}

func noCycle(n *named, open []string) error {
	for _, o := range open {
		if o == n.full() {
			return fmt.Errorf("%s: recursive: %s", n.file, strings.Join(append(open, n.full()), " > "))
		}
	}
	for _, f := range n.Fields {
		t := f.typ
		if t.elem != nil {
			t = t.elem
		}
		if t.named != nil {
			if err := noCycle(t.named, append(open, n.full())); err != nil {
				return err
			}
		}
	}
	return nil
}
