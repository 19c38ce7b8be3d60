package verify

import (
	"bytes"
	"fmt"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
)

// checkAlerts is I3 of drift: what is alerted is what the ledger gives, word for word, each alert once. The statistics are the
// aggregator's own; the hours that they are about are counted again. What the topic has forgotten is left out.
func (v *run) checkAlerts() error {
	tp := stage.TopicPartition{Topic: pipelines.ConductAlerts}
	start, err := v.start(tp)
	if err != nil {
		return err
	}
	want, begun := v.episodes, start == 0
	_, err = v.follow(tp, &v.i3, func(in stage.Record) error {
		var got schemas.SegmentAlert
		if err := v.Codec.DecodeInto(in.Value, &got); err != nil || in.Stage != pipelines.Aggregator {
			v.i3.fault("conduct.alerts/0 offset %d: not written by the aggregator: %v", in.Offset, err)
			return nil
		}
		e := &got.Episode.Value
		if !got.Episode.Set {
			return nil // a guard breach, which is in its case's record
		}
		if e.At > v.until {
			v.i3.pending("conduct.alerts/0 offset %d: %s is published, the ledgers were complete up to %s when they were read", in.Offset, nameAlert(&got), clock(v.until))
			return nil
		}
		v.checkHeads(nameAlert(&got), e.Heads, e.At)
		for e.Heads = nil; len(want) > 0 && (want[0].Episode.Value.At < e.At || !begun && !alike(want[0], &got)); want = want[1:] {
			if begun {
				v.i3.fault("%s: not published; offset %d is %s", nameAlert(want[0]), in.Offset, nameAlert(&got))
			}
		}
		begun = true
		if len(want) == 0 || want[0].Episode.Value.At != e.At {
			v.i3.fault("conduct.alerts/0 offset %d: %s: published, but the ledger gives no such alert, or it was published before", in.Offset, nameAlert(&got))
			return nil
		}
		if !alike(want[0], &got) {
			v.i3.fault("conduct.alerts/0 offset %d: %s: %+v, the ledger gives %+v", in.Offset, nameAlert(&got), got, *want[0])
		}
		v.i3.Count++
		want = want[1:]
		return nil
	})
	if err != nil {
		return err
	}
	for _, a := range want {
		if begun {
			v.i3.pending("%s is not published", nameAlert(a))
		}
	}
	return nil
}

func alike(a, b *schemas.SegmentAlert) bool { return bytes.Equal(a.AppendAvro(nil), b.AppendAvro(nil)) }

func nameAlert(a *schemas.SegmentAlert) string {
	e := &a.Episode.Value
	return fmt.Sprintf("alert of %s, %s at %s", e.ID, e.State, clock(e.At))
}
