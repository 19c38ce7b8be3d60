package stage

import "github.com/casetrail/casetrail/pipelines/inject"

// Definition describes a stage: what it reads, what it writes and how to make its handlers.
type Definition struct {
	Name    string   // also the consumer group's name and the prefix of its transactional ids
	Inputs  []string // co-partitioned topics
	Outputs []string // all topics that its handlers write, changelog and dead letters included
	// Spread says that a task writes to every partition of its outputs (intake); otherwise partition p of the inputs
	// is written to partition p of the outputs.
	Spread bool
	// Single says that one task reads all partitions of the inputs and writes partition 0 (aggregator).
	Single bool
	// New makes the handler of one task. partition is the task's partition; 0 for a Single stage.
	New func(partition int32) (Handler, error)
	// Learn makes the handler's codec know the schema that a value was written with, which may be that of another version
	// of Casetrail. It is called with each value before the handler sees it, in Recover as in Handle, and may ask the
	// schema registry for it, as long as that takes. Its error ends the stage. It may be nil.
	Learn func(value []byte) error
	// Reject makes the dead letter for an input whose Handle returned ErrReject. Task gives it its position.
	Reject func(in Record, err error) Record
	// RejectEndsStep says that a dead letter is durable before anything that a later input causes. A stage needs it that keeps no
	// changelog and goes on from its last output: it would go on behind a dead letter that was lost.
	RejectEndsStep bool
}

// Task runs one handler over its inputs and drops the outputs that an earlier run has written already.
type Task struct {
	def     Definition
	handler Handler
	written map[TopicPartition]Position
	Rejects int64 // inputs that went to the dead letters
	Dropped int64 // outputs that were in the log already
	// Over, where it is set, is asked before every input but the first of a step, and ends the step when it is true: so a
	// task whose partition is another's now need not take all that it has in hand. Taken is how many the last step took; fewer
	// than it was given too where what there is to write is large.
	Over  func() bool
	Taken int
}

// Start makes the task's handler, recovers it and returns where its inputs go on.
func Start(def Definition, partition int32, outputs []TopicPartition, log Log) (*Task, map[TopicPartition]int64, error) {
	h, err := def.New(partition)
	if err != nil {
		return nil, nil, err
	}
	t := &Task{def: def, handler: h, written: map[TopicPartition]Position{}}
	for _, tp := range outputs {
		rec, ok, err := log.Last(tp, def.Name, partition)
		if err != nil {
			return nil, nil, err
		}
		if ok {
			t.written[tp] = rec.Position
		}
	}
	if def.Learn != nil && !inject.LearnOff.Is() {
		log = learning{log, def.Learn}
	}
	next, err := h.Recover(log)
	return t, next, err
}

// learning is a Log that learns the schema of what it reads.
type learning struct {
	Log
	learn func([]byte) error
}

func (l learning) Read(tp TopicPartition, from int64, fn func(Record) error) (int64, error) {
	return l.Log.Read(tp, from, func(r Record) error {
		if err := l.learn(r.Value); err != nil {
			return err
		}
		return fn(r)
	})
}

func (l learning) Last(tp TopicPartition, stage string, source int32) (Record, bool, error) {
	r, ok, err := l.Log.Last(tp, stage, source)
	if ok && err == nil {
		err = l.learn(r.Value)
	}
	return r, ok, err
}

// partition is the source partition of what an input causes.
func partition(def Definition, in Record) int32 {
	if def.Single {
		return 0
	}
	return in.Partition
}

// enough is when a step ends though there are more inputs, by what it has to write, in bytes. What is above it is at most what
// one input causes: a tick may end thousands of cases.
const enough = 8 << 20

// Step handles a batch of inputs and returns what to write: first out, in any order between partitions but in this
// order within one; then, once all of out is durable, state, as one batch. caughtUp tells whether the batch reached
// the end of the input.
func (t *Task) Step(in []Record, caughtUp bool) (out, state []Record, err error) {
	changelog := func() int { return 0 }
	if h, ok := t.handler.(Weigher); ok {
		changelog = h.Weight
	}
	size, rejected := 0, false
	for i := range in {
		large := size+changelog() > enough && !inject.StepUnbounded.Is()
		if i > 0 && (t.Over != nil && t.Over() || large || rejected && t.def.RejectEndsStep && !inject.RejectLost.Is()) {
			in, caughtUp = in[:i], false
			break
		}
		if in[i].Fault != nil {
			if t.def.Reject == nil {
				return nil, nil, &InputError{in[i], in[i].Fault}
			}
			out = t.keep(out, []Record{t.reject(in[i], in[i].Fault, 0)})
			rejected = true
			continue
		}
		if t.def.Learn != nil && !inject.LearnOff.Is() {
			if err := t.def.Learn(in[i].Value); err != nil {
				return nil, nil, &InputError{in[i], err}
			}
		}
		res, err := t.handler.Handle(in[i])
		if err != nil {
			if !isReject(err) || t.def.Reject == nil {
				return nil, nil, &InputError{in[i], err}
			}
			res = append(res, t.reject(in[i], err, len(res)))
			rejected = true
		}
		from := len(out)
		out = t.keep(out, res)
		for _, r := range out[from:] {
			size += len(r.Key) + len(r.Value)
		}
	}
	t.Taken = len(in)
	if h, ok := t.handler.(Ticker); ok {
		for _, r := range h.Tick(caughtUp) {
			// A tick from before what is written would be taken for the end of it by the next owner, who would write
			// what lies between again.
			if last, ok := t.written[TopicPartition{r.Topic, r.Partition}]; ok && last.After(r.Position) && !inject.TickBehind.Is() {
				t.Dropped++
				continue
			}
			r.Stage = t.def.Name
			out = append(out, r)
		}
	}
	if h, ok := t.handler.(Checkpointer); ok && len(in) > 0 {
		state = h.Checkpoint()
		for i := range state {
			state[i].Stage = t.def.Name
		}
	}
	return out, state, nil
}

// reject makes a dead letter, which comes after so many other outputs of the same input.
func (t *Task) reject(in Record, err error, after int) Record {
	t.Rejects++
	letter := t.def.Reject(in, err)
	letter.Position = Position{partition(t.def, in), in.Offset, int32(after)}
	return letter
}

// Pause is which inputs the handler can do without for now.
func (t *Task) Pause() []TopicPartition {
	if h, ok := t.handler.(Pauser); ok && !inject.PauseOff.Is() {
		return h.Pause()
	}
	return nil
}

// keep appends what is not in the log yet. Ticks pass by it: they promise the same thing however often they are said.
func (t *Task) keep(out, res []Record) []Record {
	for _, r := range res {
		tp := TopicPartition{r.Topic, r.Partition}
		if last, ok := t.written[tp]; ok {
			if !r.Position.After(last) && !inject.PositionFilterOff.Is() {
				t.Dropped++
				continue
			}
			delete(t.written, tp) // from here on everything is new
		}
		r.Stage = t.def.Name
		out = append(out, r)
	}
	return out
}
