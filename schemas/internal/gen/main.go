// Command gen makes the Go side of the schemas: one *_gen.go for each *.avsc, and messages_gen.go with the table of all
// messages. It covers what Casetrail's schemas use and refuses everything else (general unions, maps, recursion, aliases),
// so that the code it writes stays small enough to be read.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	check := flag.Bool("check", false, "write nothing; fail when a generated file is stale")
	flag.Parse()
	if err := run(".", *check); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// run generates the files of dir, or only compares them where check is set.
func run(dir string, check bool) error {
	types, err := load(dir)
	if err != nil {
		return err
	}
	want, err := files(types)
	if err != nil {
		return err
	}
	have, err := filepath.Glob(filepath.Join(dir, "*_gen.go"))
	if err != nil {
		return err
	}
	if check {
		return compare(dir, want, have)
	}
	for name, src := range want {
		if err := os.WriteFile(filepath.Join(dir, name), src, 0o644); err != nil {
			return err
		}
	}
	for _, path := range have {
		if want[filepath.Base(path)] == nil {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	return nil
}

func compare(dir string, want map[string][]byte, have []string) error {
	var stale []string
	for name, src := range want {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(got, src) {
			stale = append(stale, name)
		}
	}
	for _, path := range have {
		if want[filepath.Base(path)] == nil {
			stale = append(stale, filepath.Base(path))
		}
	}
	if len(stale) > 0 {
		return errors.New("stale: " + strings.Join(stale, ", ") + "; run go generate in schemas/ and commit the result")
	}
	return nil
}
