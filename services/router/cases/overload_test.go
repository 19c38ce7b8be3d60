package cases

import (
	"fmt"
	"testing"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
)

// Very many cases end at once, since nobody has written for hours, and the router was away meanwhile: all ticks of these hours
// are in one batch. No step may then write more than a batch of case.state can hold, or the router would stop for good.
func TestManyCasesEndAtOnce(t *testing.T) {
	const open = 100_000
	h := newHistory()
	h.policy(t)
	for i := range open {
		h.says(fmt.Sprint("case-", i), int64(i%1000), "dispute")
	}
	first := int64(len(h.log.Records(pipelines.CaseEvents, 0)))
	for i := range int64(500) {
		h.tick(5*3_600_000 + i*1000)
	}
	def := Definition(codec)
	task, _, err := stage.Start(def, 0, nil, h.log.For(def.Name))
	if err != nil {
		t.Fatal(err)
	}
	limit := 0
	for _, x := range pipelines.Topology() {
		if x.Name == pipelines.CaseStates {
			_, _ = fmt.Sscan(x.Config["max.message.bytes"], &limit)
		}
	}
	concluded, steps := 0, 0
	for in := h.log.Records(pipelines.CaseEvents, 0); len(in) > 0; {
		out, state, err := task.Step(in, false)
		n := task.Taken
		if err != nil || n == 0 {
			t.Fatal(n, err)
		}
		size := 0
		for _, r := range state {
			size += len(r.Key) + len(r.Value) + 160
		}
		if size > limit {
			t.Fatalf("a changelog of %d bytes for the inputs %d to %d, at most %d", size, in[0].Offset, in[n-1].Offset, limit)
		}
		for _, r := range out {
			if name, _, _ := codec.Name(r.Value); name == (*schemas.CaseConclusion)(nil).AvroName() {
				concluded++
			}
		}
		if in[n-1].Offset >= first {
			steps++
		}
		in = in[n:]
	}
	if concluded != open || steps < 2 {
		t.Errorf("%d of %d cases ended, in %d steps", concluded, open, steps)
	}
}

// What a case is said to weigh is no less than what it weighs.
func TestWeight(t *testing.T) {
	for seed := range uint64(20) {
		h := random(t, seed)
		r := New(0, codec)
		for _, in := range h.log.Records(pipelines.CaseEvents, 0) {
			if _, err := r.Handle(in); err != nil {
				continue // a reject
			}
			weight, size := r.Weight(), 0
			for _, rec := range r.Checkpoint() {
				if string(rec.Key) != string(stateKey) {
					size += len(rec.Key) + len(rec.Value) + 160
				}
			}
			if size > weight {
				t.Fatalf("seed %d: %d bytes, said to be %d", seed, size, weight)
			}
		}
	}
}
