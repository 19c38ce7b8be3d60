package record

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"math"
	"math/rand"
	"reflect"
	"testing"
)

// testSigner is the key of a fixed seed: everything that it signs is the same in every run.
func testSigner(t testing.TB, name string, seed byte) *Signer {
	t.Helper()
	s, err := NewSigner(name, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var texts = []string{"", "billing", "שלום 👋", "مرحبا", "a\x00b", "日本語", string(bytes.Repeat([]byte("x"), 300))}

var numbers = []int64{0, 1, -1, 63, 64, -64, -65, 1760000000000, math.MaxInt32, math.MaxInt64, math.MinInt64}

func randomRecord(r *rand.Rand) Record {
	text := func() string { return texts[r.Intn(len(texts))] }
	num := func() int64 { return numbers[r.Intn(len(numbers))] }
	small := func() int32 { return int32(num()) }
	var h Hash
	r.Read(h[:])
	rec := Record{PreviousHash: h, Ledger: text(), Sequence: num(), Kind: Kind(r.Intn(len(kinds))), Source: Source{small(), num(), small()}}
	switch rec.Kind {
	case KindCase:
		rec.Case = Case{Workflow: text(), CaseID: text(), CaseType: text(), Route: Route(r.Intn(3)), Handler: Handler(r.Intn(2)),
			ClassifierVersion: text(), PolicyVersion: text(), ResolutionOutcome: Outcome(r.Intn(5)), ComplaintLodged: r.Intn(2) == 0,
			EscalationTriggered: r.Intn(2) == 0, OpenedAt: num(), ConcludedAt: num(), CustomerMessages: small(), AIMessages: small(),
			HumanMessages: small(), GuardBreach: r.Intn(2) == 0, Synthetic: r.Intn(2) == 0, CustomerCommitment: h,
			AIModelVersion: maybe(r, text), CustomerSatisfactionScore: maybe(r, small), HumanRequestedAt: maybe(r, num),
			EscalatedAt: maybe(r, num), HumanJoinedAt: maybe(r, num)}
		for range r.Intn(7) {
			rec.Case.EscalationSignals = append(rec.Case.EscalationSignals, Signal(r.Intn(len(signals))))
		}
	case KindAmendment:
		rec.Amendment = Amendment{Amends: Source{small(), num(), small()}, CaseID: text(), CaseType: text(), Route: Route(r.Intn(3)),
			Handler: Handler(r.Intn(2)), AmendedAt: num(), CustomerSatisfactionScore: maybe(r, small), ComplaintLodged: true}
	case KindPolicy:
		rec.Policy = Policy{text(), h, num(), text()}
	case KindKeyRotation:
		rec.Rotation = Rotation{text(), num()}
	case KindErasure:
		rec.Erasure = Erasure{h, num()}
	}
	return rec
}

func maybe[T any](r *rand.Rand, v func() T) (o Optional[T]) {
	if r.Intn(2) == 0 {
		o = Some(v())
	}
	return o
}

func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	signer := testSigner(t, "test", 1)
	var reused Signed
	for i := range 3000 {
		want := randomRecord(r)
		payload := want.Append(nil)
		body, err := signer.SignPayload(nil, payload)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(body)
		if err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
		if !reflect.DeepEqual(got.Record, want) {
			t.Fatalf("record %d: got %+v, want %+v", i, got.Record, want)
		}
		if !bytes.Equal(got.Payload, payload) || !bytes.Equal(got.Body, body) {
			t.Fatalf("record %d: Payload or Body is not part of the body", i)
		}
		if err := reused.Decode(body); err != nil || !bytes.Equal(reused.Append(nil), payload) {
			t.Fatalf("record %d: decoded into used memory: %v, %+v", i, err, reused.Record)
		}
		for cut := range body {
			if _, err := Decode(body[:cut]); err == nil {
				t.Fatalf("record %d: its first %d bytes of %d decode", i, cut, len(body))
			}
		}
	}
}

// What decodes encodes to the same bytes, whatever a byte is changed to.
func TestDecodeIsCanonical(t *testing.T) {
	r := rand.New(rand.NewSource(2))
	signer := testSigner(t, "test", 1)
	for range 200 {
		rec := randomRecord(r)
		body, _ := signer.SignPayload(nil, rec.Append(nil))
		for i := range len(body) - trailer {
			bad := bytes.Clone(body)
			bad[i] ^= byte(1 + r.Intn(255))
			if s, err := Decode(bad); err == nil && !bytes.Equal(s.Append(nil), s.Payload) {
				t.Fatalf("byte %d of %x: decodes, but encodes as %x", i, bad, s.Append(nil))
			}
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	rec := Record{Ledger: "l", Kind: KindCase, Case: Case{CaseID: "c", EscalationSignals: []Signal{SignalDuration}}}
	good := rec.Append(nil)
	tail := make([]byte, trailer)
	signalsAt := bytes.LastIndex(good, []byte{2, 4, 0}) // one signal, duration, end
	replace := func(at, n int, with ...byte) []byte {
		return append(append(append([]byte{}, good[:at]...), with...), good[at+n:]...)
	}
	for _, c := range []struct {
		name, field string
		payload     []byte
	}{
		{"trailing byte", "payload", append(bytes.Clone(good), 0)},
		{"long form of a length", "ledger", replace(32, 1, 0x82, 0)},
		{"negative length", "ledger", replace(32, 1, 1)},
		{"huge length", "ledger", replace(32, 1, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1)},
		{"number of 65 bits", "sequence", replace(34, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2)},
		{"not UTF-8", "ledger", replace(33, 1, 0xff)},
		{"unknown kind", "kind", replace(35, 1, 14)},
		{"negative kind", "kind", replace(35, 1, 1)},
		{"source beyond 32 bits", "source", replace(36, 1, 0x80, 0x80, 0x80, 0x80, 0x10)},
		{"union out of range", "case", replace(39, 1, 4)},
		{"kind without its part", "case", replace(39, 1, 0)},
		{"part of another kind", "case", replace(35, 1, 0)},
		{"two blocks", "case.escalation_signals", replace(signalsAt, 3, 2, 4, 2, 4, 0)},
		{"block with its size", "case.escalation_signals", replace(signalsAt, 3, 1, 2, 4, 0)},
		{"huge array", "case.escalation_signals", replace(signalsAt, 3, 0xfe, 0xff, 0xff, 0xff, 0x0f)},
		{"oversize", "body", make([]byte, MaxBody)},
		{"nothing", "body", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := append(c.payload, tail...)
			if c.payload == nil {
				body = nil
			}
			_, err := Decode(body)
			f, ok := err.(*Fault)
			if !ok || f.Field != c.field || f.Reason != Malformed {
				t.Fatalf("got %v, want malformed %s", err, c.field)
			}
		})
	}
	if _, err := Decode(append(good, tail...)); err != nil {
		t.Fatal(err)
	}
}

func TestEnumerations(t *testing.T) {
	for i, name := range kinds {
		if k, err := ParseKind(name); err != nil || k != Kind(i) || k.String() != name {
			t.Errorf("%s: %v, %v", name, k, err)
		}
	}
	if _, err := ParseRoute("human"); err == nil {
		t.Error("route human: no error")
	}
	if got := fmt.Sprint(Outcome(9), Handler(-1), Signal(4)); got != "unknown(9) unknown(-1) guard_breach" {
		t.Error(got)
	}
}
