package e2e

import (
	"bytes"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/casetrail/casetrail/e2e/harness"
)

// The tests of the layout: what may be linked into what, and what a newcomer may rely on in every folder.

const module = "github.com/casetrail/casetrail/"

// Each rule is about all that a package links, and not only what it imports by itself.
func TestLinks(t *testing.T) {
	only := func(allowed ...string) func(string) bool {
		return func(dep string) bool {
			return !slices.ContainsFunc(allowed, func(a string) bool { return under(dep, a) })
		}
	}
	none := func(forbidden ...string) func(string) bool {
		return func(dep string) bool {
			return slices.ContainsFunc(forbidden, func(f string) bool { return under(dep, f) })
		}
	}
	clickhouse := []string{"github.com/ClickHouse"}
	for _, rule := range []struct {
		name, packages string
		wrong          func(dep string) bool // asked of what is not in the standard library
	}{
		{"an auditor reads the verifier to its end", "record/...", only(module+"record", "golang.org/x/mod")},
		{"producers and consumers import schemas, and get nothing of Casetrail beside it", "schemas/...",
			none(module+"record", module+"pipelines", module+"services", module+"cli")},
		{"pipelines stands on schemas alone", "pipelines/...", none(module+"record", module+"services", module+"cli")},
		{"services run without the command", "services/...", none(module+"cli", module+"e2e")},
		{"the holder of the signing key has no front and no database", "services/record-signer/...",
			none(append(clickhouse, module+"services/intake", module+"services/clickhouse-sink", "github.com/pressly/goose")...)},
		{"the router asks no model and no database", "services/router/...",
			none(append(clickhouse, module+"services/intake/classify")...)},
		{"intake has no database", "services/intake/...", none(clickhouse...)},
		{"the aggregator has no database", "services/aggregator/...", none(clickhouse...)},
		{"a stage knows no broker", "pipelines/stage/...", only(module + "pipelines/inject")},
		{"nothing links the tests", "cli/...", none(module + "e2e")},
	} {
		t.Run(rule.name, func(t *testing.T) {
			deps := links(t, "./"+rule.packages)
			for _, dep := range deps {
				if external(dep) && !under(dep, module+path.Dir(rule.packages)) && rule.wrong(dep) {
					t.Errorf("%s links %s", rule.packages, dep)
				}
			}
			if len(deps) == 0 {
				t.Errorf("there is no %s: the rule holds for nothing", rule.packages)
			}
		})
	}
}

func under(pkg, prefix string) bool { return pkg == prefix || strings.HasPrefix(pkg, prefix+"/") }

// external tells that an import path is not of the standard library.
func external(dep string) bool {
	first, _, _ := strings.Cut(dep, "/")
	return strings.Contains(first, ".")
}

func links(t *testing.T, pattern string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", pattern)
	cmd.Dir = ".."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.Bytes())
	}
	return strings.Fields(string(out))
}

// tree calls fn for every file of the repository, with its path from the root.
func tree(t *testing.T, fn func(name string)) {
	t.Helper()
	left := []string{".git", ".cache", "bin", "data", "secrets", "node_modules"}
	root := os.DirFS("..")
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains(left, d.Name()) {
			return fs.SkipDir
		}
		if d.Type().IsRegular() && name != ".git" { // of a worktree it is a file
			fn(name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEveryPackageSaysOnceWhatItIs(t *testing.T) {
	docs := map[string][]string{} // folder to the files with a package comment
	tree(t, func(name string) {
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, read(t, name), parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Error(err)
			return
		}
		dir := path.Dir(name)
		docs[dir] = slices.Grow(docs[dir], 0)
		if f.Doc != nil {
			docs[dir] = append(docs[dir], path.Base(name))
		}
		switch f.Name.Name {
		case "common", "util", "utils", "helpers", "types", "pkg", "misc", "base", "shared", "lib":
			t.Errorf("%s: package %s says nothing of what is in it", name, f.Name.Name)
		}
	})
	for dir, files := range docs {
		if len(files) != 1 {
			t.Errorf("%s has %d package comments, in %v; it needs one", dir, len(files), files)
		}
	}
}

func TestFilesStaySmall(t *testing.T) {
	const most, median = 400, 120
	var lengths []int
	tree(t, func(name string) {
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, "_gen.go") {
			return
		}
		n := bytes.Count(read(t, name), []byte("\n"))
		lengths = append(lengths, n)
		if n > most {
			t.Errorf("%s has %d lines; split it, as %d are too many to hold in mind", name, n, most)
		}
	})
	slices.Sort(lengths)
	if m := lengths[len(lengths)/2]; m > median {
		t.Errorf("the median file has %d lines, above %d", m, median)
	}
}

// What holds on one machine alone, or names where packages come from, has no place in the tree: both are the user's.
func TestNothingOfOneMachineIsInTheTree(t *testing.T) {
	machine := regexp.MustCompile(`(^|[^\w/.:~-])/(root|work|Users|home/\w+)/`)
	// In pieces, or this file would be the first to fail.
	registries := regexp.MustCompile(strings.Join([]string{`pypi\.o` + `rg`, `pythonhosted\.o` + `rg`, `npmjs\.o` + `rg`, `proxy\.golang\.o` + `rg`,
		`sum\.golang\.o` + `rg`, `repo1?\.maven`, `crates\.i` + `o`, `deb\.debian\.o` + `rg`, `gcr\.i` + `o`, `ghcr\.i` + `o`, `quay\.i` + `o`}, "|"))
	tree(t, func(name string) {
		b := read(t, name)
		if bytes.IndexByte(b, 0) >= 0 {
			return
		}
		for i, line := range bytes.Split(b, []byte("\n")) {
			if m := registries.Find(line); m != nil {
				t.Errorf("%s:%d names a package registry: %s", name, i+1, m)
			}
			if m := machine.Find(line); m != nil && name != "Dockerfile" { // whose paths are the container's
				t.Errorf("%s:%d has a path of one machine: %s", name, i+1, bytes.TrimSpace(m))
			}
		}
	})
}

func TestSecretsStayOutOfGit(t *testing.T) {
	for _, file := range []string{".gitignore", ".dockerignore"} {
		lines := strings.Fields(string(read(t, file)))
		for _, name := range []string{"secrets", ".env"} {
			if !slices.ContainsFunc(lines, func(l string) bool { return strings.Trim(l, "/") == name }) {
				t.Errorf("%s does not name %s", file, name)
			}
		}
	}
}

// What tests put into a service, mutants and crash points, is not in what is shipped.
func TestShippedProgramsInjectNothing(t *testing.T) {
	for _, name := range harness.Services {
		b, err := os.ReadFile(harness.Binary(t, name))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte("CASETRAIL_MUTANT")) || bytes.Contains(b, []byte("CASETRAIL_CRASH")) {
			t.Errorf("%s can be told to be a mutant, or to die", name)
		}
	}
}
