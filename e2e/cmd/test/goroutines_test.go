package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// A package that starts goroutines, or whose tests do, is tested with the race detector.
func TestSinglePackagesStartNoGoroutine(t *testing.T) {
	for _, pkg := range single {
		files, err := filepath.Glob(filepath.Join("..", "..", "..", pkg, "*.go"))
		if err != nil || len(files) == 0 {
			t.Errorf("%s: %d files, %v", pkg, len(files), err)
		}
		for _, file := range files {
			set := token.NewFileSet()
			f, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				_, starts := n.(*ast.GoStmt)
				if s, ok := n.(*ast.SelectorExpr); ok {
					starts = s.Sel.Name == "Go" || s.Sel.Name == "Parallel" || s.Sel.Name == "AfterFunc"
				}
				if starts {
					t.Errorf("%v starts a goroutine: take %s out of single", set.Position(n.Pos()), pkg)
				}
				return true
			})
		}
	}
}

func TestRuns(t *testing.T) {
	for _, c := range []struct {
		args string
		want []string
	}{
		{"", []string{
			"test -json -timeout 60m " + module + "e2e/rerun", // and more
			"test -json -timeout 60m -race " + module + "e2e " + module + "e2e/torture " + module + "record",
		}},
		{"-run X ./services/router/cases ./e2e/proxy -args -seed 1", []string{
			"test -json -timeout 60m -run X " + module + "services/router/cases -args -seed 1",
			"test -json -timeout 60m -run X -race " + module + "e2e/proxy -args -seed 1",
		}},
		{"./e2e/proxy", []string{"test -json -timeout 60m -race " + module + "e2e/proxy"}},
	} {
		t.Run(c.args, func(t *testing.T) {
			t.Chdir(filepath.Join("..", "..", ".."))
			got, err := runs(strings.Fields(c.args))
			if err != nil || len(got) != len(c.want) {
				t.Fatalf("%q, %v", got, err)
			}
			for i, want := range c.want {
				if line := strings.Join(got[i], " "); line != want && (c.args != "" || i == 1 && !strings.HasPrefix(line, want)) {
					t.Errorf("%s\nwant %s", line, want)
				}
			}
		})
	}
}
