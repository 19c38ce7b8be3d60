package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/casetrail/casetrail/services/intake/signals"
	"github.com/casetrail/casetrail/services/intake/signals/score"
)

// evalSignals judges what is heard besides the case type, against a file of labelled rows (score.Read says of which form).
func evalSignals(out io.Writer, path string, limits score.Limits, asJSON bool) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	rows, err := score.Read(f)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	d, err := signals.Load()
	if err != nil {
		return err
	}
	r := score.Rows(rows, d, limits)
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	fmt.Fprintf(out, "%s: %d messages, %d conversations, %.1f us a message, %s\n\n", path, r.Messages, r.Conversations, r.Micros, r.Version)
	fmt.Fprintf(out, "%-20s %9s %7s   %s\n", "signal", "precision", "recall", "found and labelled / only labelled / only found / neither")
	print := func(names []string) {
		for _, name := range names {
			if c := r.Signals[name]; c != nil {
				fmt.Fprintf(out, "%-20s %9.3f %7.3f   %d / %d / %d / %d\n", name, c.Precision, c.Recall, c.Hit, c.Miss, c.Alarm, c.Quiet)
			}
		}
	}
	print(score.Names)
	print(score.Conversation)
	return nil
}
