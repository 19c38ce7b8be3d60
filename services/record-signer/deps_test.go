package main

import (
	"os/exec"
	"strings"
	"testing"
)

// The process that holds the signing key links neither a database driver nor the way in for the outside world.
func TestLinksNoMoreThanItNeeds(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range strings.Fields(string(out)) {
		for _, bad := range []string{"github.com/ClickHouse/", "github.com/casetrail/casetrail/services/intake", "github.com/casetrail/casetrail/services/router"} {
			if strings.HasPrefix(p, bad) {
				t.Errorf("links %s", p)
			}
		}
	}
}
