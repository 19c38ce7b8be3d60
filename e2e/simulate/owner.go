package simulate

import (
	"errors"
	"fmt"

	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/services/record-signer/sign"
	"github.com/casetrail/casetrail/services/router/cases"
)

// errDied is what a fault makes of an owner.
var errDied = errors.New("died")

// phase is how far an owner has come.
type phase int

const (
	claiming   phase = iota
	marking          // until its marker shows up in every output
	recovering       // nothing of an earlier owner can come any more
	running
)

// owner runs one task: it claims the outputs, recovers, and steps, as pipelines/kafka does it, until it dies.
type owner struct {
	task      *task
	stage     *simulated
	phase     phase
	claim     claim
	outputs   []stage.TopicPartition
	from      map[stage.TopicPartition]int64 // where each output ended when the claim began
	ends      map[stage.TopicPartition]int64 // after the markers
	core      *stage.Task
	next      map[stage.TopicPartition]int64
	sequences map[stage.TopicPartition]int32 // of the next batch for each output
	lanes     []*lane
	state     []stage.Record // the changelog of the step, to be written when all of the rest is durable
	rest      []stage.Record // what the last step did not come to
	stepping  bool
	life      int // of a zombie: how many steps until it notices
}

// step lets an owner do the next thing. An error says that something did not hold.
func (w *world) step(o *owner) error {
	_, err := w.stepped(o)
	return err
}

// stepped tells whether there was anything to do.
func (w *world) stepped(o *owner) (moved bool, err error) {
	w.stats.Steps++
	if w.chance(w.faults.crash) {
		w.say("%v dies %s", o, [...]string{"claiming", "waiting for its markers", "before it recovers", "running"}[o.phase])
		w.die(o)
		return true, nil
	}
	switch o.phase {
	case claiming:
		o.claiming(w)
		moved = true
	case marking:
		moved = o.marking(w)
	case recovering:
		moved, err = true, o.recovering(w)
	case running:
		moved, err = o.running(w)
	}
	if w.killed != nil { // whatever the core makes of it
		err, w.killed = w.killed, nil
	}
	switch {
	case err == nil:
		return moved, nil
	case errors.Is(err, errDied):
		w.say("%v dies: %v", o, err)
	case errors.Is(err, errFenced):
		w.say("%v is refused: there is a newer one", o)
		w.stats.Refused++
	case errors.Is(err, sign.ErrLost) && w.faults.stale > 0 && !w.calm:
		w.say("%v stops: %v", o, err) // it did not see all of its input, and says so
	case errors.Is(err, cases.ErrLost) && w.faults.unfenced && !w.calm:
		w.say("%v stops: %v", o, err) // the old owner wrote between two markers of the new one; the next claim sees all of it
	default:
		return true, fmt.Errorf("%v: %w", o, err)
	}
	w.die(o)
	return true, nil
}

// die ends an owner; what it sent may still arrive.
func (w *world) die(o *owner) {
	w.stats.Crashes++
	if o.task.owner == o {
		o.task.owner = nil
		if !w.calm && w.rand.IntN(3) > 0 {
			w.assign(o.task, o.stage.service) // its supervisor starts it again
		}
		return
	}
	for i, z := range w.zombies {
		if z == o {
			w.zombies = append(w.zombies[:i], w.zombies[i+1:]...)
			return
		}
	}
}

func (o *owner) claiming(w *world) {
	if o.phase = recovering; len(o.outputs) == 0 {
		return
	}
	o.claim = w.broker.initProducer(o.id())
	if w.chance(w.faults.loseAck) {
		o.claim = w.broker.initProducer(o.id()) // the answer got lost: asked again
	}
	o.phase = marking
	for _, tp := range o.outputs {
		o.from[tp] = int64(len(w.broker.topics[tp].entries))
	}
}

// marking waits for the markers.
func (o *owner) marking(w *world) bool {
	if len(o.ends) == 0 && !o.stepping {
		o.stepping = true // once
		if !w.broker.decide(o.id(), o.claim, o.outputs) {
			w.die(o)
			return true
		}
	}
	moved := false
	for _, tp := range o.outputs {
		if _, ok := o.ends[tp]; ok {
			continue
		}
		if at, ok := w.broker.topics[tp].marked(o.claim, o.from[tp]); ok {
			o.ends[tp], moved = at, true
		}
	}
	if len(o.ends) == len(o.outputs) {
		o.phase, o.stepping, moved = recovering, false, true
	}
	return moved
}

func (o *owner) recovering(w *world) error {
	log := view{w, o.stage.def.Name, o.ends}
	core, next, err := stage.Start(o.stage.def, o.task.partition, o.outputs, log)
	if err != nil {
		return fmt.Errorf("recovering: %w", err)
	}
	core.Over = func() bool { return w.chance(w.faults.brief) }
	o.core, o.phase = core, running
	for _, tp := range o.task.inputs {
		o.next[tp] = next[tp] // an input that is left out is read from its start
	}
	return nil
}

// running writes what is left of the step, or begins another.
func (o *owner) running(w *world) (bool, error) {
	if len(o.lanes) > 0 {
		return true, o.write(w)
	}
	if len(o.state) > 0 {
		o.lanes = append(o.lanes, o.lane(w, o.state, len(o.state)))
		o.state = nil
		return true, nil
	}
	if o.stepping && len(o.rest) == 0 {
		o.stepping = false
		o.commit(w)
	}
	in, caughtUp := o.rest, false
	if len(in) == 0 {
		in, caughtUp = o.fetch(w)
	}
	out, state, err := o.core.Step(in, caughtUp)
	if err != nil {
		return false, err
	}
	o.rest = in[o.core.Taken:]
	o.stepping, o.state = len(in) > 0, clone(state)
	o.lanes = o.split(w, out)
	return len(in) > 0 || len(out) > 0, nil
}

// commit tells the group how far the owner is, now and then, as pipelines/kafka does.
func (o *owner) commit(w *world) {
	if w.rand.IntN(4) > 0 {
		return
	}
	for _, tp := range o.task.inputs {
		w.broker.commit(o.stage.def.Name, tp, o.next[tp])
	}
}

// fetch takes some records of each input. What it shows may be short of the end.
func (o *owner) fetch(w *world) (in []stage.Record, caughtUp bool) {
	caughtUp = true
	first := w.rand.IntN(len(o.task.inputs))
	for i := range o.task.inputs {
		tp := o.task.inputs[(first+i)%len(o.task.inputs)]
		p := w.broker.topics[tp]
		end := w.visible(p, o.next[tp])
		most := w.rand.IntN(w.faults.batch + 1)
		if w.calm {
			most = 1000
		}
		at := o.next[tp]
		for ; at < end && most > 0; at++ {
			if e := &p.entries[at]; !e.hidden {
				in = append(in, e.record)
				most--
			}
		}
		for at < end && p.entries[at].hidden {
			at++
		}
		o.next[tp] = at
		caughtUp = caughtUp && at >= end
	}
	return in, caughtUp
}

func (o *owner) id() string { return fmt.Sprintf("%s-%d", o.stage.def.Name, o.task.partition) }

// String names stage, partition and claim.
func (o *owner) String() string {
	return fmt.Sprintf("%s (replica %d, claim %d.%d)", o.id(), o.stage.service.replica, o.claim.id, o.claim.epoch)
}

// clone copies what a core may use again.
func clone(recs []stage.Record) []stage.Record { return append([]stage.Record(nil), recs...) }
