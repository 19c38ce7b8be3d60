package service

import (
	"strings"
	"testing"

	"github.com/casetrail/casetrail/pipelines/process"
	"github.com/casetrail/casetrail/record"
)

func TestValidateNamesWhatIsWrong(t *testing.T) {
	good := process.Config{Brokers: []string{"127.0.0.1:9092"}, Registry: "http://127.0.0.1:8081", LogLevel: "info"}
	_, vkey, err := record.CreateKey(t.TempDir(), "signer.example")
	if err != nil {
		t.Fatal(err)
	}
	const here = "http://127.0.0.1:8123/casetrail"
	for name, c := range map[string]struct {
		cfg  Config
		want []string
	}{
		"good":          {Config{good, "casetrail/test", vkey, []string{vkey}, here}, nil},
		"tls":           {Config{good, "casetrail/test", vkey, []string{vkey}, "https://user:secret@clickhouse.example:8443/casetrail"}, nil},
		"no key":        {Config{good, "casetrail/test", "", []string{vkey}, here}, []string{"--ledger-key"}},
		"ledger":        {Config{good, "a b", vkey, []string{vkey}, here}, []string{"--ledger: "}},
		"plaintext":     {Config{good, "casetrail/test", vkey, []string{vkey}, "http://user:secret@clickhouse.example:8123/casetrail"}, []string{"--clickhouse-url", "plaintext"}},
		"no metric key": {Config{good, "casetrail/test", vkey, nil, here}, []string{"--metric-key is missing"}},
		"protocol":      {Config{good, "casetrail/test", vkey, []string{vkey}, "clickhouse://127.0.0.1:9000"}, []string{"--clickhouse-url", "http://"}},
		"no URL":        {Config{good, "casetrail/test", vkey, []string{vkey}, "http://user:secret@127.0.0.1:81x3/"}, []string{"--clickhouse-url"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.cfg.Validate()
			if (err == nil) != (c.want == nil) {
				t.Fatalf("got %v", err)
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) || strings.Contains(err.Error(), "secret") {
					t.Errorf("%q does not name %q, or shows the password", err, w)
				}
			}
		})
	}
}
