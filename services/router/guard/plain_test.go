package guard_test

import (
	"slices"
	"testing"

	"github.com/casetrail/casetrail/pipelines/policies"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/services/router/guard"
)

// What an auditor's verifier reads of a policy without a reader of YAML is what the router reads; or it says that it can't.
func FuzzHumanOnlyIsReadAlike(f *testing.F) {
	f.Add(string(policies.Default))
	f.Add("version: a\nworkflow: b\nidle_close: 4h\nroutes:\n  human_only:\n  - x # y\n  - \"z\"\n  ai_handles: [\n    'q', r ]\n")
	f.Add("version: \"a: b\"\nworkflow: it's b\nidle_close: 4h\nroutes:\n  human_only: [x]\n  ai_handles: []\ndrift:\n  baselines:\n    - {case_type: x}\n")
	f.Add("{version: a, workflow: b, idle_close: 4h, routes: {human_only: [x]}}")
	f.Add("version: a [ b\nworkflow: \"b\n  \"\nidle_close: 4h\nroutes:\n  human_only: &x [x]\n  ai_handles: \n")
	f.Fuzz(func(t *testing.T, document string) {
		got, err := record.HumanOnly(document)
		p, invalid := guard.Parse([]byte(document))
		if err == nil && invalid == nil && !slices.Equal(got, p.Routes.HumanOnly) {
			t.Errorf("%q: %q, the router reads %q", document, got, p.Routes.HumanOnly)
		}
	})
}

// What ships can be read by both.
func TestShippedPolicyIsPlain(t *testing.T) {
	got, err := record.HumanOnly(string(policies.Default))
	p, invalid := guard.Parse(policies.Default)
	if err != nil || invalid != nil || len(got) == 0 || !slices.Equal(got, p.Routes.HumanOnly) {
		t.Errorf("%q %v, want %q %v", got, err, p.Routes.HumanOnly, invalid)
	}
}
