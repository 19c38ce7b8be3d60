package guard_test

import (
	"math/rand/v2"
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

// The same of many policies put together from lines that may or may not be plain.
func TestHumanOnlyIsReadAlike(t *testing.T) {
	lines := []string{"version: a", "version: \"a # b\"", "version: it's", "version: a [ b", "workflow: b", "workflow: 'b: c'", "idle_close: 4h", "idle_close: 4h # x", "routes:", "routes: # x", "routes: {human_only: [x]}",
		"  human_only: [x, y]", "  human_only: [x,", "     y ]", "  human_only:", "  - x", "  -  'y'", "    - z", "    - \"w\" # v", "  ai_handles: []", "  ai_handles: [q]", "    ai_handles: [r]", "  ai_handles:", "",
		"# routes:", "  # human_only: [n]", "tripwires:", "  human_request: true", "  duration: 10m", "drift:", "  baselines: []", "  weights: {human_only: 3}", "- x", "metrics: {human_within: 3m}", "  human_only: *x", "]"}
	plain := 0
	for seed := range uint64(20_000) {
		r := rand.New(rand.NewPCG(seed, 0))
		document := "version: a\nworkflow: b\nidle_close: 4h\nroutes:\n"
		if r.IntN(2) == 0 {
			document = ""
		}
		for range 1 + r.IntN(14) {
			document += lines[r.IntN(len(lines))] + "\n"
		}
		got, err := record.HumanOnly(document)
		p, invalid := guard.Parse([]byte(document))
		if err != nil || invalid != nil {
			continue
		}
		if plain++; !slices.Equal(got, p.Routes.HumanOnly) {
			t.Fatalf("%q: %q, the router reads %q", document, got, p.Routes.HumanOnly)
		}
	}
	if plain == 0 {
		t.Error("none could be read by both: this shows nothing")
	}
}

// What ships can be read by both.
func TestShippedPolicyIsPlain(t *testing.T) {
	got, err := record.HumanOnly(string(policies.Default))
	p, invalid := guard.Parse(policies.Default)
	if err != nil || invalid != nil || len(got) == 0 || !slices.Equal(got, p.Routes.HumanOnly) {
		t.Errorf("%q %v, want %q %v", got, err, p.Routes.HumanOnly, invalid)
	}
}
