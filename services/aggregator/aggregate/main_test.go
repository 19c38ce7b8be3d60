package aggregate

import (
	"flag"
	"os"
	"testing"
)

// TestMain asks for fewer worlds than rapid would: each is some hundred minutes of some ledgers, computed twice, and a
// hundred of them under the race detector are ten minutes of two cores. -rapid.checks asks for more.
func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if !asked {
		if err := flag.Set("rapid.checks", "20"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
