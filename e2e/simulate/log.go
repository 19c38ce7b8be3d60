package simulate

import (
	"context"

	"github.com/casetrail/casetrail/pipelines/stage"
)

// view is the log as an owner reads it while it recovers. It implements stage.Log.
type view struct {
	world *world
	group string
	ends  map[stage.TopicPartition]int64 // of the owner's outputs: what stands before is final
}

// end is up to where a read goes: of an output to the claim; of any other partition as far as it shows.
func (v view) end(tp stage.TopicPartition) int64 {
	if end, ok := v.ends[tp]; ok {
		return end
	}
	return v.world.visible(v.world.broker.topics[tp], 0)
}

// visible is the end of a partition that a reader sees who has seen it up to an offset.
func (w *world) visible(p *partition, seen int64) int64 {
	end := int64(len(p.entries))
	if end > seen && w.chance(w.faults.stale) {
		return seen + w.rand.Int64N(end-seen+1)
	}
	return end
}

func (v view) Read(tp stage.TopicPartition, from int64, fn func(stage.Record) error) (int64, error) {
	end := v.end(tp)
	for i := max(0, from); i < end; i++ {
		if e := &v.world.broker.topics[tp].entries[i]; !e.hidden {
			if err := fn(e.record); err != nil {
				return i, err
			}
		}
	}
	return max(from, end), nil
}

func (v view) Last(tp stage.TopicPartition, name string, source int32) (stage.Record, bool, error) {
	p := v.world.broker.topics[tp]
	for i := v.end(tp) - 1; i >= 0; i-- {
		if e := &p.entries[i]; !e.hidden && e.record.Stage == name && e.record.Position.Partition == source {
			return e.record, true, nil
		}
	}
	return stage.Record{}, false, nil
}

func (v view) Committed(tp stage.TopicPartition) (int64, bool, error) {
	offset, ok := v.world.broker.committed[v.group][tp]
	return offset, ok, nil
}

func (v view) Partitions(topic string) (int32, error) { return v.world.broker.count(topic), nil }

// topics is the whole log, as the checker reads it. It implements verify.Topics.
type topics struct{ *broker }

func (t topics) Partitions(_ context.Context, topic string) (int32, error) {
	return t.count(topic), nil
}

func (t topics) Read(_ context.Context, tp stage.TopicPartition, fn func(stage.Record) error) (int64, error) {
	for i := range t.topics[tp].entries {
		if e := &t.topics[tp].entries[i]; !e.hidden {
			if err := fn(e.record); err != nil {
				return 0, err
			}
		}
	}
	return 0, nil
}
