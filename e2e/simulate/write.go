package simulate

import (
	"errors"
	"fmt"

	"github.com/casetrail/casetrail/pipelines/stage"
)

var (
	errFenced     = errors.New("there is a newer owner")
	errDisordered = errors.New("out of order sequence")
)

// lane is what waits for one partition, as batches: one is sent, unchanged, until it is acknowledged.
type lane struct {
	to      stage.TopicPartition
	batches []*request
}

// request is one batch on its way.
type request struct {
	claim
	to       stage.TopicPartition
	sequence int32
	records  []stage.Record
	from     string
}

// split makes lanes of a step's outputs: by partition, in order, in batches of any size.
func (o *owner) split(w *world, out []stage.Record) []*lane {
	var order []stage.TopicPartition
	by := map[stage.TopicPartition][]stage.Record{}
	for _, r := range out {
		tp := stage.TopicPartition{Topic: r.Topic, Partition: r.Partition}
		if by[tp] == nil {
			order = append(order, tp)
		}
		by[tp] = append(by[tp], r)
	}
	var lanes []*lane
	for _, tp := range order {
		lanes = append(lanes, o.lane(w, by[tp], 1+w.rand.IntN(20)))
	}
	return lanes
}

func (o *owner) lane(w *world, recs []stage.Record, size int) *lane {
	l := &lane{to: stage.TopicPartition{Topic: recs[0].Topic, Partition: recs[0].Partition}}
	for len(recs) > 0 {
		n := min(size, len(recs))
		l.batches = append(l.batches, &request{claim: o.claim, to: l.to, sequence: o.sequences[l.to], records: recs[:n:n], from: o.id()})
		o.sequences[l.to] += int32(n)
		recs = recs[n:]
	}
	return l
}

// write sends the first batch of some lane.
func (o *owner) write(w *world) error {
	i := w.rand.IntN(len(o.lanes))
	l := o.lanes[i]
	acknowledged, err := w.send(l.batches[0])
	if err != nil {
		return fmt.Errorf("write to %s: %w", name(l.to), err)
	}
	if !acknowledged {
		return nil
	}
	if l.batches = l.batches[1:]; len(l.batches) == 0 {
		o.lanes = append(o.lanes[:i], o.lanes[i+1:]...)
	}
	return nil
}

// send makes one attempt at a request.
func (w *world) send(q *request) (acknowledged bool, err error) {
	if w.chance(w.faults.delay) {
		w.late = append(w.late, q) // its sender gives up waiting, and sends it again
		w.stats.Late++
		w.say("%s to %s is on its way for long", q, name(q.to))
		return false, nil
	}
	if w.chance(w.faults.lose) {
		w.stats.Lost++
		return false, nil
	}
	switch w.broker.produce(q) {
	case fenced:
		return false, errFenced
	case disordered:
		return false, errDisordered
	}
	if w.chance(w.faults.loseAck) {
		w.stats.Lost++
		return false, nil
	}
	return true, nil
}

// deliver lets a late request arrive, whoever sent it.
func (w *world) deliver() {
	if n := len(w.late); n > 0 {
		i := w.rand.IntN(n)
		q := w.late[i]
		w.late = append(w.late[:i], w.late[i+1:]...)
		v := w.broker.produce(q)
		if w.calm {
			return
		}
		w.say("%s to %s arrives late: %s", q, name(q.to), [...]string{"written", "was there already", "refused, there is a newer owner", "refused, not its turn"}[v])
	}
}

func (q *request) String() string {
	return fmt.Sprintf("%d records of %s (claim %d.%d) from %v", len(q.records), q.from, q.id, q.epoch, q.records[0].Position)
}
