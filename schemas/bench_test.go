package schemas

import "testing"

func benchChat() *ChatEvent {
	return &ChatEvent{EventID: "evt-000000000001", CaseID: "case-000000000001", Kind: EventKindMessage, Sender: SenderCustomer,
		OccurredAt: 1767225600000, CustomerID: Some("customer-4711"),
		Text: Some("Hello, I was charged twice for my subscription this month and I would like to have one of the two payments back, please.")}
}

func benchCase() *CaseEvent {
	return &CaseEvent{EventID: "evt-000000000001", CaseID: "case-000000000001", Kind: EventKindMessage, Sender: SenderCustomer,
		OccurredAt: 1767225600000, ObservedAt: 1767225600100, CustomerSalt: Some(make([]byte, 16)), CustomerCommitment: Some(Hash{1}),
		Text:     Some("Hello, I was charged twice for my subscription this month and I would like to have one of the two payments back, please."),
		CaseType: Some("billing_dispute"), CaseTypeProbability: Some(0.9812), Sentiment: Some(-0.4321), ClassifierVersion: "2026-01"}
}

func benchmark(b *testing.B, m Message) {
	body := m.AppendAvro(nil)
	codec := goavros()[m.AvroName()]
	native, _, err := codec.NativeFromBinary(body)
	if err != nil {
		b.Fatal(err)
	}
	into, _ := New(m.AvroName())
	buf := make([]byte, 0, 1024)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf = m.AppendAvro(buf[:0])
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := into.DecodeAvro(body); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encode-goavro", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if buf, err = codec.BinaryFromNative(buf[:0], native); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode-goavro", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := codec.NativeFromBinary(body); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkChatEvent(b *testing.B) { benchmark(b, benchChat()) }
func BenchmarkCaseEvent(b *testing.B) { benchmark(b, benchCase()) }

func BenchmarkCodec(b *testing.B) {
	c := NewOfflineCodec(Subject{"case.events", "casetrail.CaseEvent"}, Subject{"chat.events", "casetrail.ChatEvent"})
	m := benchCase()
	value := c.Append(nil, "case.events", m)
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			value = c.Append(value[:0], "case.events", m)
		}
	})
	b.Run("decode-into", func(b *testing.B) {
		b.ReportAllocs()
		var into CaseEvent
		for b.Loop() {
			if err := c.DecodeInto(value, &into); err != nil {
				b.Fatal(err)
			}
		}
	})
}
