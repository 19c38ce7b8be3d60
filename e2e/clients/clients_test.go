package clients

import "testing"

// The environment is the same for every test of the suite, so a pin that can't be installed shows here first.
func TestProgramsStart(t *testing.T) {
	p := New(t)
	for _, script := range []string{"produce.py", "consume.py", "read.py", "export.py", "verify.py", "manifest.py"} {
		p.Run(t, script, nil, "--help")
	}
}
