// Package avro reads Avro schemas and tells whether one can read what another wrote, by the resolution rules of the Avro
// specification. It knows nothing of data: that is what codecs are for.
package avro

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Schema is a type. Named types that occur more than once, also within themselves, are one Schema.
type Schema struct {
	Kind     string // a primitive's name, or record, enum, fixed, array, map, union
	Name     string // full name of a record, enum or fixed
	Aliases  []string
	Fields   []Field  // record
	Symbols  []string // enum
	Fallback string   // enum: the symbol for those unknown to the reader, where there is one
	Size     int      // fixed
	Items    *Schema  // array and map
	Branches []*Schema
}

// Field is a field of a record.
type Field struct {
	Name       string
	Aliases    []string
	Type       *Schema
	HasDefault bool
}

const (
	maxDepth    = 64  // how deeply a schema may nest
	maxBranches = 512 // of a union: comparing two of them takes the product
)

// Parse reads a schema. Its errors name the type or field that is wrong.
func Parse(text string) (*Schema, error) {
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.UseNumber()
	var raw any
	if err := dec.Decode(&raw); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("not JSON: something follows the schema")
	}
	p := parser{named: map[string]*Schema{}}
	s, err := p.parse(raw, "", 0)
	if err != nil {
		return nil, err
	}
	for _, d := range p.defaults {
		if err := fits(d.typ, d.value, 0); err != nil {
			return nil, fmt.Errorf("default of %s: %w", d.field, err)
		}
	}
	return s, nil
}

// Identity is a text that is the same for schemas that differ only in white space or in the order of their attributes.
func Identity(text string) (string, error) {
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.UseNumber()
	var raw any
	if err := dec.Decode(&raw); err != nil {
		return "", err
	}
	out, err := json.Marshal(raw) // sorts keys
	return string(out), err
}

func (s *Schema) isNamed() bool { return s.Kind == "record" || s.Kind == "enum" || s.Kind == "fixed" }

// String is how messages call the type.
func (s *Schema) String() string {
	if s.isNamed() {
		return s.Name
	}
	return s.Kind
}
