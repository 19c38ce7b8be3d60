package sign

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

func newSigner(t testing.TB) *Signer {
	t.Helper()
	s, err := New(0, codec, Keys{testKey(t, 1)}, prefix, newStore())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// say describes outputs: what, position, and for checkpoints size and time.
func say(t testing.TB, out []stage.Record) string {
	var words []string
	for _, r := range out {
		m, err := codec.Decode(r.Value)
		if err != nil {
			t.Fatal(err)
		}
		switch m := m.(type) {
		case *schemas.SignedRecord:
			words = append(words, fmt.Sprintf("%d=%v@%d.%d", m.Payload.Sequence, m.Payload.Kind, r.Position.Offset, r.Position.Ordinal))
		case *schemas.Checkpoint:
			words = append(words, fmt.Sprintf("[%d t%d]@%d.%d", m.Size, m.Time, r.Position.Offset, r.Position.Ordinal))
		}
	}
	return strings.Join(words, " ")
}

func TestHandle(t *testing.T) {
	const t0 = 1760000000000
	case1, policy := conclusion("c1"), &schemas.PolicyApplied{Policy: schemas.ConductPolicy{Version: "v1"}}
	s := newSigner(t)
	for i, c := range []struct {
		why    string
		m      schemas.Message
		source int64
		want   string
	}{
		{"nothing yet: the time is promised all the same", at(t0), 1, "[0 t1760000000000]@0.0"},
		{"and not again at once", at(t0 + 1000), 2, ""},
		{"the genesis record comes with the first message", policy, 3, "0=genesis@2.0 1=policy@2.1"},
		{"a case", case1, 4, "2=case@3.0"},
		{"the same message again", case1, 4, ""},
		{"a message from before", policy, 3, ""},
		{"a tick not ten seconds on, with records", at(t0 + 1001), 5, "[3 t1760000001001]@6.0"},
		{"the same tick", at(t0 + 1001), 5, ""},
		{"a tick of an earlier owner", at(t0 + 500), 5, ""},
		{"a tick a second later, without records", at(t0 + 2001), 6, ""},
		{"an amendment", &schemas.CaseAmendment{Amendment: schemas.ConductAmendment{CaseID: "c1"}}, 7, "3=amendment@10.0"},
		{"a tick ten seconds later", at(t0 + 11001), 8, "[4 t1760000011001]@11.0"},
		{"and ten more", at(t0 + 21000), 9, ""},
		{"and ten more", at(t0 + 21001), 9, "[4 t1760000021001]@13.0"},
	} {
		in := input(c.m, c.source, 0)
		in.Offset = int64(i)
		out, err := s.Handle(in)
		if err != nil {
			t.Fatalf("%s: %v", c.why, err)
		}
		if got := say(t, out); got != c.want {
			t.Errorf("%s: got %q, want %q", c.why, got, c.want)
		}
		for _, r := range out {
			if r.Trace != in.Trace || r.Partition != 0 {
				t.Errorf("%s: trace %q, partition %d", c.why, r.Trace, r.Partition)
			}
		}
	}
}

func TestCheckpointByCount(t *testing.T) {
	s := newSigner(t)
	s.issued.time = 77
	var got []string
	for i := range recordsEvery + 1 {
		in := input(conclusion("c"), int64(i), 0)
		in.Offset = int64(i)
		out, err := s.Handle(in)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range out {
			if r.Topic == pipelines.ConductCheckpoints {
				got = append(got, say(t, []stage.Record{r}))
			}
		}
	}
	// The genesis record counts too, so it comes at the 9,999th message.
	if want := []string{"[10000 t77]@9998.1"}; !reflect.DeepEqual(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestRejects(t *testing.T) {
	good := input(conclusion("c"), 5, 0)
	change := func(f func(*stage.Record)) stage.Record {
		in := good
		f(&in)
		return in
	}
	huge := conclusion(strings.Repeat("x", record.MaxBody))
	for name, in := range map[string]stage.Record{
		"not from the router":    change(func(r *stage.Record) { r.Stage = "" }),
		"of another partition":   change(func(r *stage.Record) { r.Position.Partition = 1 }),
		"a negative position":    change(func(r *stage.Record) { r.Position.Offset = -1 }),
		"no frame":               change(func(r *stage.Record) { r.Value = []byte("x") }),
		"a tombstone":            change(func(r *stage.Record) { r.Value = nil }),
		"unknown schema":         change(func(r *stage.Record) { r.Value = []byte{0, 0, 0, 9, 9, 1} }),
		"cut":                    change(func(r *stage.Record) { r.Value = r.Value[:20] }),
		"another record":         change(func(r *stage.Record) { r.Value = codec.Append(nil, pipelines.ChatEvents, &schemas.ChatEvent{}) }),
		"a tick of many sources": input(&schemas.Tick{Time: 1, Sources: 2}, 5, 0),
		"a tick before 1970":     input(at(-1), 5, 0),
		"more than a body takes": input(huge, 5, 0),
	} {
		t.Run(name, func(t *testing.T) {
			s := newSigner(t)
			out, err := s.Handle(in)
			if !errors.Is(err, stage.ErrReject) || len(out) != 0 {
				t.Fatalf("got %d outputs and %v, want a reject", len(out), err)
			}
			if letter := pipelines.Reject(codec, in, err, in.Time.UnixMilli()); letter.Topic != pipelines.ChatRejects {
				t.Error(letter)
			}
			out, err = s.Handle(good) // as if the other had never been
			if want := "0=genesis@0.0 1=case@0.1"; err != nil || say(t, out) != want {
				t.Fatalf("afterwards: got %q, %v, want %q", say(t, out), err, want)
			}
		})
	}
}

// Replaying from the beginning gives the same bytes, however the input is cut into steps.
func TestDeterministic(t *testing.T) {
	l := history(t, 200)
	drain(t, l, newStore(), 7)
	want := allOutputs(l)
	if n := audit(t, l).Size(); n < 200 || len(want[pipelines.ConductCheckpoints]) < 20 || len(want[pipelines.ChatRejects]) < 10 {
		t.Fatalf("%d records, %d checkpoints, %d rejects: not much of a history", n, len(want[pipelines.ConductCheckpoints]), len(want[pipelines.ChatRejects]))
	}
	for _, batch := range []int{1, 3, 1000} {
		c := copyInput(l)
		drain(t, c, newStore(), batch)
		if got := allOutputs(c); !reflect.DeepEqual(got, want) {
			t.Fatalf("steps of %d give other bytes", batch)
		}
	}
}

// What the record module writes by hand is what the schema says, and the other way round.
func TestSameBytesAsTheSchema(t *testing.T) {
	l := history(t, 60)
	drain(t, l, newStore(), 10)
	for _, r := range l.Records(pipelines.ConductRecords, 0) {
		var m schemas.SignedRecord
		if err := codec.DecodeInto(r.Value, &m); err != nil {
			t.Fatal(err)
		}
		if got := m.AppendAvro(nil); !bytes.Equal(got, r.Value[5:]) {
			t.Fatalf("the schema's encoder gives\n%x, the record is\n%x", got, r.Value[5:])
		}
		own, err := record.Decode(m.AppendAvro(nil))
		if err != nil {
			t.Fatal(err)
		}
		if own.Case.CaseID != m.Payload.Case.Value.CaseID || own.Kind.String() != m.Payload.Kind.String() || own.Sequence != m.Payload.Sequence {
			t.Fatalf("decoded as %+v and as %+v", own.Record, m.Payload)
		}
	}
}
