package sign

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/pipelines/stage/memory"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// bothKeys verify what a history's signer signs.
func bothKeys(t testing.TB) []note.Verifier {
	return Keys{testKey(t, 1), testKey(t, rotated)}.verifiers()
}

// The record of a rotation and the checkpoint over it are the old key's, all that follows is the new one's; a reader that
// trusts the first key alone follows.
func TestSignsOnWithTheKeyThatTheRotationNames(t *testing.T) {
	l := history(t, 60)
	drain(t, l, newStore(), 4)
	chain := audit(t, l)
	if now := chain.Key(chain.Size()); now.KeyHash() != testKey(t, rotated).KeyHash() {
		t.Errorf("key %s, %08x, signs at the end", now.Name(), now.KeyHash())
	}
	by := map[[4]byte]int{}
	for _, r := range l.Records(pipelines.ConductRecords, 0) {
		s, err := record.Decode(r.Value[5:])
		if err != nil {
			t.Fatal(err)
		}
		by[s.KeyID]++
	}
	if len(by) != 2 {
		t.Errorf("%d keys have signed, want 2", len(by))
	}
	var refused int
	for _, r := range l.Records(pipelines.ChatRejects, 0) {
		var x schemas.ChatReject
		if err := codec.DecodeInto(r.Value, &x); err != nil {
			t.Fatal(err)
		}
		if x.Reason == "order_refused" {
			refused++
		}
	}
	if refused != 3 {
		t.Errorf("%d orders refused, want the three that came too late", refused)
	}
}

// A signer without the key that the ledger needs signs nothing more, says which it is, and goes on to the same bytes with it.
func TestStopsWithoutTheNewKeyAndGoesOnWithIt(t *testing.T) {
	whole := history(t, 60)
	drain(t, whole, newStore(), 4)
	l, store := copyInput(whole), newStore()
	old := Definition(codec, Keys{testKey(t, 1)}, prefix, store)
	for range 2 { // also when it is started again
		s, err := memory.Start(l, old, 0)
		if err == nil {
			err = s.Drain(1)
		}
		if err == nil || !strings.Contains(err.Error(), "signs here, and the record-signer has only casetrail-test") {
			t.Fatalf("got %v", err)
		}
	}
	audit(t, l)
	drain(t, l, store, 4)
	if got, want := allOutputs(l), allOutputs(whole); !reflect.DeepEqual(got, want) {
		t.Error("the outputs differ")
	}
}

// Once a checkpoint by the new key stands, the old one's file may go.
func TestGoesOnWithoutTheOldKey(t *testing.T) {
	whole := history(t, 60)
	store := newStore()
	drain(t, whole, store, 4)
	l := copyInput(whole)
	records, checkpoints := whole.Records(pipelines.ConductRecords, 0), whole.Records(pipelines.ConductCheckpoints, 0)
	l.Append(records[:len(records)-3]...)
	l.Append(checkpoints...)
	l.Append(whole.Records(pipelines.ChatRejects, 0)...)
	kept := &memStore{kept: maps.Clone(store.kept)}
	s, err := memory.Start(l, Definition(codec, Keys{testKey(t, rotated)}, prefix, kept), 0)
	if err == nil {
		err = s.Drain(4)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got, want := allOutputs(l), allOutputs(whole); !reflect.DeepEqual(got, want) {
		t.Error("the outputs differ")
	}
}

func TestOrdersThatTheLedgerDoesNotFollow(t *testing.T) {
	for want, m := range map[string]schemas.Message{
		"signs here":                             rotation(t, 6, 1),
		"it is for the ledgers of casetrail/dev": &schemas.LedgerOrder{Order: schemas.OrderKindSeal, Ledgers: "casetrail/dev", Generation: schemas.Some(int32(1))},
		"it seals generation 2":                  seal(2),
	} {
		out, err := newSigner(t).Handle(input(m, 3, 0))
		if len(out) > 0 || !errors.Is(err, stage.ErrReject) || !errors.Is(err, errVoid) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v and %d messages, want it refused with %q", err, len(out), want)
		}
	}
}

// An erasure record says what the order said, to the byte.
func TestAnErasureIsRecorded(t *testing.T) {
	says := schemas.Erasure{CaseIDsSHA256: schemas.Hash{7}, ErasedAt: 1760000900000}
	out, err := newSigner(t).Handle(input(&schemas.LedgerOrder{Order: schemas.OrderKindErase, Ledgers: prefix,
		Erase: schemas.Some(schemas.ErasureOrder{Erasure: says, CustomerKeyVersion: 1})}, 3, 0))
	if err != nil || len(out) < 2 {
		t.Fatal(len(out), err)
	}
	s, err := record.Decode(out[1].Value[5:])
	if err != nil || s.Kind != record.KindErasure || s.Erasure.CaseIDsSHA256 != (record.Hash{7}) || s.Erasure.ErasedAt != says.ErasedAt {
		t.Errorf("%+v, %v", s, err)
	}
}

// erasure is an order to erase that intake has taken.
func erasure(at int64) schemas.Message {
	return &schemas.LedgerOrder{Order: schemas.OrderKindErase, Ledgers: prefix,
		Erase: schemas.Some(schemas.ErasureOrder{Erasure: schemas.Erasure{CaseIDsSHA256: schemas.Hash{byte(at)}, ErasedAt: at}, CustomerKeyVersion: 1})}
}

// An order to erase that is played again, or an older one, does nothing, wherever the signer was started again in between: with the
// checkpoint before the erasure, with that after it, and where its input is gone. A later order is followed.
func TestAnErasureThatIsPlayedAgainIsRefused(t *testing.T) {
	whole := memory.New(1)
	now := int64(1760000000000)
	for i, m := range []schemas.Message{conclusion("a"), erasure(7), at(now), conclusion("b"), erasure(7), at(now + 2000), erasure(6), erasure(8), conclusion("c"), erasure(8), erasure(7), at(now + 4000)} {
		whole.Append(input(m, int64(i), 0))
	}
	store := newStore()
	drain(t, whole, store, 1)
	var erased []int64
	for _, r := range whole.Records(pipelines.ConductRecords, 0) {
		if s, err := record.Decode(r.Value[5:]); err == nil && s.Kind == record.KindErasure {
			erased = append(erased, s.Erasure.ErasedAt)
		}
	}
	if !slices.Equal(erased, []int64{7, 8}) {
		t.Errorf("the ledger has erasures %v, want 7 and 8", erased)
	}
	for _, r := range whole.Records(pipelines.ChatRejects, 0) {
		var x schemas.ChatReject
		if err := codec.DecodeInto(r.Value, &x); err != nil || x.Reason != "order_refused" {
			t.Errorf("%v %s %s", err, x.Reason, x.Detail)
		}
	}
	want, in := allOutputs(whole), whole.Records(pipelines.CaseConclusions, 0)
	if n := len(want[pipelines.ChatRejects]); n != 4 {
		t.Errorf("%d orders are refused, want 4", n)
	}
	gone := copyInput(whole) // its input is, up to the last checkpoint but one and beyond the last erasure
	gone.Append(whole.Records(pipelines.ConductRecords, 0)...)
	gone.Append(whole.Records(pipelines.ConductCheckpoints, 0)[:1]...)
	gone.Expire(pipelines.CaseConclusions, 0, 9)
	drain(t, gone, newStore(), 2)
	gone.Append(input(erasure(8), 20, 0), input(erasure(7), 21, 0))
	drain(t, gone, newStore(), 2)
	if n := audit(t, gone).Size(); n != int64(len(whole.Records(pipelines.ConductRecords, 0))) {
		t.Errorf("%d records, where the input is gone", n)
	}
	for n := range in {
		l, store := memory.New(1), newStore()
		l.Append(in[:n]...)
		drain(t, l, store, 3)
		records := len(l.Records(pipelines.ConductRecords, 0))
		for _, cut := range []int{0, 1, 2} { // checkpoints are lost, and made again
			part := memory.New(1)
			part.Append(in...)
			part.Append(l.Records(pipelines.ConductRecords, 0)...)
			heads := l.Records(pipelines.ConductCheckpoints, 0)
			part.Append(heads[:max(0, len(heads)-cut)]...)
			part.Append(l.Records(pipelines.ChatRejects, 0)...)
			drain(t, part, newStore(), 2)
			if got := allOutputs(part); !reflect.DeepEqual(got, want) {
				t.Fatalf("started again after %d inputs and %d records, without the last %d checkpoints, the outputs differ", n, records, cut)
			}
		}
	}
}

// A seal ends a ledger and begins the next, at once: a reader of the whole goes on from the one to the other.
func TestASealBeginsTheNextGeneration(t *testing.T) {
	l := memory.New(1)
	l.Append(input(conclusion("a"), 0, 0), input(at(1760000000000), 1, 0), input(conclusion("b"), 2, 0), input(seal(1), 3, 0), input(seal(1), 4, 0),
		input(at(1760000000500), 5, 0), input(conclusion("c"), 6, 0), input(at(1760000001000), 7, 0))
	drain(t, l, newStore(), 4)
	if chain := audit(t, l); chain.Ledger() != prefix+"/0/2" || chain.Size() != 2 {
		t.Errorf("%d records of ledger %s", chain.Size(), chain.Ledger())
	}
	var got []string
	for _, topic := range []string{pipelines.ConductRecords, pipelines.ConductCheckpoints, pipelines.ChatRejects} {
		for _, r := range l.Records(topic, 0) {
			m, err := codec.Decode(r.Value)
			if err != nil {
				t.Fatal(err)
			}
			switch m := m.(type) {
			case *schemas.SignedRecord:
				got = append(got, fmt.Sprintf("%d.%d %s %d %v", r.Position.Offset, r.Position.Ordinal, m.Payload.Ledger, m.Payload.Sequence, record.Kind(m.Payload.Kind)))
			case *schemas.Checkpoint:
				got = append(got, fmt.Sprintf("%d.%d %s %d %d", r.Position.Offset, r.Position.Ordinal, m.Ledger, m.Size, m.Time))
			case *schemas.ChatReject:
				got = append(got, fmt.Sprintf("%d.%d %s", r.Position.Offset, r.Position.Ordinal, m.Reason))
			}
		}
	}
	want := []string{"0.0 casetrail/test/0/1 0 genesis", "0.1 casetrail/test/0/1 1 case", "2.0 casetrail/test/0/1 2 case", "3.0 casetrail/test/0/1 3 seal",
		"3.2 casetrail/test/0/2 0 genesis", "6.0 casetrail/test/0/2 1 case", "1.0 casetrail/test/0/1 2 1760000000000", "3.1 casetrail/test/0/1 4 1760000000000",
		"7.0 casetrail/test/0/2 2 1760000001000", "4.0 order_refused"}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
