// Command test runs every test of the workspace and says at the end, loudly, what was left out and why. Where CI is
// true nothing may be left out: a test that is skipped then fails the run.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// event is one line of go test -json (go doc test2json).
type event struct {
	Action, Package, Test, Output string
	ImportPath, FailedBuild       string // of what did not compile
}

// modules in the order in which they build upon each other.
var modules = []string{"./record/...", "./schemas/...", "./pipelines/...", "./services/...", "./cli/...", "./e2e/..."}

func main() {
	all, err := runs(os.Args[1:])
	r := newReport(os.Stdout)
	for _, args := range all {
		if e := r.run(args); e != nil && err == nil {
			err = e
		}
	}
	os.Exit(r.close(err, os.Getenv("CI") == "true"))
}

// run runs go with some arguments and takes what the tests say.
func (r *report) run(args []string) error {
	cmd := exec.Command("go", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return err
	}
	if err := r.read(out); err != nil {
		fmt.Fprintln(os.Stderr, "test:", err)
	}
	return cmd.Wait()
}

// report collects what the tests said.
type report struct {
	to                   io.Writer
	output               map[string]*strings.Builder // of tests that have not passed, by package and test
	skipped              map[string]string           // why, by package and test
	built                map[string]string           // what the compiler said, by import path
	failures             []failure                   // in the order in which they came
	passed, failed, left int
}

func newReport(to io.Writer) *report {
	return &report{to: to, output: map[string]*strings.Builder{}, skipped: map[string]string{}, built: map[string]string{}}
}

func (r *report) read(in io.Reader) error {
	s := bufio.NewScanner(in)
	s.Buffer(nil, 64<<20)
	for s.Scan() {
		var e event
		if json.Unmarshal(s.Bytes(), &e) != nil {
			fmt.Fprintln(r.to, s.Text()) // the compiler's words
			continue
		}
		r.take(e)
	}
	return s.Err()
}

func (r *report) take(e event) {
	pkg := strings.TrimPrefix(e.Package, module)
	key := pkg + " " + e.Test
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.to, e.Output)
		r.built[e.ImportPath] += e.Output
	case "output":
		if e.Test == "" && (strings.HasPrefix(e.Output, "ok ") || strings.HasPrefix(e.Output, "FAIL\t")) {
			fmt.Fprint(r.to, e.Output)
			return
		}
		r.write(key, e.Output)
	case "pass":
		if e.Test != "" {
			r.passed++
		}
		delete(r.output, key)
	case "skip":
		if e.Test != "" {
			r.left++
			r.skipped[key] = why(r.text(key))
		}
		delete(r.output, key)
	case "fail":
		if e.Test == "" {
			r.lost(pkg, e.FailedBuild)
			return
		}
		r.fail(key, own(r.text(key), pkg))
	}
}

// fail shows all that a test said and keeps why it failed.
func (r *report) fail(key string, why []string) {
	r.failed++
	fmt.Fprint(r.to, r.text(key))
	delete(r.output, key)
	r.failures = append(r.failures, failure{key, why})
}

// lost ends a package that failed: with those of its tests that have not ended, as where it ran out of time, and with what
// did not compile.
func (r *report) lost(pkg, build string) {
	for _, key := range slices.Sorted(maps.Keys(r.output)) {
		if strings.HasPrefix(key, pkg+" ") && key != pkg+" " {
			r.fail(key, append([]string{"has not ended"}, own(r.text(key), pkg)...))
		}
	}
	fmt.Fprint(r.to, r.text(pkg+" "))
	r.failures = append(r.failures, failure{pkg, append(rest(r.built[build]), rest(r.text(pkg+" "))...)})
	delete(r.output, pkg+" ")
}

func (r *report) write(key, text string) {
	if r.output[key] == nil {
		r.output[key] = &strings.Builder{}
	}
	r.output[key].WriteString(text)
}

func (r *report) text(key string) string {
	if b := r.output[key]; b != nil {
		return b.String()
	}
	return ""
}

// why is the reason in a skipped test's output: the line that t.Skip wrote.
func why(output string) string {
	for line := range strings.Lines(output) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "===") && !strings.HasPrefix(line, "---") {
			if _, reason, ok := strings.Cut(line, ".go:"); ok {
				_, line, _ = strings.Cut(reason, ": ")
			}
			return line
		}
	}
	return "no reason given"
}

// close prints the summary and returns the exit status.
func (r *report) close(err error, ci bool) int {
	w := r.to
	if len(r.skipped) > 0 {
		fmt.Fprintf(w, "\n================ LEFT OUT: %d tests did not run ================\n", r.left)
		byReason := map[string][]string{}
		for test, reason := range r.skipped {
			byReason[reason] = append(byReason[reason], test)
		}
		for _, reason := range slices.Sorted(maps.Keys(byReason)) {
			tests := byReason[reason]
			slices.Sort(tests)
			fmt.Fprintf(w, "%s\n", reason)
			for _, t := range tests {
				fmt.Fprintf(w, "    %s\n", t)
			}
		}
		fmt.Fprintln(w, "================================================================")
	}
	reasons(w, r.failures)
	fmt.Fprintf(w, "\n%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.left)
	var exit *exec.ExitError
	switch {
	case err != nil && !errors.As(err, &exit):
		fmt.Fprintln(w, "test:", err)
		return 1
	case err != nil:
		return exit.ExitCode()
	case ci && r.left > 0:
		fmt.Fprintln(w, "CI=true: nothing may be left out")
		return 1
	}
	return 0
}
