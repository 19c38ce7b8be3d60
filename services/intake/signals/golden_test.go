package signals

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden findings")

// TestGolden holds the findings of some texts to the last digit: they are data in the log, so they must be the same on
// every machine and change with the version only.
func TestGolden(t *testing.T) {
	type entry struct {
		Text string
		Found
	}
	type golden struct {
		Version string
		Entries []entry
	}
	path := filepath.Join("testdata", "golden.json")
	d := load(t)
	var want golden
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	for i, e := range want.Entries {
		got := d.Detect(e.Text)
		if !reflect.DeepEqual(got, e.Found) && !*update {
			t.Errorf("%q: %+v, want %+v", e.Text, got, e.Found)
		}
		want.Entries[i].Found = got
	}
	if len(want.Entries) < 20 {
		t.Errorf("%d texts, not 20", len(want.Entries))
	}
	if want.Version != d.Version() && !*update {
		t.Errorf("version %s, golden findings are of %s: run with -update", d.Version(), want.Version)
	}
	if *update {
		want.Version = d.Version()
		data, err := json.MarshalIndent(want, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
