package verify

import (
	"context"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
)

// checkEvents is I5: every offset of chat.events is accounted for.
func checkEvents(ctx context.Context, o Options, _ *ledgers, r *Report) error {
	check := Check{Name: "I5 every offset of chat.events is taken, a duplicate, or rejected"}
	type at struct {
		partition int32
		offset    int64
	}
	taken := map[at]int{}
	done := map[int32]int64{} // up to where intake has come
	_, err := each(ctx, o, pipelines.CaseEvents, func(in stage.Record) error {
		if name, _, err := o.Codec.Name(in.Value); err != nil || name == "casetrail.Tick" {
			return err
		}
		taken[at{in.Position.Partition, in.Position.Offset}]++
		done[in.Position.Partition] = max(done[in.Position.Partition], in.Position.Offset)
		return nil
	})
	if err != nil {
		return err
	}
	_, err = each(ctx, o, pipelines.ChatRejects, func(in stage.Record) error {
		var x schemas.ChatReject
		if err := o.Codec.DecodeInto(in.Value, &x); err != nil {
			return err
		}
		if x.Reason == "" {
			check.fault("%s/%d offset %d: rejected without a reason", x.Topic, x.Partition, x.Offset)
		}
		if x.Topic == pipelines.ChatEvents {
			taken[at{x.Partition, x.Offset}]++
		}
		return nil
	})
	if err != nil {
		return err
	}
	policies, err := o.Topics.Partitions(ctx, pipelines.CaseEvents)
	if err != nil {
		return err
	}
	_, err = each(ctx, o, pipelines.ChatEvents, func(in stage.Record) error {
		if in.Offset > done[in.Partition] {
			return nil // not taken yet
		}
		check.Count++
		n := taken[at{in.Partition, in.Offset}]
		name, _, nameErr := o.Codec.Name(in.Value)
		want := 1
		switch {
		case nameErr == nil && name == "casetrail.PolicyChange" && n != 1: // to every partition, or rejected
			want = int(policies)
		case nameErr == nil && name == "casetrail.ChatEvent" && n == 0:
			var e schemas.ChatEvent
			if o.Codec.DecodeInto(in.Value, &e) == nil && e.Kind == schemas.EventKindClock {
				return nil // became ticks, or was not above them
			}
		}
		if n != want {
			check.fault("chat.events/%d offset %d: accounted for %d times, want %d", in.Partition, in.Offset, n, want)
		}
		return nil
	})
	r.Checks = append(r.Checks, check)
	return err
}
