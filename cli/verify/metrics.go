package verify

import (
	"cmp"
	"fmt"
	"iter"
	"time"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/aggregator/recompute"
)

// checkMetrics is I3: what is published is what the ledger gives, each window once, and not before every ledger had
// passed its end.
func (v *run) checkMetrics() error {
	v.recorded.Ledgers = len(v.ledgers)
	windows, err := v.recorded.Windows(v.until)
	if err != nil {
		v.i3.fault("%v", err)
		return nil
	}
	next, stop := iter.Pull(windows)
	defer stop()
	want, ok := next()
	w, err := v.newWindows()
	if err != nil {
		return err
	}
	_, err = v.follow(stage.TopicPartition{Topic: pipelines.ConductMetrics}, &v.i3, func(in stage.Record) error {
		var got schemas.MetricRecord
		if err := v.Codec.DecodeInto(in.Value, &got); err != nil || in.Stage != pipelines.Aggregator {
			v.i3.fault("conduct.metrics/0 offset %d: not written by the aggregator: %v", in.Offset, err)
			return nil
		}
		if got.End > v.until { // the ledgers have gone on since they were read; or have they not?
			v.i3.pending("conduct.metrics/0 offset %d: %s is published, the ledgers were complete up to %s when they were read", in.Offset, name(&got), clock(v.until))
			return nil
		}
		for ; ok && order(&want, &got) < 0; want, ok = next() {
			v.i3.fault("%s: not published; offset %d is %s", name(&want), in.Offset, name(&got))
		}
		if !ok || order(&want, &got) != 0 {
			v.i3.fault("conduct.metrics/0 offset %d: %s: published, but the ledger gives no such window, or it was published before", in.Offset, name(&got))
			return nil
		}
		if d := recompute.Difference(&got, &want); d != "" {
			v.i3.fault("conduct.metrics/0 offset %d: %s: %s", in.Offset, name(&got), d)
		}
		_, body, err := v.Codec.Name(in.Value)
		if err = cmp.Or(err, record.VerifyMetric(body, v.Metrics...)); err != nil && !inject.MetricUnchecked.Is() {
			v.i3.fault("conduct.metrics/0 offset %d: %s: %v", in.Offset, name(&got), err)
		}
		v.checkHeads(name(&got), got.Heads, got.End)
		v.i3.Count++
		want, ok = next()
		return w.add(got)
	})
	if err != nil {
		return err
	}
	for ; ok; want, ok = next() {
		v.i3.pending("%s is not published", name(&want))
	}
	if v.episodes, err = v.recorded.Episodes(v.until); err != nil {
		return err // it would have been said of the windows
	}
	v.recorded = recompute.Records{}
	return w.compare()
}

// checkHeads: what is published names of each ledger the first checkpoint at or after its end.
func (v *run) checkHeads(what string, named []schemas.LedgerHead, end int64) {
	if len(named) != len(v.ledgers) {
		v.i3.fault("%s: names %d heads, there are %d ledgers", what, len(named), len(v.ledgers))
		return
	}
	for p := range v.ledgers {
		first, ok := v.ledgers[p].passed(end)
		if got := named[p]; !ok || got.Partition != int32(p) || got.Size != first.size || got.Root != schemas.Hash(first.root) {
			v.i3.fault("%s: names the head of partition %d at %d records, which is not its first checkpoint at or after the end", what, p, got.Size)
		}
	}
}

// order compares by the order of publication: of one end, the shorter window is first.
func order(a, b *schemas.MetricRecord) int {
	return cmp.Or(cmp.Compare(a.End, b.End), cmp.Compare(b.Start, a.Start))
}

func name(m *schemas.MetricRecord) string {
	return fmt.Sprintf("window %s ending %s", m.Window, clock(m.End))
}

func clock(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }
