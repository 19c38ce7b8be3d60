package classify

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden findings")

// TestGolden holds the findings of 20 texts to the last digit: they must be the same on every machine, and they
// change with the weights' version only.
func TestGolden(t *testing.T) {
	type entry struct {
		Text string
		Finding
	}
	type golden struct {
		Version string
		Entries []entry
	}
	path := filepath.Join("testdata", "golden.json")
	model := load(t)
	var want golden
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	for i, e := range want.Entries {
		got := model.Classify(e.Text)
		if !reflect.DeepEqual(got, e.Finding) && !*update {
			t.Errorf("%q: %+v, want %+v", e.Text, got, e.Finding)
		}
		want.Entries[i].Finding = got
	}
	if len(want.Entries) != 20 {
		t.Errorf("%d texts, not 20", len(want.Entries))
	}
	if want.Version != model.Version() && !*update {
		t.Errorf("version %s, golden findings are of %s: run with -update", model.Version(), want.Version)
	}
	if *update {
		want.Version = model.Version()
		data, err := json.MarshalIndent(want, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
