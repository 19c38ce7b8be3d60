package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// CI systems keep the end of what is printed, and it may be no more than some sixty lines: so the reasons come last, and are short.
const (
	mostLines = 10  // of a test
	allLines  = 45  // of all tests together, but for two of each
	mostRunes = 300 // of a line
)

// failure is a test or a package that failed, and its own words for why.
type failure struct {
	name string
	why  []string
}

// reasons prints them. A test of which only a part failed has nothing to say by itself.
func reasons(w io.Writer, all []failure) {
	var told []failure
	for _, f := range all {
		if len(f.why) > 0 || !named(all, f.name) {
			told = append(told, f)
		}
	}
	if len(told) == 0 {
		return
	}
	fmt.Fprintf(w, "\n================ FAILED, and why (all of each is above) ================\n")
	for _, f := range told {
		fmt.Fprintln(w, f.name)
		for _, line := range shortened(f.why, min(mostLines, max(2, allLines/len(told)))) {
			fmt.Fprintln(w, "    "+cut(line))
		}
	}
}

// named tells whether another failure is of a part of this one: of a subtest, or of a package's test.
func named(all []failure, of string) bool {
	part := of + "/"
	if !strings.Contains(of, " ") {
		part = of + " "
	}
	return slices.ContainsFunc(all, func(f failure) bool { return strings.HasPrefix(f.name, part) })
}

// shortened leaves out the middle: the first thing that was said is most often the cause, the last what ended the test.
func shortened(lines []string, most int) []string {
	if len(lines) <= most {
		return lines
	}
	last := most / 2
	first := most - last - 1
	out := append([]string{}, lines[:first]...)
	out = append(out, fmt.Sprintf("... %d lines ...", len(lines)-first-last))
	return append(out, lines[len(lines)-last:]...)
}

func cut(line string) string {
	if r := []rune(line); len(r) > mostRunes {
		return string(r[:mostRunes]) + "..."
	}
	return line
}

var (
	said = regexp.MustCompile(`^ +(\w+\.go):(\d+): (.*)$`)
	logs = regexp.MustCompile(`\bt\.Logf?\(`)
	died = regexp.MustCompile(`^(panic: |fatal error: |WARNING: DATA RACE)`)
)

// own is what t.Error and t.Fatal wrote into a failed test's output, and how the process died. The output doesn't tell them
// from t.Log; the source does, and package testing has said where.
func own(output, dir string) (lines []string) {
	keep, dying := false, false
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, "\r\n")
		m := said.FindStringSubmatch(line)
		switch {
		case m != nil:
			n, _ := strconv.Atoi(m[2]) // it is digits
			keep, dying = !strings.HasPrefix(m[3], "--- ") && !logged(filepath.Join(dir, m[1]), n), false
		case died.MatchString(line):
			keep, dying = true, true
		case dying && line == "", !dying && !strings.HasPrefix(line, "        "):
			keep, dying = false, false // a stack, or frames such as "--- FAIL"
		}
		if keep && strings.TrimSpace(line) != "" {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// logged tells whether what was written in a line of a file was written by t.Log. Where the file is not to be had, it was not.
func logged(file string, n int) bool {
	b, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(b)) {
		if n--; n == 0 {
			return logs.MatchString(line)
		}
	}
	return false
}

// rest is what a failed package printed beside its tests: that goroutines are left, or the seed to try again with.
func rest(output string) (lines []string) {
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		if line == "" || line == "FAIL" || line == "PASS" || strings.HasPrefix(line, "exit status ") || strings.HasPrefix(line, "coverage: ") {
			continue
		}
		lines = append(lines, line)
	}
	return lines
}
