package aggregate

import (
	"cmp"
	"slices"

	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/services/aggregator/window"
)

// breach is a case record with guard_breach, until its minute closes.
type breach struct {
	minute    int64
	partition int32
	sequence  int64
	ledger    string
	caseID    string
	caseType  string
	handler   window.Handler
}

func breachOf(partition int32, r *record.Record) (breach, bool) {
	if r.Kind != record.KindCase || !r.Case.GuardBreach {
		return breach{}, false
	}
	return breach{window.Minute(r.Case.ConcludedAt), partition, r.Sequence, r.Ledger, r.Case.CaseID, r.Case.CaseType, handler(r.Case.Route)}, true
}

// breaches are those of minutes that are not closed.
type breaches map[int64][]breach

func (bs breaches) add(b breach) { bs[b.minute] = append(bs[b.minute], b) }

// take gives and forgets the breaches of a minute, by partition and as they stand in its ledgers.
func (bs breaches) take(minute int64) []breach {
	out := bs[minute]
	delete(bs, minute)
	slices.SortStableFunc(out, func(a, b breach) int { return cmp.Compare(a.partition, b.partition) })
	return out
}
