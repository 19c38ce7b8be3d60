package e2e

import (
	"flag"
	"os"
	"testing"

	"github.com/casetrail/casetrail/e2e/harness"
)

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	harness.Clean()
	os.Exit(code)
}
