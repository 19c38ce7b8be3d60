package e2e

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/casetrail/casetrail/e2e/harness"
)

// The suite runs the whole of Casetrail, every service a process, on the embedded stack and on Apache Kafka alike.

func onBothStacks(t *testing.T, test func(t *testing.T, kind harness.Kind)) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: runs the whole pipeline")
	}
	for _, kind := range harness.Kinds {
		t.Run(string(kind), func(t *testing.T) { test(t, kind) })
	}
}

// testdata is a file of conversations that do not ship with Casetrail.
func testdata(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("CASETRAIL_TESTDATA")
	if dir == "" {
		dir = filepath.Join(harness.Root(), "..", "shared", "data")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	const why = "NOT PLAYED: %s is not there, so only the conversations that ship with Casetrail were; name its folder with CASETRAIL_TESTDATA"
	if os.Getenv("CI") == "true" {
		t.Fatalf(why, name)
	}
	t.Skipf(why, name)
	return ""
}

// patience is how long a stalled pipeline may take to go on.
const patience = 90 * time.Second

// passes waits until a topic has come to an offset, over all partitions.
func passes(t *testing.T, p *harness.Pipeline, topic string, offset int64) {
	t.Helper()
	harness.Eventually(t, topic+" goes on", patience, func() bool { return p.End(topic) >= offset })
}

// once fails the test where anything was written a second time.
func once(t *testing.T, p *harness.Pipeline) {
	t.Helper()
	for _, topic := range harness.Written {
		if d := p.Duplicates(topic); len(d) > 0 {
			t.Errorf("%d duplicates, first %s", len(d), d[0])
		}
	}
}
