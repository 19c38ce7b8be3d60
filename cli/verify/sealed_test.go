package verify

import (
	"fmt"
	"strings"
	"testing"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
	orders "github.com/casetrail/casetrail/services/intake/order"
)

// seal publishes the order to seal a generation.
func (w *world) seal(generation int32) {
	o := &schemas.LedgerOrder{Order: schemas.OrderKindSeal, Ledgers: prefixName, Generation: schemas.Some(generation)}
	check(w.t, orders.Sign(o, w.operator))
	w.put(o, fmt.Sprint("seal ", generation))
}

// chats plays some cases from a time on, in minutes: an AI and humans have them, some are rated late, some ask for a human.
func (w *world) chats(name string, from int64) {
	for i := range int64(40) {
		id, at := fmt.Sprint(name, i), t0+(from+i)*minute
		say := func(after int64, kind schemas.EventKind, sender schemas.Sender, change func(*schemas.ChatEvent)) {
			e := &schemas.ChatEvent{EventID: fmt.Sprint(id, after), CaseID: id, Kind: kind, Sender: sender, OccurredAt: at + after}
			if change != nil {
				change(e)
			}
			w.put(e, id)
		}
		say(0, schemas.EventKindMessage, schemas.SenderCustomer, func(e *schemas.ChatEvent) { e.Text = schemas.Some(texts[i%int64(len(texts))]) })
		say(2000, schemas.EventKindMessage, schemas.SenderAI, func(e *schemas.ChatEvent) {
			e.Text, e.AIModelVersion = schemas.Some("I am here to help"), schemas.Some("bot-1")
		})
		if i%4 == 0 {
			say(3000, schemas.EventKindMessage, schemas.SenderCustomer, func(e *schemas.ChatEvent) { e.Text = schemas.Some("I want to speak to a human agent") })
			say(9000, schemas.EventKindAgentJoined, schemas.SenderHuman, nil)
		}
		if i%2 == 0 {
			say(20000, schemas.EventKindResolved, schemas.SenderHuman, func(e *schemas.ChatEvent) { e.Outcome = schemas.Some(schemas.OutcomeResolvedConfirmed) })
		}
	}
}

// late rates the cases of chats that are concluded.
func (w *world) late(name string, at int64) {
	for i := int64(0); i < 40; i += 2 {
		id := fmt.Sprint(name, i)
		w.put(&schemas.ChatEvent{EventID: id + "late", CaseID: id, Kind: schemas.EventKindRating, Sender: schemas.SenderCustomer, OccurredAt: t0 + at*minute, Rating: schemas.Some(int32(1 + i%5))}, id)
	}
}

// sealedWorld is a whole Casetrail whose ledgers were sealed twice, with cases in all three generations, some of them begun in the one
// before that in which they end, and rated in a later one.
func sealedWorld(t testing.TB, seed uint64) *world {
	w := newWorld(t, seed)
	w.random(200)
	w.chats("a", 1000)
	w.seal(1)
	w.clock(1100 * minute)
	w.late("a", 1101)
	w.chats("b", 1102)
	w.seal(1) // again: it is generation 2 by now
	w.clock(1200 * minute)
	w.seal(2)
	w.late("b", 1201)
	w.chats("c", 1202)
	w.clock(1300 * minute)
	w.clock(2000 * minute)
	w.flow()
	return w
}

// Every check holds over generations: derived again from case.events, metrics, ClickHouse's rows, the manifest and the statements.
func TestSoundSealedHistories(t *testing.T) {
	for seed := range uint64(4) {
		w := sealedWorld(t, seed)
		w.rows = &memRows{w: w}
		r := w.verify()
		if r.Err() != nil || r.Pending() != nil || len(r.Sealed) != 2*partitions || r.Partitions != partitions {
			t.Fatalf("seed %d: %v, %v, sealed %v", seed, r.Err(), r.Pending(), r.Sealed)
		}
		for _, s := range r.Statements {
			if s.Name == noAI && s.Verdict != record.Held {
				t.Errorf("seed %d: %+v", seed, s)
			}
		}
	}
}

// What is done to a history is found in a later generation too, and named by its ledger.
func TestTamperedSealedHistories(t *testing.T) {
	sealing := func(m schemas.Message) bool {
		o, ok := m.(*schemas.LedgerOrder)
		return ok && o.Order == schemas.OrderKindSeal && o.Generation.Value == 2
	}
	for _, c := range []struct {
		name   string
		tamper func(*world)
		says   []string
	}{
		{"nothing", func(*world) {}, nil},
		{"a generation left out", func(w *world) {
			w.hides = func(r stage.Record) bool {
				return r.Partition == 0 && (r.Topic == pipelines.ConductRecords && strings.HasSuffix(must1(record.Decode(r.Value[frame:])).Ledger, "/2") ||
					r.Topic == pipelines.ConductCheckpoints && strings.HasSuffix(must1(codec.Decode(r.Value)).(*schemas.Checkpoint).Ledger, "/2"))
			}
		}, []string{"I2", "ledger " + prefixName + "/0/2 sequence 0 field ledger: other_ledger"}},
		{"a seal that nobody ordered", func(w *world) { w.hideAll(w.find(pipelines.CaseConclusions, sealing)) }, []string{"I1", "/2 sequence", "where the router said nothing"}},
		{"a rating of another generation's case that is kept quiet", func(w *world) { w.hide(w.find(pipelines.CaseConclusions, is[*schemas.CaseAmendment])) },
			[]string{"I1", "must cause case.conclusions: amendment of case b"}},
		{"another generation's head in the manifest", func(w *world) {
			n := len(w.Records(pipelines.ConductManifest, 0)) - 1
			w.leaf(n, func(l *record.ManifestLeaf) { l.Heads[1].Ledger = prefixName + "/1/4" })
		}, []string{"I7", "names the head of ledger " + prefixName + "/1/4"}},
		{"a row of an older generation is lost", func(w *world) { w.rows = &memRows{w: w, skip: 3} }, []string{"I4", "/0/1: sequence 4 where 3 is due"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := sealedWorld(t, 5)
			c.tamper(w)
			expect(t, w.verify(), c.says)
		})
	}
}
