package verify

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/aggregator/recompute"
)

// checkMetrics is I3: what is published is what the ledger gives, each window once.
func checkMetrics(ctx context.Context, o Options, l *ledgers, r *Report) error {
	check := Check{Name: "I3 every MetricRecord recomputes from the ledger, each window once"}
	var published []schemas.MetricRecord
	_, err := each(ctx, o, pipelines.ConductMetrics, func(in stage.Record) error {
		var m schemas.MetricRecord
		if err := o.Codec.DecodeInto(in.Value, &m); err != nil {
			return err
		}
		if m.End <= l.until {
			published = append(published, m)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var until int64
	for i := range published {
		until = max(until, published[i].End)
	}
	expected := recompute.Recompute(l.records, until)
	for i := 0; i < len(published) || i < len(expected); i++ {
		if i >= len(expected) {
			check.fault("%s: published, but the ledger gives no such window, or it was published before", name(&published[i]))
			break
		}
		if i >= len(published) {
			// Windows of one end are published together; the last end may be on its way.
			if expected[i].End < until {
				check.fault("%s: not published", name(&expected[i]))
			}
			break
		}
		got, want := published[i], expected[i]
		for _, h := range got.Heads {
			if root, ok := l.roots[h.Partition][h.Size]; h.Size > 0 && (!ok || schemas.Hash(root) != h.Root) {
				check.fault("%s: names a head of partition %d with %d records that no checkpoint signs", name(&got), h.Partition, h.Size)
			}
		}
		got.Heads = want.Heads
		if got.Window != want.Window || got.End != want.End {
			check.fault("window %d published is %s, the ledger gives %s", i, name(&got), name(&want))
			break
		}
		if !reflect.DeepEqual(got.Segments, want.Segments) {
			check.fault("%s: %s", name(&got), difference(got.Segments, want.Segments))
		}
		check.Count++
	}
	l.published = published
	r.Checks = append(r.Checks, check)
	return checkWindows(ctx, o, l, r)
}

func name(m *schemas.MetricRecord) string {
	return fmt.Sprintf("window %s ending %s", m.Window, time.UnixMilli(m.End).UTC().Format(time.RFC3339))
}

// difference names the first segment that differs.
func difference(got, want []schemas.Segment) string {
	for i := range min(len(got), len(want)) {
		if !reflect.DeepEqual(got[i], want[i]) {
			return fmt.Sprintf("segment %s/%s: %+v, the ledger gives %+v", got[i].CaseType, got[i].Handler, got[i], want[i])
		}
	}
	return fmt.Sprintf("%d segments, the ledger gives %d", len(got), len(want))
}
