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
	Elapsed                       float64
}

// modules in the order in which they build upon each other.
var modules = []string{"./record/...", "./schemas/...", "./pipelines/...", "./services/...", "./cli/...", "./e2e/..."}

func main() {
	args := append([]string{"test", "-json", "-race", "-timeout", "60m"}, os.Args[1:]...)
	if !slices.ContainsFunc(os.Args[1:], func(a string) bool { return strings.HasPrefix(a, "./") }) {
		args = append(args, modules...)
	}
	cmd := exec.Command("go", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "test:", err)
		os.Exit(1)
	}
	r := newReport()
	if err := r.read(out); err != nil {
		fmt.Fprintln(os.Stderr, "test:", err)
	}
	err = cmd.Wait()
	os.Exit(r.close(os.Stdout, err, os.Getenv("CI") == "true"))
}

// report collects what the tests said.
type report struct {
	output               map[string]*strings.Builder // of tests that have not passed, by package and test
	skipped              map[string]string           // why, by package and test
	passed, failed, left int
}

func newReport() *report {
	return &report{output: map[string]*strings.Builder{}, skipped: map[string]string{}}
}

func (r *report) read(in io.Reader) error {
	s := bufio.NewScanner(in)
	s.Buffer(nil, 64<<20)
	for s.Scan() {
		var e event
		if json.Unmarshal(s.Bytes(), &e) != nil {
			fmt.Println(s.Text()) // the compiler's words
			continue
		}
		r.take(e)
	}
	return s.Err()
}

func (r *report) take(e event) {
	key := strings.TrimPrefix(e.Package, "github.com/casetrail/casetrail/") + " " + e.Test
	switch e.Action {
	case "output":
		if e.Test == "" {
			if strings.HasPrefix(e.Output, "ok ") || strings.HasPrefix(e.Output, "FAIL\t") || strings.HasPrefix(e.Output, "panic:") {
				fmt.Print(e.Output)
			} else {
				r.write(key, e.Output)
			}
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
		if e.Test != "" {
			r.failed++
		}
		fmt.Print(r.text(key))
		delete(r.output, key)
	}
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
func (r *report) close(w io.Writer, err error, ci bool) int {
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
