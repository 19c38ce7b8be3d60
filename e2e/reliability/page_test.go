package reliability_test

import (
	"strings"
	"testing"

	"github.com/casetrail/casetrail/e2e/reliability"
)

func TestPageSaysWhatDidNotHold(t *testing.T) {
	good := reliability.Result{Row: 1, Name: "a", Fault: "a fault", How: "somehow", Trials: 1500, Seed: 7, Seconds: 300, Again: "go test -again"}
	bad := good
	bad.Name, bad.Duplicated, bad.Wrong = "b", 2, []string{"twice"}
	page := reliability.Page([]reliability.Result{good}, "a machine")
	for _, want := range []string{"1,500 faults, nothing lost", "| a fault | somehow; ", "| 1,500 | 0 | 0 | 0 | 0.2 % | 7 | 5 min |", "On a machine."} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in:\n%s", want, page)
		}
	}
	page = reliability.Page([]reliability.Result{good, bad}, "a machine")
	for _, want := range []string{"**Not everything held:** a fault: twice", "| 1,500 | 0 | 2 | 0 | - |"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in:\n%s", want, page)
		}
	}
	if strings.Contains(page, "{{") {
		t.Error("something is not filled in")
	}
}
