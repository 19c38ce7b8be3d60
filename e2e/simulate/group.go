package simulate

import (
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/services/aggregator/aggregate"
	"github.com/casetrail/casetrail/services/intake/stream"
	"github.com/casetrail/casetrail/services/record-signer/sign"
	"github.com/casetrail/casetrail/services/router/cases"

	sink "github.com/casetrail/casetrail/services/clickhouse-sink/service"
)

// replicas is how many processes each service has.
const replicas = 2

// service is a process: one replica of a service, with a clock and, for the record-signer, a disk.
type service struct {
	name    string
	replica int
	skew    int64
	stages  []*simulated
}

// simulated is a stage of a process.
type simulated struct {
	service *service
	def     stage.Definition
}

// task is a partition of a stage, and who has it.
type task struct {
	stage     *simulated // of the replica that has it, or had it last
	twins     []*simulated
	partition int32
	inputs    []stage.TopicPartition
	outputs   []stage.TopicPartition
	owner     *owner
}

func (w *world) startServices() {
	f := w.actual
	var stages [][]*simulated // by stage, then replica
	for i, make := range []func(*service) []stage.Definition{
		func(s *service) []stage.Definition {
			return []stage.Definition{stream.Definition(stream.Options{Codec: f.codec, Model: f.model, Signals: f.signals, PolicyKey: f.operator, EventClock: w.faults.eventClock,
				Now: func() time.Time { return time.UnixMilli(w.now + s.skew) }, Customers: &held{world: w, version: w.keyVersion}})}
		},
		func(*service) []stage.Definition { return []stage.Definition{cases.Definition(f.codec)} },
		func(*service) []stage.Definition {
			d := &disk{world: w, kept: map[string][]byte{}}
			return []stage.Definition{sign.Definition(f.codec, f.keys(), prefix, d), sign.ManifestDefinition(f.codec, f.keys(), prefix, d)}
		},
		func(*service) []stage.Definition {
			return []stage.Definition{aggregate.Definition(f.codec, aggregate.Trust{Key: f.signer.Verifier(), Prefix: prefix}, f.metricSigner)}
		},
		func(*service) []stage.Definition {
			return sink.Stages(w.engine.ctx, prefix, []string{f.signer.VerifierKey()}, []note.Verifier{f.metricSigner.Verifier()}, f.codec, w.engine, keeper{w})
		},
	} {
		first := len(stages)
		for r := range replicas {
			s := &service{name: [...]string{pipelines.Intake, pipelines.Router, pipelines.RecordSigner, pipelines.Aggregator, pipelines.Sink}[i], replica: r}
			if w.faults.skew > 0 {
				s.skew = w.rand.Int64N(w.faults.skew) - w.faults.skew/2
			}
			w.services = append(w.services, s)
			for k, d := range make(s) {
				x := &simulated{s, d}
				s.stages = append(s.stages, x)
				if r == 0 {
					stages = append(stages, nil)
				}
				stages[first+k] = append(stages[first+k], x)
			}
		}
	}
	for _, twins := range stages {
		w.addTasks(twins)
	}
}

// addTasks makes a stage's tasks and gives them out.
func (w *world) addTasks(twins []*simulated) {
	def := twins[0].def
	n := w.broker.count(def.Inputs[0])
	if def.Single {
		n = 1
	}
	for p := range n {
		t := &task{twins: twins, partition: p}
		for _, topic := range def.Inputs {
			for q := range w.broker.count(topic) {
				if def.Single || q == p {
					t.inputs = append(t.inputs, stage.TopicPartition{Topic: topic, Partition: q})
				}
			}
		}
		for _, topic := range def.Outputs {
			for q := range w.broker.count(topic) {
				if def.Spread || q == p || single[topic] {
					t.outputs = append(t.outputs, stage.TopicPartition{Topic: topic, Partition: q})
				}
			}
		}
		w.tasks = append(w.tasks, t)
		w.assign(t, twins[w.rand.IntN(len(twins))].service)
	}
}

// assign gives a task to a replica, which begins to claim it.
func (w *world) assign(t *task, s *service) {
	for _, x := range t.twins {
		if x.service == s {
			t.stage = x
		}
	}
	t.owner = &owner{task: t, stage: t.stage, outputs: t.outputs, from: map[stage.TopicPartition]int64{}, ends: map[stage.TopicPartition]int64{},
		next: map[stage.TopicPartition]int64{}, sequences: map[stage.TopicPartition]int32{}}
}

// move gives a task to another replica. Who had it may not notice for a while.
func (w *world) move() {
	t := w.tasks[w.rand.IntN(len(w.tasks))]
	if t.owner == nil {
		w.assign(t, t.twins[w.rand.IntN(len(t.twins))].service)
		return
	}
	if !w.chance(w.faults.move) {
		return
	}
	old := t.owner
	w.assign(t, t.twins[w.rand.IntN(len(t.twins))].service)
	if !w.chance(w.faults.zombie) {
		w.say("%v gives its partition up", old)
		return
	}
	w.stats.Takeovers++
	old.life = 1 + w.rand.IntN(60)
	w.zombies = append(w.zombies, old)
	w.say("%v is taken for dead", old)
}

// stepZombie lets an owner that was replaced go on.
func (w *world) stepZombie() error {
	o := w.zombies[w.rand.IntN(len(w.zombies))]
	if o.life--; o.life == 0 {
		w.say("%v notices that it was replaced", o)
		w.die(o)
		return nil
	}
	return w.step(o)
}

// restart kills a process: all that it owns dies at once.
func (w *world) restart() {
	if !w.chance(w.faults.crash) {
		return
	}
	s := w.services[w.rand.IntN(len(w.services))]
	w.say("%s (replica %d) is killed", s.name, s.replica)
	for _, t := range w.tasks {
		if o := t.owner; o != nil && o.stage.service == s {
			w.die(o)
		}
	}
	for i := len(w.zombies) - 1; i >= 0; i-- {
		if o := w.zombies[i]; o.stage.service == s {
			w.die(o)
		}
	}
}
