package simulate

import (
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
)

// compact takes from a partition of case.state what a later message of the same key has replaced, as the broker does
// some time. Not where no claim stops an owner: it could have the older of two values kept (docs/adr/0003).
func (w *world) compact() {
	p := w.broker.topics[stage.TopicPartition{Topic: pipelines.CaseStates, Partition: int32(w.rand.IntN(int(w.broker.partitions)))}]
	if len(p.entries) == 0 || w.faults.unfenced || !w.chance(.2) {
		return
	}
	upTo := w.rand.IntN(len(p.entries)) // the rest is in the segment that is being written
	last := map[string]int{}
	for i := range p.entries {
		if e := &p.entries[i]; !e.hidden {
			last[string(e.record.Key)] = i
		}
	}
	for i := range p.entries[:upTo] {
		if e := &p.entries[i]; !e.hidden && last[string(e.record.Key)] > i {
			e.hidden, e.record = true, stage.Record{}
		}
	}
}

// cut lets a broker lose the end of a ledger that it had acknowledged: all owners lose their connections over it. What is
// lost has to be made again, bit for bit.
func (w *world) cut() {
	if !w.chance(w.faults.cut) {
		return
	}
	partition := int32(w.rand.IntN(int(w.broker.partitions)))
	for _, tp := range []stage.TopicPartition{{Topic: pipelines.ConductRecords, Partition: partition}, {Topic: pipelines.ConductCheckpoints, Partition: partition},
		{Topic: pipelines.ConductManifest}} {
		p := w.broker.topics[tp]
		if n := min(len(p.entries), w.rand.IntN(30)); n > 0 && w.rand.IntN(3) > 0 {
			w.say("%s loses its last %d offsets", name(p.TopicPartition), n)
			p.entries = p.entries[:len(p.entries)-n]
			p.recall()
		}
	}
	w.late, w.broker.markers = nil, nil
	for len(w.zombies) > 0 {
		w.die(w.zombies[0])
	}
	for _, t := range w.tasks {
		if t.owner != nil {
			w.die(t.owner)
		}
	}
}

// recall has a partition know of its producers what its log says.
func (p *partition) recall() {
	p.producers = map[int64]*session{}
	for i := range p.entries {
		e := &p.entries[i]
		switch s := p.producers[e.by]; {
		case e.by == 0:
		case s == nil || s.epoch < e.epoch:
			p.producers[e.by] = &session{epoch: e.epoch, next: e.sequence + 1}
		default:
			s.next = e.sequence + 1
		}
	}
}
