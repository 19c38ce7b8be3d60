package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// played is what the report says at the end about a run with these events.
func played(t *testing.T, events ...event) string {
	t.Helper()
	var in, out strings.Builder
	for _, e := range events {
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&in, "%s\n", b)
	}
	r := newReport(&out)
	if err := r.read(strings.NewReader(in.String())); err != nil {
		t.Fatal(err)
	}
	r.close(nil, false)
	return out.String()
}

// of are the events of a test that says some lines and ends so.
func of(pkg, test, end string, lines ...string) (out []event) {
	for _, l := range lines {
		out = append(out, event{Action: "output", Package: "github.com/casetrail/casetrail/" + pkg, Test: test, Output: l + "\n"})
	}
	return append(out, event{Action: end, Package: "github.com/casetrail/casetrail/" + pkg, Test: test})
}

func TestTheReasonsComeLast(t *testing.T) {
	many := []string{"=== RUN   TestMany"}
	for i := range 100 {
		many = append(many, fmt.Sprintf("    many_test.go:%d: wrong %d", i, i))
	}
	for _, c := range []struct {
		name   string
		events []event
		want   string
	}{
		{"all is well", of("e2e", "TestGood", "pass", "    a_test.go:1: never told"), ""},
		{
			"a service's log, and the reason before it",
			of("e2e", "TestX/kafka", "fail", "=== RUN   TestX/kafka", "    x_test.go:12: not within 1m30s: all is settled", "        of 2", "",
				"    process.go:160: --- router (<nil>), the end of its log:", `        {"level":"info"}`, "--- FAIL: TestX/kafka (1.00s)"),
			"e2e TestX/kafka\n    x_test.go:12: not within 1m30s: all is settled\n    of 2\n",
		},
		{
			"of a test with a failed part, the part",
			append(of("e2e", "TestX/kafka", "fail", "    x_test.go:12: wrong"), of("e2e", "TestX", "fail", "--- FAIL: TestX (1.00s)")...),
			"e2e TestX/kafka\n    x_test.go:12: wrong\n",
		},
		{"nothing is said", of("e2e", "TestX", "fail", "--- FAIL: TestX (1.00s)"), "e2e TestX\n"},
		{
			"many lines, and wide ones",
			of("e2e", "TestMany", "fail", append(many, "    many_test.go:200: "+strings.Repeat("é", 400))...),
			"e2e TestMany\n    many_test.go:0: wrong 0\n    many_test.go:1: wrong 1\n    many_test.go:2: wrong 2\n    many_test.go:3: wrong 3\n    ... 92 lines ...\n" +
				"    many_test.go:96: wrong 96\n    many_test.go:97: wrong 97\n    many_test.go:98: wrong 98\n    many_test.go:99: wrong 99\n    many_test.go:200: " + strings.Repeat("é", 282) + "...\n",
		},
		{
			"a panic, without the stack",
			of("record", "TestX", "fail", "panic: assignment to entry in nil map [recovered, repanicked]", "", "goroutine 9 [running]:", "record.TestX(0x1)"),
			"record TestX\n    panic: assignment to entry in nil map [recovered, repanicked]\n",
		},
		{
			"out of time",
			append(of("e2e", "TestX", "output", "panic: test timed out after 1h0m0s", "\trunning tests:", "\t\tTestX (59m0s)", "", "goroutine 9 [running]:"), of("e2e", "", "fail", "FAIL\te2e\t3600s")...),
			"e2e TestX\n    has not ended\n    panic: test timed out after 1h0m0s\n    running tests:\n    TestX (59m0s)\n",
		},
		{
			"what a package says after its tests",
			append(of("e2e/torture", "TestX", "fail", "    x_test.go:12: wrong"), of("e2e/torture", "", "fail", "FAIL", "torture: do it again with -args -seed 7", "exit status 1")...),
			"e2e/torture TestX\n    x_test.go:12: wrong\ne2e/torture\n    torture: do it again with -args -seed 7\n",
		},
		{
			"what does not compile",
			[]event{
				{Action: "build-output", ImportPath: "record [record.test]", Output: "record/a.go:3:1: undefined: x\n"},
				{Action: "fail", Package: "github.com/casetrail/casetrail/record", FailedBuild: "record [record.test]"},
			},
			"record\n    record/a.go:3:1: undefined: x\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := played(t, c.events...)
			_, got, _ = strings.Cut(got, "above) ================\n")
			got, _, _ = strings.Cut(got, "\n0 passed")
			if got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// What this test logs is no reason, and what it says by Error is: the lines are this file's own.
func TestALogIsNoReason(t *testing.T) {
	t.Logf("line %d", 103)
	out := "    reasons_test.go:103: line 103\n    reasons_test.go:105: not this\n"
	if got := own(out, "."); len(got) != 1 || got[0] != "reasons_test.go:105: not this" {
		t.Errorf("%q", got)
	}
}
