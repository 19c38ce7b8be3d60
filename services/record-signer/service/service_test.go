package service

import (
	"strings"
	"testing"

	"github.com/casetrail/casetrail/pipelines/process"
	"github.com/casetrail/casetrail/record"
)

func TestValidateNamesWhatIsWrong(t *testing.T) {
	good := process.Config{Brokers: []string{"127.0.0.1:9092"}, Registry: "http://127.0.0.1:8081", LogLevel: "info"}
	key, _, err := record.CreateKey(t.TempDir(), "signer.example")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cfg  Config
		want []string
	}{
		"good":         {Config{good, "casetrail/test", []string{key}, "", "dir"}, nil},
		"no key":       {Config{good, "casetrail/test", nil, "", "dir"}, []string{"--key", "casetrail keys create"}},
		"no key there": {Config{good, "casetrail/test", []string{key, key + "x"}, "", "dir"}, []string{"--key", "casetrail keys create"}},
		"ledger":       {Config{good, "a b", []string{key}, "", "dir"}, []string{"--ledger"}},
		"all of it":    {Config{process.Config{Registry: "ftp://x"}, "", nil, "", ""}, []string{"--schema-registry", "--ledger", "--key", "--checkpoint-dir"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.cfg.Validate()
			if (err == nil) != (c.want == nil) {
				t.Fatalf("got %v", err)
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not name %q", err, w)
				}
			}
		})
	}
}
