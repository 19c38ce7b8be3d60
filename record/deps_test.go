package record

import (
	"os/exec"
	"strings"
	"testing"
)

// An auditor builds and reads this module and golang.org/x/mod, and nothing else.
func TestLinksNothingElse(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range strings.Fields(string(out)) {
		if !strings.HasPrefix(p, "golang.org/x/mod/") && !strings.HasPrefix(p, "github.com/casetrail/casetrail/record") {
			t.Errorf("links %s", p)
		}
		if p == "golang.org/x/mod/modfile" || strings.HasPrefix(p, "golang.org/x/mod/sumdb") && p != "golang.org/x/mod/sumdb/note" && p != "golang.org/x/mod/sumdb/tlog" {
			t.Errorf("links %s, of which it needs note and tlog alone", p)
		}
	}
	out, err = exec.Command("go", "list", "-deps", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range strings.Fields(string(out)) {
		if p == "net" || p == "net/http" || p == "os/exec" {
			t.Errorf("links %s: nothing here talks to a network or starts a program", p)
		}
	}
}
