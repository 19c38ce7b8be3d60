package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// Whoever adds a mutant says what must catch it.
func TestEveryMutantHasACatcher(t *testing.T) {
	files, err := filepath.Glob("../../../pipelines/inject/*.go")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, m := range mutants {
		listed[m.name] = true
	}
	found := 0
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if typ, ok := v.Type.(*ast.Ident); ok && typ.Name == "Mutant" && len(v.Values) == 1 {
				name := strings.Trim(v.Values[0].(*ast.BasicLit).Value, "\"")
				if found++; !listed[name] {
					t.Errorf("%s is in no row of the table", name)
				}
			}
			return true
		})
	}
	if found != len(listed) {
		t.Errorf("%d mutants, the table has %d", found, len(listed))
	}
}
