package kafka

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/casetrail/casetrail/pipelines/stage"
)

// events are records like those of case.events: 210 bytes of Avro, of which some repeats.
func events(n int) []stage.Record {
	texts := []string{"where is my order, it was due on Tuesday", "I want to speak to a person", "thanks, that has helped", "the refund has not arrived and nobody answers"}
	recs := make([]stage.Record, n)
	for i := range recs {
		v := append([]byte{0, 0, 0, 0, 7}, fmt.Sprintf("case-%08d", i*7919%100000)...)
		v = binary.BigEndian.AppendUint64(v, uint64(i)*2654435761)
		v = fmt.Appendf(v, "%x%s", uint64(i)*0x9e3779b97f4a7c15, texts[i%len(texts)])
		v = fmt.Appendf(v, "tenant-%d customer-%d channel-web order_status 0.%d", i%20, i*31%5000, i%997)
		recs[i] = stage.Record{Topic: "case.events", Partition: 3, Key: fmt.Appendf(nil, "case-%08d", i*7919%100000), Value: v,
			Stage: "intake", Position: stage.Position{Partition: 3, Offset: int64(1000000 + i)}}
	}
	return recs
}

func BenchmarkEncode(b *testing.B) {
	for _, c := range []Compression{CompressionNone, CompressionSnappy, CompressionLZ4, CompressionZstd} {
		for _, n := range []int{10, 200, 2000} {
			b.Run(fmt.Sprintf("%v/%d", c, n), func(b *testing.B) {
				recs := events(n)
				e := encoder{compression: c}
				var buf []byte
				b.ReportAllocs()
				for b.Loop() {
					for i := range recs {
						e.append(&recs[i])
					}
					buf, _ = e.finish(buf[:0], 1, 2, 3, time.Now())
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/record")
				b.ReportMetric(float64(len(buf))/float64(n), "bytes/record")
			})
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, c := range []Compression{CompressionNone, CompressionSnappy, CompressionLZ4, CompressionZstd} {
		for _, n := range []int{10, 200, 2000} {
			b.Run(fmt.Sprintf("%v/%d", c, n), func(b *testing.B) {
				recs := events(n)
				e := encoder{compression: c}
				for i := range recs {
					e.append(&recs[i])
				}
				buf, _ := e.finish(nil, 1, 2, 3, time.Now())
				f := &fetched{TopicPartition: stage.TopicPartition{Topic: "case.events", Partition: 3}, batches: buf}
				var d decoder
				var out []stage.Record
				b.ReportAllocs()
				for b.Loop() {
					out, _, _ = d.append(out[:0], f, 0, newBudget(feedBudget))
				}
				if len(out) != n {
					b.Fatal(len(out))
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/record")
			})
		}
	}
}
