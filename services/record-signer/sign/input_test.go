package sign

import (
	"math"
	"math/rand"
	"reflect"
	"testing"

	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// fill gives every field of a message a random value, whatever fields the schema has: a field that is mixed up or
// forgotten on the way into the ledger shows.
func fill(r *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(r, v.Field(i))
		}
		if set := v.FieldByName("Set"); set.IsValid() && !set.Bool() {
			v.SetZero()
		}
	case reflect.String:
		v.SetString([]string{"a", "שלום", "案件-🧾", "", "long enough to be told from another"}[r.Intn(5)])
	case reflect.Bool:
		v.SetBool(r.Intn(2) == 0)
	case reflect.Int64:
		v.SetInt([]int64{0, -1, 1760000000000 + int64(r.Intn(1e6)), math.MaxInt64, math.MinInt64}[r.Intn(5)])
	case reflect.Int32:
		n := int64(r.Intn(1000))
		if symbols := map[string]int64{"Route": 3, "Handler": 2, "Outcome": 5, "Signal": 5}[v.Type().Name()]; symbols > 0 {
			n %= symbols
		}
		v.SetInt(n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1+r.Intn(4), 4))
		for i := range v.Len() {
			fill(r, v.Index(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			v.Index(i).SetUint(uint64(r.Intn(256)))
		}
	default:
		panic(v.Kind())
	}
}

// Every field of what the router says is in the signed record, in its place.
func TestEveryFieldIsSigned(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	s := newSigner(t)
	handle := func(in stage.Record) (out schemas.SignedRecord) {
		outs, err := s.Handle(in)
		if err != nil {
			t.Fatal(err)
		}
		if err := codec.DecodeInto(outs[len(outs)-1].Value, &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	for i := range int64(300) {
		var c schemas.CaseConclusion
		var a schemas.CaseAmendment
		var p schemas.PolicyApplied
		fill(r, reflect.ValueOf(&c).Elem())
		fill(r, reflect.ValueOf(&a).Elem())
		fill(r, reflect.ValueOf(&p).Elem())
		if got := handle(input(&c, i, 1)).Payload; !got.Case.Set || !reflect.DeepEqual(got.Case.Value, c.Case) || got.Source.Offset != i || got.Source.Ordinal != 1 {
			t.Fatalf("got %+v, want %+v", got.Case.Value, c.Case)
		}
		if got := handle(input(&a, i, 2)).Payload; !got.Amendment.Set || !reflect.DeepEqual(got.Amendment.Value, a.Amendment) {
			t.Fatalf("got %+v, want %+v", got.Amendment.Value, a.Amendment)
		}
		if got := handle(input(&p, i, 3)).Payload; !got.Policy.Set || !reflect.DeepEqual(got.Policy.Value, p.Policy) {
			t.Fatalf("got %+v, want %+v", got.Policy.Value, p.Policy)
		}
	}
}

// Enumerations pass from the schema to the record by number, so they must have the same symbols in the same order.
func TestSameEnumerations(t *testing.T) {
	for i := range int32(8) {
		for _, pair := range [][2]string{
			{schemas.RecordKind(i).String(), record.Kind(i).String()}, {schemas.Route(i).String(), record.Route(i).String()},
			{schemas.Handler(i).String(), record.Handler(i).String()}, {schemas.Outcome(i).String(), record.Outcome(i).String()},
			{schemas.Signal(i).String(), record.Signal(i).String()},
		} {
			known := func(s string) bool { return s[len(s)-1] != ')' } // an unknown one prints its number
			if known(pair[0]) != known(pair[1]) || known(pair[0]) && pair[0] != pair[1] {
				t.Errorf("%d: the schema has %s, the record %s", i, pair[0], pair[1])
			}
		}
	}
}
