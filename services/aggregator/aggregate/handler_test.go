package aggregate

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/pipelines/stage/memory"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/aggregator/recompute"
)

func trust(t testing.TB) Trust { return Trust{Key: newSigner(t, 1).Verifier(), Prefix: prefix} }

func newHandler(t testing.TB, partitions int) *Handler {
	h := New(codec, trust(t), newSigner(t, 9))
	if _, err := h.Recover(memory.New(int32(partitions), single...).For("")); err != nil {
		t.Fatal(err)
	}
	return h
}

var single = []string{pipelines.ConductMetrics, pipelines.ConductAlerts}

// run handles inputs and returns what they cause.
func run(t testing.TB, partitions int, in []stage.Record) ([]stage.Record, error) {
	h := newHandler(t, partitions)
	var out []stage.Record
	for i := range in {
		buf := bytes.Clone(in[i].Value) // the handler must not hold on to its input
		rec := in[i]
		rec.Value = buf
		res, err := h.Handle(rec)
		if err != nil {
			return out, err
		}
		out = append(out, res...)
		clear(buf)
	}
	return out, nil
}

func same(t rapid.TB, got, want []stage.Record) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Fatalf("output %d:\n got %s %v %x\nwant %s %v %x", i, got[i].Topic, got[i].Position, got[i].Value, want[i].Topic, want[i].Position, want[i].Value)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d outputs, want %d", len(got), len(want))
	}
}

func seeded(t *rapid.T, name string) *rand.Rand {
	return rand.New(rand.NewPCG(rapid.Uint64().Draw(t, name), 0))
}

// TestOutputIsAFunctionOfTheLedgers reads the same ledgers in different orders, with duplicates.
func TestOutputIsAFunctionOfTheLedgers(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, seeded(rt, "world"))
		want, err := run(t, len(w.books), slices.Concat(w.streams()...))
		if err != nil {
			rt.Fatal(err)
		}
		r := seeded(rt, "order")
		streams := w.streams()
		for i := range streams {
			streams[i] = repeat(r, streams[i])
		}
		got, err := run(t, len(w.books), interleave(r, streams))
		if err != nil {
			rt.Fatal(err)
		}
		same(rt, got, want)
	})
}

// TestMetricsRecompute is invariant I3: every metric record is what a batch computation makes of the ledgers, each window
// once, under the heads that it names.
func TestMetricsRecompute(t *testing.T) {
	verifier := newSigner(t, 9).Verifier()
	rapid.Check(t, func(rt *rapid.T) {
		r := seeded(rt, "world")
		w := newWorld(t, r)
		out, err := run(t, len(w.books), interleave(r, w.streams()))
		if err != nil {
			rt.Fatal(err)
		}
		records := recompute.Records{Ledgers: len(w.books)} // one of them may have no record, and so no policy
		for _, b := range w.books {
			for i := range b.records {
				records.Add(&b.records[i])
			}
		}
		windows, err := records.Windows(w.until)
		if err != nil {
			rt.Fatal(err)
		}
		want := slices.Collect(windows)
		n := 0
		for _, o := range out {
			if o.Topic != pipelines.ConductMetrics {
				continue
			}
			var got schemas.MetricRecord
			if err := codec.DecodeInto(o.Value, &got); err != nil {
				rt.Fatal(err)
			}
			if n >= len(want) {
				rt.Fatalf("one more: %s to %d", got.Window, got.End)
			}
			_, body, _ := codec.Name(o.Value)
			if err := record.VerifyMetric(body, verifier); n%16 == 0 && err != nil {
				rt.Fatal(err)
			}
			want[n].KeyID, want[n].Signature = got.KeyID, got.Signature
			want[n].Heads = w.headsAt(got.End)
			if !reflect.DeepEqual(got, want[n]) {
				rt.Fatalf("record %d, %s to %d: %s", n, got.Window, got.End, recompute.Difference(&got, &want[n]))
			}
			if string(o.Key) != got.Window || o.Position.Offset*minute != got.End || o.Position.Partition != 0 {
				rt.Fatalf("key %s, position %v for %s to %d", o.Key, o.Position, got.Window, got.End)
			}
			n++
		}
		if n != len(want) {
			rt.Fatalf("%d records, want %d", n, len(want))
		}
	})
}

func (w *world) headsAt(end int64) []schemas.LedgerHead {
	var out []schemas.LedgerHead
	for _, b := range w.books {
		i := slices.IndexFunc(b.heads, func(cp schemas.Checkpoint) bool { return cp.Time >= end })
		out = append(out, schemas.LedgerHead{Partition: b.partition, Size: b.heads[i].Size, Root: b.heads[i].Root})
	}
	return out
}

// TestBreachesAreAlerted expects one alert for each case on which an AI wrote that was not the AI's, before the windows of
// its minute.
func TestBreachesAreAlerted(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := seeded(rt, "world")
		w := newWorld(t, r)
		out, err := run(t, len(w.books), interleave(r, w.streams()))
		if err != nil {
			rt.Fatal(err)
		}
		type alert struct {
			end       int64
			partition int32
			sequence  int64
			caseID    string
		}
		var want, got []alert
		for _, b := range w.books {
			for _, rec := range b.records {
				if rec.Kind == record.KindCase && rec.Case.GuardBreach {
					want = append(want, alert{rec.Case.ConcludedAt/minute + 1, b.partition, rec.Sequence, rec.Case.CaseID})
				}
			}
		}
		slices.SortStableFunc(want, func(a, b alert) int {
			return slices.Compare([]int64{a.end, int64(a.partition)}, []int64{b.end, int64(b.partition)})
		})
		for i, o := range out {
			if i > 0 && !o.Position.After(out[i-1].Position) {
				rt.Fatalf("position %v after %v", o.Position, out[i-1].Position)
			}
			if o.Topic != pipelines.ConductAlerts {
				continue
			}
			var a schemas.SegmentAlert
			if err := codec.DecodeInto(o.Value, &a); err != nil {
				rt.Fatal(err)
			}
			var p, generation int32
			if _, err := fmt.Sscanf(a.RecordLedger.Value, prefix+"/%d/%d", &p, &generation); err != nil {
				rt.Fatal(err)
			}
			got = append(got, alert{a.RaisedAt / minute, p, a.RecordSequence.Value, a.CaseID.Value})
			if o.Position.Offset != a.RaisedAt/minute || string(o.Key) != a.CaseType+"/"+a.Handler {
				rt.Fatalf("key %s, position %v of %+v", o.Key, o.Position, a)
			}
		}
		if !slices.Equal(got, want) {
			rt.Fatalf("\n got %v\nwant %v", got, want)
		}
	})
}

// TestMayDieAnywhere kills the stage at every step and writes exactly what one that never died writes.
func TestMayDieAnywhere(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := seeded(rt, "world")
		w := newWorld(t, r)
		want, err := run(t, len(w.books), slices.Concat(w.streams()...))
		if err != nil {
			rt.Fatal(err)
		}
		log := memory.New(int32(len(w.books)), single...)
		log.Append(slices.Concat(w.streams()...)...)
		for _, o := range want[:cut(r, want)] {
			o.Stage = pipelines.Aggregator
			log.Append(o)
		}
		for range r.IntN(4) {
			s, err := memory.Start(log, Definition(codec, trust(t), newSigner(t, 9)), 0)
			for more := true; err == nil && more; {
				more, err = s.Step(1+r.IntN(100), memory.Cut{Dies: r.IntN(6) == 0, Outputs: r.IntN(400) - 1})
			}
			if err != nil && err != memory.ErrDied {
				rt.Fatal(err)
			}
		}
		s, err := memory.Start(log, Definition(codec, trust(t), newSigner(t, 9)), 0)
		if err == nil {
			err = s.Drain(1 + r.IntN(100))
		}
		if err != nil {
			rt.Fatal(err)
		}
		holds(rt, log, want)
	})
}

// holds compares what is in the log's outputs with what should be.
func holds(t rapid.TB, log *memory.Log, want []stage.Record) {
	t.Helper()
	for _, topic := range single {
		var got, of []stage.Record
		for _, o := range log.Records(topic, 0) {
			got = append(got, stage.Record{Topic: o.Topic, Key: o.Key, Value: o.Value, Position: o.Position})
		}
		for _, o := range want {
			if o.Topic == topic {
				of = append(of, o)
			}
		}
		same(t, got, of)
	}
}

// cut is how many outputs an earlier run wrote: any number, and with preference one that ends amid what closes at one end.
func cut(r *rand.Rand, out []stage.Record) int {
	n := r.IntN(len(out) + 1)
	for i := n; i > 0 && i < len(out); i++ {
		if out[i].Position.Offset == out[i-1].Position.Offset {
			return i
		}
	}
	return n
}
