package training

import (
	"bytes"
	"strings"
	"testing"

	"github.com/casetrail/casetrail/services/intake/classify"
	"github.com/casetrail/casetrail/services/intake/classify/assess"
)

func TestPhrases(t *testing.T) {
	examples, err := Phrases()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Phrases()
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[int]int{}
	for i, e := range examples {
		kinds[e.Type]++
		if e.Text != again[i].Text {
			t.Fatalf("%q, then %q", e.Text, again[i].Text)
		}
		if strings.ContainsAny(e.Text, "[]<>|") {
			t.Errorf("%q is not a text", e.Text)
		}
	}
	for kind, name := range assess.Types {
		if kinds[kind] < 50 {
			t.Errorf("%s has %d phrases", name, kinds[kind])
		}
	}
}

// An operator's own words, which no model knew, are known after training; and what was known is not forgotten.
func TestAddLearnsAndDoesNotForget(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT TESTED: training takes seconds; run without -short")
	}
	var examples []*Example
	for _, text := range []string{"my zorblat is grumpled", "the zorblat grumpled again", "why is the zorblat all grumpled",
		"zorblat grumpled since monday", "it grumpled, the zorblat", "grumpled zorblat please", "help, grumpled zorblat", "zorblat looks grumpled to me"} {
		examples = append(examples, New(text, "desk", "", 6, 0))
	}
	data, err := Add(examples)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Add(examples)
	if err != nil || !bytes.Equal(data, again) {
		t.Errorf("the same rows gave other weights (%v)", err)
	}
	model, err := classify.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if got := model.Classify("hello, our zorblat grumpled"); got.CaseType != assess.Types[6] {
		t.Errorf("not learnt: %+v", got)
	}
	for text, want := range map[string]string{
		"where is my package?": "shipment_tracking", "i was charged twice": "dispute", "how do i reset my password": "unknown",
		"someone used my card and it was not me": "fraud_claim",
	} {
		if got := model.Classify(text); got.CaseType != want {
			t.Errorf("forgotten: %q is %+v", text, got)
		}
	}
}
