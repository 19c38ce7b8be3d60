package torture

import (
	"strings"
	"testing"

	"github.com/casetrail/casetrail/e2e/harness"
	"github.com/casetrail/casetrail/e2e/reliability"
)

// check lets everything settle and holds topics and ClickHouse against what was played.
func (w *world) check(t *testing.T, r *reliability.Result) {
	t.Helper()
	if err := w.player.finish(); err != nil {
		t.Fatal(err)
	}
	for _, name := range harness.Services {
		for replica := range 2 {
			w.Service(name, replica).Ready()
		}
	}
	p := w.In(t)
	db := p.Database(t)
	w.journal.say("settling")
	p.Settle(db)
	w.journal.say("checking")
	r.Lost += w.player.played - int(p.Count(db, "SELECT count() FROM cases"))
	out, said, code := p.Try("verify", "--deep")
	if code != 0 || !strings.Contains(out, "ledger verified: ") {
		for line := range strings.Lines(out + said) {
			if !strings.HasPrefix(line, "holds") {
				r.Wrong = append(r.Wrong, strings.TrimSpace(line))
			}
			if strings.HasPrefix(line, "DOES NOT HOLD  I2") {
				r.Forked++
			}
		}
	}
	if n := p.Count(db, "SELECT uniqExact(ledger) FROM records") - p.Count(db, "SELECT uniqExact(partition) FROM records"); n != 0 {
		r.Forked += int(n)
	}
	for _, topic := range harness.Written {
		d := p.Duplicates(topic)
		if r.Duplicated += len(d); len(d) > 0 {
			r.Wrong = append(r.Wrong, d[:min(3, len(d))]...)
		}
	}
	w.journal.say("checked: %d conversations", w.player.played)
}
