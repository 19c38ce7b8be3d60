// Package reliability is what the runs that put faults into Casetrail report, and the page that is made of it: one result for
// each kind of fault, with what was injected how often, what came of it, and the seed to do it again.
package reliability

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Env names the folder that results are written to, each as a file of JSON; without it they are only logged.
const Env = "CASETRAIL_RELIABILITY"

// Result is what came of one kind of fault.
type Result struct {
	Row    int    `json:"row"`   // orders the page
	Name   string `json:"name"`  // of the run, unique: the file's name
	Fault  string `json:"fault"` // what was injected: "kill -9 of a service"
	How    string `json:"how"`   // in which ways, and into what
	Trials int    `json:"trials"`
	Seed   uint64 `json:"seed"`
	// Checked is what the faults happened to, and what was looked at afterwards: "5,200 conversations, 48,000 events".
	Checked    string    `json:"checked"`
	Lost       int       `json:"lost"`
	Duplicated int       `json:"duplicated"`
	Forked     int       `json:"forked"`
	Wrong      []string  `json:"wrong,omitempty"` // what did not hold, in the checker's words
	Seconds    float64   `json:"seconds"`
	Again      string    `json:"again"` // the command that does it again
	At         time.Time `json:"at"`
}

// Held tells whether everything did.
func (r *Result) Held() bool {
	return r.Lost == 0 && r.Duplicated == 0 && r.Forked == 0 && len(r.Wrong) == 0
}

// Bound is the rate below which failures are, at 95 % confidence, when none was seen: three in the number of trials.
func (r *Result) Bound() string {
	if !r.Held() || r.Trials <= 3 { // so few bound nothing
		return "-"
	}
	return fmt.Sprintf("%.2g %%", 300/float64(r.Trials))
}

// Report logs a result, fails the test where something did not hold, and writes the result to the folder of Env.
func Report(t testing.TB, r Result) {
	t.Helper()
	r.At = time.Now().UTC().Truncate(time.Second)
	t.Logf("%s: %d trials (%s): lost %d, duplicated %d, forked %d; %s; seed %d; %.0f s", r.Fault, r.Trials, r.How, r.Lost, r.Duplicated, r.Forked, r.Checked, r.Seed, r.Seconds)
	if !r.Held() {
		t.Errorf("%s: lost %d, duplicated %d, forked %d; do it again with: %s\n%s", r.Fault, r.Lost, r.Duplicated, r.Forked, r.Again, strings.Join(r.Wrong, "\n"))
	}
	dir := os.Getenv(Env)
	if dir == "" {
		return
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, r.Name+".json"), append(b, '\n'), 0o644)
	}
	if err != nil {
		t.Errorf("write the result of %s: %v", r.Name, err)
	}
}

// Number writes a count as people read it: 12,345.
func Number[N ~int | ~int64 | ~uint64](n N) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
