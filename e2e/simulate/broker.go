package simulate

import (
	"slices"
	"time"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
)

// broker is Apache Kafka as far as Casetrail relies on it: partitions that only grow; producers that are known by id and
// epoch, whose batches count once and in order; claims, which leave a marker with the new epoch in each partition and so
// have it refuse older ones.
type broker struct {
	world      *world
	partitions int32
	topics     map[stage.TopicPartition]*partition
	order      []*partition
	claims     map[string]*claim
	committed  map[string]map[stage.TopicPartition]int64
	markers    []*marker // that were decided and are not in their partitions yet
	ids        int64
}

type partition struct {
	stage.TopicPartition
	entries   []entry // by offset
	producers map[int64]*session
}

// entry is one offset. A hidden one is never shown to a reader: a marker, or what was aborted.
type entry struct {
	record   stage.Record
	hidden   bool
	by       int64 // the producer's id and epoch; 0 where nobody claimed anything
	epoch    int16
	sequence int32 // -1 of a marker
}

// session is what a partition knows of a producer.
type session struct {
	epoch int16
	next  int32
	last  [5]int32 // where the last batches began
}

// claim is what the coordinator knows of a transactional id.
type claim struct {
	id    int64
	epoch int16
}

type marker struct {
	claim
	to *partition
}

func newBroker(w *world, partitions int32) *broker {
	b := &broker{world: w, partitions: partitions, topics: map[stage.TopicPartition]*partition{}, claims: map[string]*claim{},
		committed: map[string]map[stage.TopicPartition]int64{}}
	for _, t := range pipelines.Topology() {
		for p := range b.count(t.Name) {
			x := &partition{TopicPartition: stage.TopicPartition{Topic: t.Name, Partition: p}, producers: map[int64]*session{}}
			b.topics[x.TopicPartition] = x
			b.order = append(b.order, x)
		}
	}
	return b
}

// single are the topics with one partition.
var single = func() map[string]bool {
	m := map[string]bool{}
	for _, t := range pipelines.Topology() {
		m[t.Name] = t.Single
	}
	return m
}()

func (b *broker) count(topic string) int32 {
	if single[topic] {
		return 1
	}
	return b.partitions
}

// append puts records at the end, stamped with the broker's time.
func (p *partition) append(now int64, recs ...stage.Record) {
	for _, r := range recs {
		r.Topic, r.Partition, r.Offset, r.Time = p.Topic, p.Partition, int64(len(p.entries)), time.UnixMilli(now)
		p.entries = append(p.entries, entry{record: r})
	}
}

// hide puts something there that takes an offset and that nobody is shown.
func (p *partition) hide() { p.entries = append(p.entries, entry{hidden: true}) }

// verdict is the broker's answer to a request.
type verdict int

const (
	written verdict = iota
	repeated
	fenced
	disordered
)

// produce carries a request out.
func (b *broker) produce(q *request) verdict {
	p := b.topics[q.to]
	s := p.producers[q.id]
	if s == nil {
		s = &session{epoch: q.epoch}
		p.producers[q.id] = s
	}
	switch {
	case q.epoch < s.epoch:
		return fenced
	case q.epoch > s.epoch:
		*s = session{epoch: q.epoch}
	}
	if q.sequence != s.next {
		if slices.Contains(s.last[:], q.sequence+1) {
			return repeated
		}
		return disordered
	}
	copy(s.last[1:], s.last[:])
	s.last[0] = q.sequence + 1 // 0 is none
	s.next += int32(len(q.records))
	p.append(b.world.now, q.records...)
	for i, e := range p.entries[len(p.entries)-len(q.records):] {
		e.by, e.epoch, e.sequence = q.id, q.epoch, q.sequence+int32(i)
		p.entries[len(p.entries)-len(q.records)+i] = e
	}
	return written
}

// initProducer begins a claim: a new epoch of the id. Markers of an earlier claim are in their partitions before.
func (b *broker) initProducer(id string) claim {
	c := b.claims[id]
	if c == nil || b.world.faults.unfenced {
		b.ids++
		c = &claim{id: b.ids, epoch: -1}
		b.claims[id] = c
	}
	b.writeMarkersOf(c.id)
	c.epoch++
	return *c
}

// decide has markers written to partitions, in some order, some time; false where a newer claim was made.
func (b *broker) decide(id string, c claim, to []stage.TopicPartition) bool {
	if *b.claims[id] != c {
		return false
	}
	for _, tp := range to {
		b.markers = append(b.markers, &marker{c, b.topics[tp]})
	}
	return true
}

// writeMarker writes one of the markers that are due.
func (b *broker) writeMarker() {
	if n := len(b.markers); n > 0 {
		i := b.world.rand.IntN(n)
		b.markers[i].write()
		b.markers = slices.Delete(b.markers, i, i+1)
	}
}

func (b *broker) writeMarkers() {
	for len(b.markers) > 0 {
		b.writeMarker()
	}
}

func (b *broker) writeMarkersOf(id int64) {
	b.markers = slices.DeleteFunc(b.markers, func(m *marker) bool {
		if m.id == id {
			m.write()
		}
		return m.id == id
	})
}

func (m *marker) write() {
	m.to.entries = append(m.to.entries, entry{hidden: true, by: m.id, epoch: m.epoch, sequence: -1})
	if s := m.to.producers[m.id]; s == nil || s.epoch < m.epoch {
		m.to.producers[m.id] = &session{epoch: m.epoch}
	}
}

// marked is the offset after a claim's marker, from an offset on.
func (p *partition) marked(c claim, from int64) (int64, bool) {
	for i := from; i < int64(len(p.entries)); i++ {
		if e := &p.entries[i]; e.hidden && e.by == c.id && e.epoch == c.epoch && e.sequence == -1 {
			return i + 1, true
		}
	}
	return 0, false
}

func (b *broker) commit(group string, tp stage.TopicPartition, offset int64) {
	if b.committed[group] == nil {
		b.committed[group] = map[stage.TopicPartition]int64{}
	}
	b.committed[group][tp] = offset
}
