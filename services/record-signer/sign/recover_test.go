package sign

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage/memory"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// A signer that dies at any point of any step leaves nothing that the next one does not complete to the same bytes.
func TestDiesAnywhere(t *testing.T) {
	whole := history(t, 60)
	drain(t, whole, newStore(), 4)
	want := allOutputs(whole)
	for step := range 40 {
		for _, cut := range []memory.Cut{{Dies: true}, {Dies: true, Outputs: 1}, {Dies: true, Outputs: 2}, {Dies: true, Outputs: 3}, {Dies: true, Outputs: -1}, {Dies: true, Outputs: -1, State: true}} {
			l, store := copyInput(whole), newStore()
			s, err := memory.Start(l, definition(t, store), 0)
			if err != nil {
				t.Fatal(err)
			}
			for range step {
				if _, err := s.Step(4, memory.Cut{}); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := s.Step(4, cut); !errors.Is(err, memory.ErrDied) {
				t.Fatal(err)
			}
			drain(t, l, store, 5)
			if got := allOutputs(l); !reflect.DeepEqual(got, want) {
				t.Fatalf("died in step %d, %+v: the outputs differ", step, cut)
			}
			if n := len(l.Records(pipelines.ConductRecords, 0)); n != len(want[pipelines.ConductRecords]) {
				t.Fatalf("died in step %d, %+v: %d records in the log, want %d: some were written twice", step, cut, n, len(want[pipelines.ConductRecords]))
			}
			audit(t, l)
		}
	}
}

// What a step writes to its topics becomes durable in any order: a signer that dies when one topic has nothing of it and the others
// have all leaves nothing out, dead letters included.
func TestDiesWithOneTopicBehind(t *testing.T) {
	whole := history(t, 60)
	drain(t, whole, newStore(), 4)
	want := allOutputs(whole)
	for topic := range want {
		for more, k := true, 1; more; k++ {
			l, store := copyInput(whole), newStore()
			s, err := memory.Start(l, definition(t, store), 0)
			if err != nil {
				t.Fatal(err)
			}
			var had int
			for range k {
				had = len(l.Records(topic, 0))
				if more, err = s.Step(25, memory.Cut{}); err != nil {
					t.Fatal(err)
				}
			}
			l.Truncate(topic, 0, had)
			drain(t, l, store, 25)
			if got := allOutputs(l); !reflect.DeepEqual(got, want) {
				t.Fatalf("%s has nothing of step %d: the outputs differ", topic, k)
			}
			audit(t, l)
		}
	}
}

// Partitions of the log lose their tails independently of each other; the same bytes come again, and the same checkpoints.
func TestTailsAreCut(t *testing.T) {
	whole := history(t, 60)
	store := newStore()
	drain(t, whole, store, 4)
	want := allOutputs(whole)
	records, checkpoints := len(want[pipelines.ConductRecords]), len(want[pipelines.ConductCheckpoints])
	for r := 0; r <= records; r += 1 + r/20 {
		for c := 0; c <= checkpoints; c++ {
			l := copyInput(whole)
			for topic, n := range map[string]int{pipelines.ConductRecords: r, pipelines.ConductCheckpoints: c} {
				l.Append(whole.Records(topic, 0)[:n]...)
			}
			l.Append(whole.Records(pipelines.ChatRejects, 0)...)
			drain(t, l, &memStore{kept: maps.Clone(store.kept)}, 5)
			if got := allOutputs(l); !reflect.DeepEqual(got, want) {
				t.Fatalf("cut to %d records and %d checkpoints: the outputs differ", r, c)
			}
		}
	}
}

// Two signers that take turns on one partition, neither knowing of the other, tell readers one story.
func TestTwoSigners(t *testing.T) {
	whole := history(t, 60)
	drain(t, whole, newStore(), 4)
	l, store := copyInput(whole), newStore()
	a, err := memory.Start(l, definition(t, store), 0)
	if err != nil {
		t.Fatal(err)
	}
	b, err := memory.Start(l, definition(t, store), 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		s, n := a, 2
		if i%3 == 0 {
			s, n = b, 5
		}
		if _, err := s.Step(n, memory.Cut{}); err != nil {
			t.Fatal(err)
		}
	}
	if got := outputs(l, pipelines.ConductRecords); !reflect.DeepEqual(got, outputs(whole, pipelines.ConductRecords)) {
		t.Fatal("the records differ")
	}
	chain := audit(t, l)
	if chain.Skipped(record.Duplicate) == 0 || chain.Skipped(record.Equivocation) > 0 {
		t.Fatal("expected duplicates and no equivocation")
	}
	drain(t, l, store, 5) // and a third one goes on from it
	audit(t, l)
}

// failure is a ledger that a signer must not go on with, and what it is to say.
func failure(t *testing.T, l *memory.Log, store Store, want error, text string) {
	t.Helper()
	before := len(l.Records(pipelines.ConductRecords, 0))
	s, err := memory.Start(l, definition(t, store), 0)
	if err == nil {
		err = s.Drain(5)
	}
	if want != nil && !errors.Is(err, want) || err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("got %v, want %v with %q", err, want, text)
	}
	if n := len(l.Records(pipelines.ConductRecords, 0)); n != before {
		t.Errorf("%d records were written", n-before)
	}
}

func TestRefusesToFork(t *testing.T) {
	whole := day(t, 60, false)
	store := newStore()
	drain(t, whole, store, 4)
	in := whole.Records(pipelines.CaseConclusions, 0)
	recs, cps := whole.Records(pipelines.ConductRecords, 0), whole.Records(pipelines.ConductCheckpoints, 0)
	ledger := Ledger(prefix, 0)

	t.Run("everything but the outside checkpoint is gone", func(t *testing.T) {
		failure(t, memory.New(1), store, ErrLost, "checkpoint kept outside Kafka has")
	})
	t.Run("the records and the beginning of their input are gone", func(t *testing.T) {
		l := memory.New(1)
		l.Append(in[30:]...)
		failure(t, l, store, ErrLost, "the checkpoint kept outside Kafka has 74 records")
	})
	t.Run("other input", func(t *testing.T) {
		l := copyInput(day(t, 60, false))
		other := l.Records(pipelines.CaseConclusions, 0)
		other[5] = input(conclusion("somebody else"), other[5].Position.Offset, other[5].Position.Ordinal)
		failure(t, l, store, ErrFork, "root")
	})
	t.Run("the tail of records and input is gone, and Kafka has a checkpoint over it", func(t *testing.T) {
		l := memory.New(1)
		l.Append(in[:20]...)
		l.Append(recs[:10]...)
		l.Append(cps...)
		failure(t, l, newStore(), ErrLost, "conduct.checkpoints has")
	})
	t.Run("case.conclusions made anew", func(t *testing.T) {
		l := memory.New(1)
		l.Append(recs...)
		l.Append(cps...)
		failure(t, l, store, ErrLost, "was the topic made anew?")
	})
	t.Run("an outside checkpoint that is none", func(t *testing.T) {
		failure(t, copyInput(whole), &memStore{kept: map[string][]byte{ledger: []byte("x")}}, nil, "kept outside Kafka for ledger "+ledger)
	})
	t.Run("an outside checkpoint of another history within the log", func(t *testing.T) {
		cp, err := testKey(t, 1).SignCheckpoint(ledger, int64(len(recs)), record.Hash{1})
		if err != nil {
			t.Fatal(err)
		}
		l := copyInput(whole)
		l.Append(recs...)
		l.Append(cps[:len(cps)-9]...)
		failure(t, l, &memStore{kept: map[string][]byte{ledger: cp.Note}}, ErrFork, "root")
	})
	t.Run("two histories in the log", func(t *testing.T) {
		l := copyInput(whole)
		l.Append(recs[:3]...)
		other := record.Record{PreviousHash: record.LeafHash(recs[1].Value[5:]), Ledger: ledger, Sequence: 2, Kind: record.KindPolicy, Source: record.Source{Offset: 99}}
		body, err := testKey(t, 1).SignPayload(nil, other.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		second := recs[2]
		second.Value = append(append([]byte{}, second.Value[:5]...), body...)
		l.Append(second)
		failure(t, l, newStore(), ErrFork, "two validly signed records")
	})
	for name, logged := range map[string]bool{"another key, with checkpoints": true, "another key, without": false} {
		t.Run(name, func(t *testing.T) {
			l := copyInput(whole)
			l.Append(recs...)
			if logged {
				l.Append(cps...)
			}
			_, err := memory.Start(l, Definition(codec, Keys{testKey(t, 2)}, prefix, newStore()), 0)
			if err == nil || !strings.Contains(err.Error(), "is it the right key?") {
				t.Error(err)
			}
		})
	}
}

// What is all in the log stands, even if it can't be made again: the input may be older than its retention, or the signer
// newer than its records.
func TestGoesOnFromTheLog(t *testing.T) {
	whole := history(t, 60)
	drain(t, whole, newStore(), 4)
	recs, cps := whole.Records(pipelines.ConductRecords, 0), whole.Records(pipelines.ConductCheckpoints, 0)
	l := copyInput(whole)
	l.Append(recs...)
	l.Append(cps[:len(cps)-5]...)
	l.Expire(pipelines.CaseConclusions, 0, int64(len(l.Records(pipelines.CaseConclusions, 0))-3))
	drain(t, l, newStore(), 4)
	before := audit(t, l).Size()
	l.Append(input(conclusion("a new one"), 1000, 0), input(at(1770000000000), 1001, 0))
	drain(t, l, newStore(), 4)
	if n := audit(t, l).Size(); n != before+1 {
		t.Fatalf("%d records, want %d", n, before+1)
	}
}

func TestPartitionCountChanged(t *testing.T) {
	l := memory.New(4, pipelines.ConductRecords)
	if _, err := memory.Start(l, definition(t, newStore()), 0); err == nil || !strings.Contains(err.Error(), "conduct.records has 1 partitions") {
		t.Error(err)
	}
}

// Nothing is kept outside Kafka before it is durable in Kafka, and what is kept never goes back.
func TestKeeps(t *testing.T) {
	l, store := history(t, 60), newStore()
	s, err := memory.Start(l, definition(t, store), 0)
	if err != nil {
		t.Fatal(err)
	}
	var kept extent
	for more := true; more; {
		durable := l.Records(pipelines.ConductCheckpoints, 0)
		if more, err = s.Step(3, memory.Cut{}); err != nil {
			t.Fatal(err)
		}
		newest, err := store.Newest(prefix + "/0")
		if err != nil || newest == "" {
			continue
		}
		cp, err := record.OpenCheckpoint(store.kept[newest], bothKeys(t)...)
		if err != nil || to(cp).compare(kept) < 0 {
			t.Fatalf("%v after %v, %v", to(cp), kept, err)
		}
		kept = to(cp)
		found := false
		for _, r := range durable {
			var m schemas.Checkpoint
			found = found || codec.DecodeInto(r.Value, &m) == nil && m.Note == string(store.kept[newest])
		}
		if !found {
			t.Fatalf("a checkpoint of size %d was kept before it was durable", cp.Size)
		}
	}
	if kept.generation != 4 || store.swaps > 30 {
		t.Errorf("%v after %d swaps", kept, store.swaps)
	}
	drain(t, l, store, 3) // recovery keeps what the last step issued
	last := map[string]string{}
	for _, r := range l.Records(pipelines.ConductCheckpoints, 0) {
		var m schemas.Checkpoint
		if err := codec.DecodeInto(r.Value, &m); err != nil {
			t.Fatal(err)
		}
		last[m.Ledger] = m.Note
	}
	for ledger, note := range last { // of the sealed ones too
		if string(store.kept[ledger]) != note {
			t.Errorf("of ledger %s not the last checkpoint is kept", ledger)
		}
	}
	store.fail = fmt.Errorf("disk full")
	l.Append(input(conclusion("x"), 1000, 0), input(at(1770000000000), 1001, 0), input(at(1770000020000), 1002, 0), input(at(1770000040000), 1003, 0))
	if s, err = memory.Start(l, definition(t, store), 0); err != nil {
		t.Fatal(err)
	}
	if err := s.Drain(1); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("got %v, want disk full", err)
	}
}

// Checkpoints that were lost are made again, and an input whose end does not show is no reason to do without them.
func TestWaitsForTheEndOfItsInput(t *testing.T) {
	whole := history(t, 60)
	drain(t, whole, newStore(), 4)
	recs, cps, in := whole.Records(pipelines.ConductRecords, 0), whole.Records(pipelines.ConductCheckpoints, 0), whole.Records(pipelines.CaseConclusions, 0)
	for i, shows := range []int{0, len(in) / 4, len(in) - 20, len(in), len(in) / 4, len(in)} {
		l := memory.New(1)
		l.Append(in[:shows]...)
		l.Append(recs...)
		if i < 4 {
			l.Append(cps[:len(cps)-5]...)
		} // or none of them is left
		s, err := memory.Start(l, definition(t, newStore()), 0)
		if shows < len(in) {
			if !errors.Is(err, ErrLost) {
				t.Errorf("with %d of %d inputs: %v", shows, len(in), err)
			}
			continue
		}
		if err == nil {
			err = s.Drain(4)
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, want := outputs(l, pipelines.ConductCheckpoints), outputs(whole, pipelines.ConductCheckpoints); !slices.Equal(got, want) {
			t.Errorf("%d checkpoints, want the same %d", len(got), len(want))
		}
	}
}
