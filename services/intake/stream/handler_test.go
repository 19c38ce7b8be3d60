package stream

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/pipelines/stage/memory"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/intake/classify"
	"github.com/casetrail/casetrail/services/intake/customers"
	"github.com/casetrail/casetrail/services/intake/order"
	"github.com/casetrail/casetrail/services/intake/signals"
	"github.com/casetrail/casetrail/services/router/guard"
)

var customerKey, _ = customers.New(rand.NewChaCha8([32]byte{1}))

var codec = schemas.NewOfflineCodec(pipelines.Subjects(pipelines.Intake)...)

const t0 = int64(1_800_000_000_000)

type world struct {
	*memory.Log
	opt    Options
	now    int64
	signer note.Signer
	t      testing.TB
}

func newWorld(t testing.TB) *world {
	model, err := classify.Load()
	if err != nil {
		t.Fatal(err)
	}
	heard, err := signals.Load()
	if err != nil {
		t.Fatal(err)
	}
	s, v, err := note.GenerateKey(nil, "operator")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Log: memory.New(3), now: t0, t: t}
	w.signer, _ = note.NewSigner(s)
	verifier, _ := note.NewVerifier(v)
	w.opt = Options{Codec: codec, Model: model, Signals: heard, PolicyKey: verifier, Now: func() time.Time { return time.UnixMilli(w.now) }, Customers: customerKey}
	return w
}

func (w *world) raw(value []byte) {
	w.Append(stage.Record{Topic: pipelines.ChatEvents, Value: value, Time: time.UnixMilli(w.now)})
}

func (w *world) put(m schemas.Message) { w.raw(codec.Append(nil, pipelines.ChatEvents, m)) }

func says(id, text string, at int64) *schemas.ChatEvent {
	return &schemas.ChatEvent{EventID: id + "-1", CaseID: id, Sender: schemas.SenderCustomer, OccurredAt: at, Text: schemas.Some(text), CustomerID: schemas.Some("anna")}
}

func (w *world) run() {
	w.t.Helper()
	s, err := memory.Start(w.Log, Definition(w.opt), 0)
	if err == nil {
		err = s.Drain(10)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// written are the messages of a type over all partitions of a topic.
func written[M any, P interface {
	*M
	schemas.Message
}](w *world, topic string) (out []M) {
	for p := range int32(3) {
		for _, r := range w.Records(topic, p) {
			var m M
			if err := codec.DecodeInto(r.Value, P(&m)); err == nil {
				out = append(out, m)
			} else if !errors.Is(err, schemas.ErrWrongType) {
				w.t.Fatal(err)
			}
		}
	}
	return out
}

func TestFindingsAreDataFromHereOn(t *testing.T) {
	w := newWorld(t)
	w.put(says("c", "there is a payment on my card that i never made, someone stole my card details", t0))
	w.run()
	e := written[schemas.CaseEvent](w, pipelines.CaseEvents)
	if len(e) != 1 || e[0].CaseType.Value != "fraud_claim" || e[0].ClassifierVersion == "" || e[0].ObservedAt != t0 {
		t.Fatalf("%+v", e)
	}
	if e[0].CustomerSalt.Set || e[0].CustomerCommitment.Value != schemas.Hash(customerKey.Commitment("anna")) {
		t.Fatalf("commitment %+v", e[0])
	}
	ticks := written[schemas.Tick](w, pipelines.CaseEvents)
	if len(ticks) < 3 || ticks[0].Sources != 3 {
		t.Fatalf("ticks %+v", ticks)
	}
}

func TestEveryFindingIsInTheEvent(t *testing.T) {
	w := newWorld(t)
	w.put(says("greets", "hello", t0))
	w.put(says("asks", "where is my refund? i want to speak to a supervisor", t0))
	w.put(&schemas.ChatEvent{EventID: "x", CaseID: "asks", Kind: schemas.EventKindCaseTypeCorrected, Sender: schemas.SenderHuman, OccurredAt: t0, CaseType: schemas.Some("dispute")})
	w.run()
	for _, e := range written[schemas.CaseEvent](w, pipelines.CaseEvents) {
		switch {
		case e.Kind == schemas.EventKindCaseTypeCorrected:
			if e.CaseType.Value != "dispute" || e.AIProbability.Set || e.ClassifierVersion != "" {
				t.Errorf("%+v", e)
			}
		case e.CaseID == "greets":
			if !e.Bare || e.CaseType.Value != "unknown" || !e.AIProbability.Set || len(e.Because) > 0 {
				t.Errorf("%+v", e)
			}
		default:
			if e.Bare || len(e.Because) == 0 || len(e.Question) == 0 || !e.HumanRequest || e.AIProbability.Value <= 0 || len(strings.Fields(e.ClassifierVersion)) != 2 {
				t.Errorf("%+v", e)
			}
		}
	}
}

// silent is a classifier that has no answer.
type silent struct{}

func (silent) Find(string) (classify.Finding, string) {
	return classify.Finding{CaseType: classify.Unknown}, "external/no-answer/timeout"
}

// Without an answer a message is unknown, never bare, and the event says why; what the customer wants is heard all the same.
func TestAMessageWithoutAnAnswerIsUnknown(t *testing.T) {
	w := newWorld(t)
	w.opt.Model = silent{}
	w.put(says("c", "hello, i want to speak to a human", t0))
	w.run()
	e := written[schemas.CaseEvent](w, pipelines.CaseEvents)
	if len(e) != 1 || e[0].CaseType.Value != "unknown" || e[0].Bare || e[0].AIProbability != schemas.Some(0.0) || !e[0].HumanRequest ||
		!strings.HasPrefix(e[0].ClassifierVersion, "external/no-answer/timeout ") {
		t.Errorf("%+v", e)
	}
}

func TestWhatCannotBeTakenIsRejectedWithItsReason(t *testing.T) {
	w := newWorld(t)
	good := codec.Append(nil, pipelines.ChatEvents, says("c", "hi", t0))
	w.raw([]byte{1, 2, 3})
	w.raw([]byte{0, 9, 9, 9, 9, 1})
	w.raw(good[:len(good)-3])
	w.raw(append(good[:len(good):len(good)], 0))
	w.raw(make([]byte, 10<<20))
	w.put(says("", "no case", t0))
	w.put(says("c", "long ago", t0-40*24*3_600_000))
	w.put(&schemas.ChatEvent{Kind: schemas.EventKindClock, OccurredAt: t0})
	w.put(&schemas.PolicyChange{Version: "1", Document: "version: 1"})
	w.put(&schemas.LedgerOrder{Order: schemas.OrderKindSeal, Ledgers: "casetrail/test", Generation: schemas.Some(int32(1)), Note: "of nobody"})
	w.put(says("c", "good", t0))
	w.run()
	want := []string{"bad_frame", "unknown_schema", "bad_avro", "bad_avro", "too_large", "bad_event", "bad_time", "clock_refused", "bad_policy", "bad_order"}
	got := written[schemas.ChatReject](w, pipelines.ChatRejects)
	if len(got) != len(want) {
		t.Fatalf("%d rejects, want %d: %+v", len(got), len(want), got)
	}
	for i, x := range got {
		if x.Reason != want[i] || x.Offset != int64(i) || x.Detail == "" || len(x.Value.Value) > 64<<10 {
			t.Errorf("offset %d: %s (%s), want %s", x.Offset, x.Reason, x.Detail, want[i])
		}
	}
	if n := len(written[schemas.CaseEvent](w, pipelines.CaseEvents)); n != 1 {
		t.Errorf("%d events taken, want 1", n)
	}
}

func TestAPolicyReachesEveryPartition(t *testing.T) {
	w := newWorld(t)
	doc, err := os.ReadFile("../../../pipelines/policies/default.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := guard.Sign(doc, w.signer)
	if err != nil {
		t.Fatal(err)
	}
	w.put(c)
	w.run()
	if n := len(written[schemas.PolicyChange](w, pipelines.CaseEvents)); n != 3 {
		t.Fatalf("in %d partitions, want 3", n)
	}
}

func TestAnOrderReachesEveryPartition(t *testing.T) {
	w := newWorld(t)
	o := &schemas.LedgerOrder{Order: schemas.OrderKindSeal, Ledgers: "casetrail/test", Generation: schemas.Some(int32(1))}
	if err := order.Sign(o, w.signer); err != nil {
		t.Fatal(err)
	}
	w.put(o)
	w.run()
	if n := len(written[schemas.LedgerOrder](w, pipelines.CaseEvents)); n != 3 {
		t.Fatalf("in %d partitions, want 3", n)
	}
}

func TestTheEventClockRunsOnClockEventsAlone(t *testing.T) {
	w := newWorld(t)
	w.opt.EventClock = true
	w.put(says("a", "hi", 1_000))
	w.put(&schemas.ChatEvent{Kind: schemas.EventKindClock, OccurredAt: 5_000})
	w.put(says("b", "late", 2_000))
	w.put(&schemas.ChatEvent{Kind: schemas.EventKindClock, OccurredAt: 4_000})
	w.run()
	ticks := written[schemas.Tick](w, pipelines.CaseEvents)
	if len(ticks) != 3 || ticks[0].Time != 5_000 {
		t.Fatalf("%+v", ticks)
	}
	for _, e := range written[schemas.CaseEvent](w, pipelines.CaseEvents) {
		if want := map[string]int64{"a": 1_000, "b": 5_000}[e.CaseID]; e.ObservedAt != want {
			t.Errorf("%s observed at %d, want %d", e.CaseID, e.ObservedAt, want)
		}
	}
}

// Under the event clock events run ahead of it: after a restart they must not be taken for the clock.
func TestTheEventClockOutlivesIntake(t *testing.T) {
	w := newWorld(t)
	w.opt.EventClock = true
	w.put(&schemas.ChatEvent{Kind: schemas.EventKindClock, OccurredAt: 5_000})
	for i := range 600 {
		w.put(says(fmt.Sprint("ahead", i), "hi", 1_000_000+int64(i)))
	}
	w.run()
	w.put(says("after", "hi", 6_000))
	w.put(says("late", "hi", 4_000))
	w.put(&schemas.ChatEvent{Kind: schemas.EventKindClock, OccurredAt: 7_000})
	w.run()
	observed := map[string]int64{}
	for _, e := range written[schemas.CaseEvent](w, pipelines.CaseEvents) {
		observed[e.CaseID] = e.ObservedAt
	}
	if observed["after"] != 6_000 || observed["late"] != 5_000 {
		t.Errorf("%d and %d, want 6000 and 5000", observed["after"], observed["late"])
	}
	if ticks := written[schemas.Tick](w, pipelines.CaseEvents); len(ticks) != 6 || ticks[len(ticks)-1].Time != 7_000 {
		t.Errorf("%+v", ticks)
	}
}

// Wherever intake dies, each event is in case.events once, and no tick lies.
func TestDyingAnywhereTakesEachEventOnce(t *testing.T) {
	for seed := range uint64(40) {
		w := newWorld(t)
		r := rand.New(rand.NewPCG(seed, 1))
		var s *memory.Stage
		for i := 0; i < 120; {
			for range r.IntN(6) {
				w.put(says(fmt.Sprint("c", i), strings.Repeat("x", i%7+1), w.now))
				i++
			}
			w.now += int64(r.IntN(900))
			if s == nil {
				var err error
				if s, err = memory.Start(w.Log, Definition(w.opt), 0); err != nil {
					t.Fatal(err)
				}
			}
			_, err := s.Step(1+r.IntN(9), memory.Cut{Dies: r.IntN(3) == 0, Outputs: r.IntN(8) - 1})
			if errors.Is(err, memory.ErrDied) {
				s = nil
			} else if err != nil {
				t.Fatal(err)
			}
		}
		w.run()
		for p := range int32(3) {
			var ticked int64
			last := stage.Before(0)
			for _, rec := range w.Records(pipelines.CaseEvents, p) {
				switch m, _ := codec.Decode(rec.Value); m := m.(type) {
				case *schemas.Tick:
					ticked = max(ticked, m.Time)
				case *schemas.CaseEvent:
					if !rec.Position.After(last) {
						t.Fatalf("seed %d: %v after %v", seed, rec.Position, last)
					}
					if last = rec.Position; m.ObservedAt < ticked {
						t.Fatalf("seed %d: an event at %d after a tick of %d", seed, m.ObservedAt, ticked)
					}
				}
			}
		}
		if got, want := len(written[schemas.CaseEvent](w, pipelines.CaseEvents)), len(w.Records(pipelines.ChatEvents, 0)); got != want {
			t.Fatalf("seed %d: %d events taken of %d", seed, got, want)
		}
	}
}

// What one replica takes and another rejects would be lost if the first died between its writes.
func TestAReplicasClockDecidesNothing(t *testing.T) {
	for _, skew := range []time.Duration{-time.Hour, 0, time.Hour} {
		w := newWorld(t)
		w.opt.Now = func() time.Time { return time.UnixMilli(w.now).Add(skew) }
		w.put(says("c", "hi", t0-30*24*3_600_000))   // just not too old
		w.put(says("d", "hi", t0-30*24*3_600_000-1)) // just too old
		w.put(says("e", "hi", t0+300_001))
		w.run()
		if e, x := written[schemas.CaseEvent](w, pipelines.CaseEvents), written[schemas.ChatReject](w, pipelines.ChatRejects); len(e) != 1 || len(x) != 2 {
			t.Errorf("a clock that is wrong by %v: %d taken, %d rejected", skew, len(e), len(x))
		}
	}
}

// An owner that dies while it goes through what an earlier one has written leaves nothing that hides how far that came.
func TestDyingTwiceWritesNothingTwice(t *testing.T) {
	w := newWorld(t)
	for i := range 20 {
		w.put(says(fmt.Sprint("case-", i), "hi", t0))
	}
	first, err := memory.Start(w.Log, Definition(w.opt), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.Step(20, memory.Cut{Dies: true, Outputs: -1}); !errors.Is(err, memory.ErrDied) { // before it commits
		t.Fatal(err)
	}
	w.now += 5000
	second, err := memory.Start(w.Log, Definition(w.opt), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.Step(3, memory.Cut{Dies: true, Outputs: -1}); !errors.Is(err, memory.ErrDied) {
		t.Fatal(err)
	}
	w.run()
	if e := written[schemas.CaseEvent](w, pipelines.CaseEvents); len(e) != 20 {
		t.Fatalf("%d events were taken, 20 published", len(e))
	}
}
