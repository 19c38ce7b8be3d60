package avro

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"
)

// fits says whether a JSON value can be a default of a type. A union's default is one of its first branch.
func fits(s *Schema, v any, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("nested deeper than %d", maxDepth)
	}
	ok := false
	switch s.Kind {
	case "null":
		ok = v == nil
	case "boolean":
		_, ok = v.(bool)
	case "int":
		ok = whole(v, 32)
	case "long":
		ok = whole(v, 64)
	case "float", "double":
		n, isNumber := v.(json.Number)
		_, err := n.Float64()
		ok = isNumber && err == nil
	case "string":
		_, ok = v.(string)
	case "bytes", "fixed":
		text, isString := v.(string)
		ok = isString && oneByteEach(text) && (s.Kind == "bytes" || utf8.RuneCountInString(text) == s.Size)
	case "enum":
		symbol, isString := v.(string)
		ok = isString && slices.Contains(s.Symbols, symbol)
	case "union":
		return fits(s.Branches[0], v, depth+1)
	case "array":
		var list []any
		list, ok = v.([]any)
		for _, x := range list {
			if err := fits(s.Items, x, depth+1); err != nil {
				return err
			}
		}
	case "map":
		var values map[string]any
		values, ok = v.(map[string]any)
		for _, x := range values {
			if err := fits(s.Items, x, depth+1); err != nil {
				return err
			}
		}
	case "record":
		var values map[string]any
		values, ok = v.(map[string]any)
		for _, f := range s.Fields {
			x, there := values[f.Name]
			if !there && f.HasDefault {
				continue
			}
			if !there {
				return fmt.Errorf("%s.%s is missing", s.Name, f.Name)
			}
			if err := fits(f.Type, x, depth+1); err != nil {
				return err
			}
		}
	}
	if !ok {
		return fmt.Errorf("%v is no %s", v, s)
	}
	return nil
}

func whole(v any, bits int) bool {
	n, ok := v.(json.Number)
	_, err := strconv.ParseInt(n.String(), 10, bits)
	return ok && err == nil
}

func oneByteEach(text string) bool {
	for _, r := range text {
		if r > 0xff {
			return false
		}
	}
	return true
}
