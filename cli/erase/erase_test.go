package erase

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/intake/customers"
)

var anna, others = "änna-\U0001F98A-安娜", []string{"otto", "somebody else"}

// filled is a world in which anna has said all that there is to say, and others have talked.
func filled(t *testing.T) *world {
	w := newWorld(t)
	w.talks("case-1", anna)
	w.talks("case-2", others[0])
	w.talks("case-3", anna)
	w.talks("case-4", others[1])
	late := says("case-1", anna) // the case is over by then
	late.EventID = "late"
	bad := says("bad", anna)
	bad.Kind = schemas.EventKindRating
	w.publish("case-1", late)
	w.publish("bad", bad)
	w.raw(stage.Record{Topic: pipelines.ChatEvents, Key: []byte("raw"), Value: []byte(`{"customer": "` + anna + `"}`)})
	w.eventually("four cases are in the ledgers", func() bool {
		n := 0
		w.read(pipelines.ConductRecords, func(_ stage.Record, m schemas.Message) {
			if m.(*schemas.SignedRecord).Payload.Case.Set {
				n++
			}
		})
		return n == 4
	})
	return w
}

// Whatever is refused leaves everything as it was.
func TestWhatIsNotErased(t *testing.T) {
	w := filled(t)
	w.publish("open", says("open", "olga"))
	before, err := os.ReadFile(w.keyFile)
	w.must(err)
	run := func(ctx context.Context, ids ...string) error {
		_, _, err := Run(ctx, w.options(), ids)
		return err
	}
	if err := run(t.Context(), "otto", "olga"); !errors.Is(err, ErrOpen) || !strings.Contains(err.Error(), `"open"`) {
		t.Errorf("a customer with an open case: %v", err)
	}
	if err := run(t.Context(), "nobody"); !errors.Is(err, ErrNothing) {
		t.Errorf("a customer who never was: %v", err)
	}
	for says, ids := range map[string][]string{"no customer is named": nil, "id 2 has 0 bytes": {"otto", ""}, "id 1 has 129 bytes": {strings.Repeat("x", 129)}} {
		if err := run(t.Context(), ids...); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", ids, err)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := run(gone, "otto"); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody waits for it: %v", err)
	}
	after, err := os.ReadFile(w.keyFile)
	w.must(err)
	if !bytes.Equal(before, after) || len(w.files()) > 1 || w.erasures() != [partitions]int{} {
		t.Errorf("something was done: %v, %v", w.files(), w.erasures())
	}
}

// An erasure that is cut short at any step goes on when it is run again, for the same customers alone; a customer who comes back is
// erased again, also where the operator's clock went back; and an order that is played again does nothing.
func TestErasedAgainAndAgain(t *testing.T) {
	w := filled(t)
	for step := 1; step <= 4; step++ { // when the operator has seen so much, the command ends
		ctx, cancel := context.WithCancel(t.Context())
		w.said, w.atStep = nil, func(said int) {
			if said == step {
				cancel()
			}
		}
		_, _, err := Run(ctx, w.options(), []string{anna, "otto"})
		if cancel(); !errors.Is(err, context.Canceled) {
			t.Fatalf("cut short after %q: %v", w.said, err)
		}
		if _, _, err := Run(t.Context(), w.options(), []string{"otto", anna}); err == nil || !strings.Contains(err.Error(), "an erasure of other customers was cut short") {
			t.Fatalf("others meanwhile: %v", err)
		}
	}
	w.atStep = nil
	first := w.erases(3, anna, "otto")
	if got := w.erasures(); got != [partitions]int{1, 1} {
		t.Errorf("erasure records: %v", got)
	}
	if key, err := customers.Load(w.keyFile); err != nil || key.Version() != 1 {
		t.Errorf("the customer key: %v", err)
	}
	if _, _, err := Run(t.Context(), w.options(), []string{anna}); !errors.Is(err, ErrNothing) {
		t.Errorf("erased again: %v", err)
	}

	w.talks("case-5", anna)
	w.eventually("intake has heard of her", func() bool {
		n := 0
		w.read(pipelines.WorkAI, func(_ stage.Record, m schemas.Message) {
			if x, ok := m.(*schemas.WorkItem); ok && x.CaseID == "case-5" {
				n++
			}
		})
		w.read(pipelines.WorkHuman, func(_ stage.Record, m schemas.Message) {
			if x, ok := m.(*schemas.WorkItem); ok && x.CaseID == "case-5" {
				n++
			}
		})
		return n > 0
	})
	w.now = w.now.Add(-48 * 3600e9)
	var order schemas.LedgerOrder
	w.atStep = func(said int) {
		j, err := open(w.keyFile, []string{anna, "a stranger"})
		w.must(err)
		if j.begun() {
			w.must(order.DecodeAvro(j.Order))
		}
	}
	w.said = nil
	if second := w.erases(1, anna, "a stranger"); second.Erasure.ErasedAt <= first.Erasure.ErasedAt {
		t.Errorf("erased at %d, after %d", second.Erasure.ErasedAt, first.Erasure.ErasedAt)
	}
	if !strings.HasPrefix(w.said[0], "of 1 of the 2 customers nothing is in") {
		t.Errorf("an operator was told %q", w.said)
	}
	for p := range int32(partitions) {
		w.raw(stage.Record{Topic: pipelines.ChatEvents, Key: keyOf(p, partitions), Value: codec.Append(nil, pipelines.ChatEvents, &order)})
	}
	w.eventually("every ledger has refused the order that is played again", func() bool {
		n := 0
		w.read(pipelines.ChatRejects, func(_ stage.Record, m schemas.Message) {
			if x, ok := m.(*schemas.ChatReject); ok && x.Reason == "order_refused" {
				n++
			}
		})
		return n == partitions
	})
	if got := w.erasures(); got != [partitions]int{2, 2} {
		t.Errorf("erasure records: %v", got)
	}
}

// What cannot be read is theirs where it has their id in it, and what belongs to a case of theirs is, whoever said it.
func TestWhoseMessageItIs(t *testing.T) {
	e := &erasure{Options: Options{Codec: codec}, who: newWho([]string{anna})}
	e.who.cases["case-1"] = true
	e.who.commitments[[32]byte{7}] = anna
	item := func(text string) *schemas.WorkItem {
		w := &schemas.WorkItem{CaseID: "case-1"}
		if text != "" {
			w.Text = schemas.Some(text)
		}
		return w
	}
	reject := func(m []byte) *schemas.ChatReject { return &schemas.ChatReject{Value: schemas.Some(m)} }
	for _, x := range []struct {
		name   string
		key    string
		value  string
		m      schemas.Message
		theirs bool
	}{
		{name: "hers", m: says("another", anna), theirs: true},
		{name: "somebody else's in her case", m: ends("case-1"), theirs: true},
		{name: "somebody else's", m: says("case-2", "otto")},
		{name: "one whose id begins as hers", m: says("case-2", anna+"2")},
		{name: "an event by her commitment", m: &schemas.CaseEvent{CaseID: "x", CustomerCommitment: schemas.Some(schemas.Hash{7})}, theirs: true},
		{name: "an event by another", m: &schemas.CaseEvent{CaseID: "x", CustomerCommitment: schemas.Some(schemas.Hash{8})}},
		{name: "work with her words", m: item("it is I"), theirs: true},
		{name: "work that is taken back", m: item("")},
		{name: "a reject of hers", m: reject(codec.Append(nil, pipelines.ChatEvents, says("x", anna))), theirs: true},
		{name: "a reject of somebody else's", m: reject(codec.Append(nil, pipelines.ChatEvents, says("x", "otto")))},
		{name: "a reject that nobody can read", m: reject([]byte("from " + anna)), theirs: true},
		{name: "bytes with her id", value: "from " + anna, theirs: true},
		{name: "a key with her id", key: anna, theirs: true},
		{name: "a key of her case", key: "case-1", theirs: true},
		{name: "bytes", value: "hello"},
		{name: "a tick", m: &schemas.Tick{}},
		{name: "an order", m: &schemas.LedgerOrder{}},
	} {
		if got := e.theirs([]byte(x.key), []byte(x.value), x.m); got != x.theirs {
			t.Errorf("%s: %v", x.name, got)
		}
	}
}

// Nothing goes that a group of consumers has not come to, and the stages' groups must be there.
func TestWhoIsBehind(t *testing.T) {
	tp := func(topic string) stage.TopicPartition { return stage.TopicPartition{Topic: topic, Partition: 1} }
	e := &erasure{Options: Options{Prefix: "eu."}}
	before := map[stage.TopicPartition]int64{tp(pipelines.ChatEvents): 7, tp(pipelines.WorkAI): 3}
	at := func(chat, work int64) map[string]map[stage.TopicPartition]int64 {
		return map[string]map[stage.TopicPartition]int64{"eu.intake": {tp(pipelines.ChatEvents): chat}, "bots": {tp(pipelines.WorkAI): work}, "others": {tp(pipelines.CaseEvents): 0}}
	}
	for _, x := range []struct {
		groups map[string]map[stage.TopicPartition]int64
		want   string
	}{
		{at(7, 3), ""},
		{at(6, 3), "group eu.intake at chat.events/1 offset 6, not 7"},
		{at(9, 2), "group bots at work.ai/1 offset 2, not 3"},
		{map[string]map[stage.TopicPartition]int64{"intake": {tp(pipelines.ChatEvents): 9}}, "group eu.intake, which has never been at chat.events/1"},
	} {
		if got := strings.Join(e.behind(x.groups, before), "; "); got != x.want {
			t.Errorf("got %q, want %q", got, x.want)
		}
	}
}
