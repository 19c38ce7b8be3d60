package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// dataSets gives the folder of the data sets, or skips the test. Where tests are the gate, they may not be missing.
func dataSets(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("CASETRAIL_TESTDATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "..", "shared", "data")
	}
	if _, err := os.Stat(filepath.Join(dir, "utterances.csv")); err != nil {
		const why = "NOT TESTED: the data sets are not here; name their folder in CASETRAIL_TESTDATA"
		if os.Getenv("CI") == "true" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	if testing.Short() {
		t.Skip("NOT TESTED: training takes seconds; run without -short")
	}
	return dir
}

func TestTrainingGivesTheEmbeddedWeights(t *testing.T) {
	examples, err := load(dataSets(t))
	if err != nil {
		t.Fatal(err)
	}
	got, err := train(examples)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join("..", "model.bin"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("the trainer gives other weights than model.bin: train again, then update the golden findings")
	}
}

// TestHeldOutQuality holds floors a little below what docs/model-card.md reports, on the sources that take least time.
func TestHeldOutQuality(t *testing.T) {
	examples, err := load(dataSets(t))
	if err != nil {
		t.Fatal(err)
	}
	tally, err := measure(io.Discard, examples, [][]string{folds[1], folds[3], folds[4], folds[5]}, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	share, leak, typed := tally.leak(slices.Index(levels, thresholds[0]))
	t.Logf("AI share %.3f, leak %.4f, of typed cases %.4f", share, leak, typed)
	if share < 0.55 {
		t.Errorf("only %.3f of the traffic goes to an AI", share)
	}
	if leak > 0.025 || typed > 0.025 {
		t.Errorf("%.4f of a human's cases go to an AI, and %.4f of those with a type", leak, typed)
	}
	var human signal
	for _, s := range tally.human {
		human.hit += s.hit
		human.miss += s.miss
		human.alarm += s.alarm
		human.quiet += s.quiet
	}
	t.Logf("asks for a human: %v", &human)
	if human.hit < 0.90*(human.hit+human.miss) || human.hit < 0.90*(human.hit+human.alarm) {
		t.Errorf("asks for a human: %v", &human)
	}
}

func TestPatterns(t *testing.T) {
	examples, err := phrases()
	if err != nil {
		t.Fatal(err)
	}
	again, err := phrases()
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[int]int{}
	for i, e := range examples {
		kinds[e.kind]++
		if e.text != again[i].text {
			t.Fatalf("%q, then %q", e.text, again[i].text)
		}
		if bytes.ContainsAny([]byte(e.text), "[]<>|") {
			t.Errorf("%q is not a text", e.text)
		}
	}
	for kind := range unknown + 1 {
		if kinds[kind] < 50 {
			t.Errorf("%s has %d phrases", name(kind), kinds[kind])
		}
	}
}
