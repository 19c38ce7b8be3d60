package avro

import (
	"fmt"
	"slices"
)

// maxProblems bounds how many reasons are listed.
const maxProblems = 20

// Unreadable lists why reader can't read what writer wrote; it is empty where it can.
func Unreadable(reader, writer *Schema) []string {
	c := checker{done: map[pair][]string{}}
	problems := c.check(reader, writer, "")
	return problems[:min(len(problems), maxProblems)]
}

type pair struct{ reader, writer *Schema }

// checker remembers pairs of types, also those that it is just at: within themselves they count as readable.
type checker struct{ done map[pair][]string }

func (c checker) check(r, w *Schema, path string) []string {
	p := pair{r, w}
	if problems, ok := c.done[p]; ok {
		return problems
	}
	c.done[p] = nil
	problems := c.compare(r, w, path)
	c.done[p] = problems[:min(len(problems), maxProblems)]
	return c.done[p]
}

func (c checker) compare(r, w *Schema, path string) (problems []string) {
	if w.Kind == "union" {
		for _, b := range w.Branches {
			problems = append(problems, c.check(r, b, path)...)
		}
		return problems
	}
	if r.Kind == "union" {
		return c.branch(r, w, path)
	}
	if r.Kind != w.Kind {
		if promotes(w.Kind, r.Kind) {
			return nil
		}
		return problem("TYPE_MISMATCH", path, "%s was written and %s can't read it", w, r)
	}
	if r.isNamed() && r.Name != w.Name && !slices.Contains(r.Aliases, w.Name) {
		return problem("NAME_MISMATCH", path, "%s was written and %s is expected", w, r)
	}
	switch r.Kind {
	case "record":
		return c.record(r, w)
	case "array", "map":
		return c.check(r.Items, w.Items, path+"[]")
	case "fixed":
		if r.Size != w.Size {
			return problem("FIXED_SIZE_MISMATCH", path, "%d bytes were written and %d are expected", w.Size, r.Size)
		}
	case "enum":
		for _, s := range w.Symbols {
			if r.Fallback == "" && !slices.Contains(r.Symbols, s) {
				problems = append(problems, problem("MISSING_ENUM_SYMBOLS", path, "%s has no symbol %s, and no default for it", r, s)...)
			}
		}
	}
	return problems
}

// branch looks for a branch of the reader's union that can read what was written.
func (c checker) branch(r, w *Schema, path string) []string {
	var closest []string
	for _, b := range r.Branches {
		problems := c.check(b, w, path)
		if len(problems) == 0 {
			return nil
		}
		if b.Kind == w.Kind {
			closest = problems
		}
	}
	if closest != nil {
		return closest
	}
	return problem("MISSING_UNION_BRANCH", path, "%s was written and the union has no branch for it", w)
}

func (c checker) record(r, w *Schema) (problems []string) {
	for _, f := range r.Fields {
		path := r.Name + "." + f.Name
		if from := written(w, f); from != nil {
			problems = append(problems, c.check(f.Type, from.Type, path)...)
		} else if !f.HasDefault {
			problems = append(problems, problem("READER_FIELD_MISSING_DEFAULT_VALUE", path, "it was not written, and has no default")...)
		}
	}
	return problems
}

func written(w *Schema, f Field) *Field {
	for _, name := range append([]string{f.Name}, f.Aliases...) {
		for i := range w.Fields {
			if w.Fields[i].Name == name {
				return &w.Fields[i]
			}
		}
	}
	return nil
}

func promotes(from, to string) bool {
	switch from {
	case "int":
		return to == "long" || to == "float" || to == "double"
	case "long":
		return to == "float" || to == "double"
	case "float":
		return to == "double"
	case "string":
		return to == "bytes"
	case "bytes":
		return to == "string"
	}
	return false
}

func problem(code, path, format string, args ...any) []string {
	if path != "" {
		path += ": "
	}
	return []string{code + ": " + path + fmt.Sprintf(format, args...)}
}
