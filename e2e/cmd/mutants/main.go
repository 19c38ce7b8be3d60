// Command mutants shows that the tests notice: it takes one guarantee out at a time, by pipelines/inject, and runs the test that must
// fail then, and that passes when nothing is taken out. It exits with 1 where a mutant survives or a test fails by itself.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// atMost is how long a test may take: one that hangs without what was taken out has noticed too, but say so.
const atMost = 4 * time.Minute

func main() {
	only := flag.String("only", "", "mutants to try, with commas between them; all where empty")
	flag.Parse()
	dir, err := os.MkdirTemp("", "casetrail-mutants-")
	if err == nil {
		var survived int
		survived, err = try(dir, *only)
		if err == nil && survived > 0 {
			err = fmt.Errorf("%d are not caught", survived)
		}
		_ = os.RemoveAll(dir) // a leftover in the temporary directory harms nobody
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// atOnce is how many are tried at the same time: many wait, for a broker or for an engine.
const atOnce = 2

// try tries all and prints the table, in its order.
func try(dir, only string) (survived int, err error) {
	b := bench{dir: dir, built: map[string]func() (string, error){}, sound: map[string]func() error{}}
	fmt.Println("| mutant | what it takes out | caught by | how |\n|---|---|---|---|")
	type trial struct {
		of func() row
		to chan row
	}
	var tries []trial
	for _, m := range mutants {
		if only == "" || slices.Contains(strings.Split(only, ","), m.name) {
			tries = append(tries, trial{b.of(m), make(chan row, 1)})
		}
	}
	if len(tries) == 0 {
		return 0, fmt.Errorf("-only %s names none of the mutants in e2e/cmd/mutants/table.go", only)
	}
	jobs := make(chan trial, len(tries))
	for _, t := range tries {
		jobs <- t
	}
	close(jobs)
	for range atOnce {
		go func() {
			for t := range jobs {
				t.to <- t.of()
			}
		}()
	}
	for _, t := range tries {
		r := <-t.to
		if r.err != nil {
			err = errors.Join(err, r.err)
			continue
		}
		if !r.caught {
			survived++
		}
		fmt.Println(r.line)
	}
	return survived, err
}

// row is what came of a mutant.
type row struct {
	line   string
	caught bool
	err    error
}

// of is to be called to try a mutant. Many may be called at once.
func (b *bench) of(m mutant) func() row {
	bin := b.binary(m.pkg)
	sane := b.sane(bin, m)
	return func() row {
		by := m.pkg + " " + m.test
		binary, err := bin()
		if err != nil {
			return row{err: err}
		}
		if err := sane(); err != nil {
			return row{err: fmt.Errorf("%s fails without a mutant: %w", by, err)}
		}
		how, caught := b.run(binary, m, m.name)
		if !caught {
			how = "**NOT CAUGHT**"
		}
		return row{line: fmt.Sprintf("| %s | %s | %s | %s |", m.name, m.out, strings.ReplaceAll(by, "|", "&#124;"), how), caught: caught}
	}
}

// bench builds each test binary once, and makes certain once that each test passes without a mutant.
type bench struct {
	dir   string
	built map[string]func() (string, error)
	sound map[string]func() error
}

func (b *bench) binary(pkg string) func() (string, error) {
	if b.built[pkg] == nil {
		path := filepath.Join(b.dir, fmt.Sprintf("%d.test", len(b.built)))
		b.built[pkg] = sync.OnceValues(func() (string, error) {
			out, err := exec.Command("go", "test", "-c", "-tags", "inject", "-o", path, pkg).CombinedOutput()
			if err != nil {
				return "", fmt.Errorf("build the tests of %s: %w\n%s", pkg, err, out)
			}
			return path, nil
		})
	}
	return b.built[pkg]
}

func (b *bench) sane(binary func() (string, error), m mutant) func() error {
	key := m.pkg + m.test
	if b.sound[key] == nil {
		b.sound[key] = sync.OnceValue(func() error {
			path, err := binary()
			if err != nil {
				return err
			}
			if how, failed := b.run(path, m, ""); failed {
				return errors.New(how)
			}
			return nil
		})
	}
	return b.sound[key]
}

// run runs a test, with a mutant or without, and tells whether it failed, and how.
func (b *bench) run(binary string, m mutant, name string) (how string, failed bool) {
	ctx, cancel := context.WithTimeout(context.Background(), atMost)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, append([]string{"-test.run", m.test, "-test.count=1"}, m.args...)...)
	cmd.Dir, cmd.WaitDelay = m.pkg, time.Second
	cmd.Env = append(os.Environ(), "CASETRAIL_MUTANT="+name)
	out, err := cmd.CombinedOutput()
	switch {
	case ctx.Err() != nil:
		return fmt.Sprintf("it does not end within %v", atMost), true
	case bytes.Contains(out, []byte("no tests to run")):
		return "there is no such test", name == "" // neither sound nor caught
	case err == nil:
		return "", false
	}
	return first(out), true
}

// first is the first thing that a failed test said.
func first(out []byte) string {
	for line := range strings.Lines(string(out)) {
		if _, says, ok := strings.Cut(line, "_test.go:"); ok && strings.HasPrefix(line, "    ") {
			_, says, _ = strings.Cut(strings.TrimSpace(says), ": ")
			if noise(says) {
				continue
			}
			return strings.ReplaceAll(says[:min(120, len(says))], "|", "&#124;")
		}
	}
	return "it fails"
}

// noise is what tests say when all is well, too.
func noise(says string) bool {
	return strings.Contains(says, " retries: ") || strings.Contains(says, " retry: ") || strings.HasPrefix(says, "lost acknowledgements: ")
}
