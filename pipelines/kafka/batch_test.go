package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/casetrail/casetrail/pipelines/stage"
)

// encodeAll makes one batch of recs that begins at an offset.
func encodeAll(t testing.TB, c Compression, first int64, recs ...stage.Record) []byte {
	t.Helper()
	e := encoder{compression: c}
	for i := range recs {
		e.append(&recs[i])
	}
	b, err := e.finish(nil, 1, 2, 3, time.UnixMilli(1700000000123))
	if err != nil {
		t.Fatal(err)
	}
	be.PutUint64(b, uint64(first))
	return b
}

// amend changes a batch's head and mends the checksum.
func amend(b []byte, change func([]byte)) []byte {
	change(b)
	be.PutUint32(b[17:], crc32.Checksum(b[21:], castagnoli))
	return b
}

func decodeAll(batches []byte, from int64, aborted ...abortedTxn) ([]stage.Record, int64, error) {
	f := &fetched{TopicPartition: stage.TopicPartition{Topic: "t", Partition: 4}, batches: batches, aborted: aborted}
	return new(decoder).append(nil, f, from, newBudget(feedBudget))
}

func TestBatchRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		blob := rapid.Custom(func(rt *rapid.T) []byte {
			if rapid.Bool().Draw(rt, "nil") {
				return nil
			}
			return append([]byte{}, rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(rt, "bytes")...)
		})
		n := rapid.IntRange(1, 200).Draw(rt, "records")
		recs := make([]stage.Record, n)
		for i := range recs {
			recs[i] = stage.Record{Key: blob.Draw(rt, "key"), Value: blob.Draw(rt, "value")}
			if rapid.Bool().Draw(rt, "position") {
				recs[i].Stage = rapid.SampledFrom([]string{"intake", "router", "record-signer"}).Draw(rt, "stage")
				recs[i].Position = stage.Position{Partition: rapid.Int32Min(0).Draw(rt, "p"), Offset: rapid.Int64Min(-1).Draw(rt, "o"), Ordinal: rapid.Int32Min(0).Draw(rt, "n")}
			}
			if rapid.Bool().Draw(rt, "trace") {
				recs[i].Trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
			}
		}
		c := Compression(rapid.IntRange(int(CompressionNone), int(CompressionZstd)).Draw(rt, "codec"))
		got, next, err := decodeAll(encodeAll(t, c, 1000, recs...), 1000)
		if err != nil || next != 1000+int64(n) || len(got) != n {
			rt.Fatalf("%d records, next %d, %v", len(got), next, err)
		}
		for i, g := range got {
			w := recs[i]
			if !bytes.Equal(g.Key, w.Key) || (g.Key == nil) != (w.Key == nil) || !bytes.Equal(g.Value, w.Value) || (g.Value == nil) != (w.Value == nil) ||
				g.Stage != w.Stage || g.Position != w.Position || g.Trace != w.Trace ||
				g.Offset != 1000+int64(i) || g.Topic != "t" || g.Partition != 4 || g.Time.UnixMilli() != 1700000000123 {
				rt.Fatalf("record %d: %+v, want %+v", i, g, w)
			}
		}
	})
}

func TestPositionLikeStage(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := rapid.StringMatching(`[a-z]{0,3}/?-?[0-9]{0,20}/?-?[0-9]{0,20}/?[0-9]{0,11}/?`).Draw(rt, "header")
		name, want, err := stage.ParsePosition(s)
		var r stage.Record
		new(decoder).position(&r, []byte(s))
		if r.Stage != "" && (err != nil || r.Stage != name || r.Position != want) {
			rt.Fatalf("%q: %q %v, but stage says %q %v %v", s, r.Stage, r.Position, name, want, err)
		}
		if err == nil {
			if canonical := string(stage.AppendPosition(nil, name, want)); canonical == s && r.Stage == "" {
				rt.Fatalf("%q is refused", s)
			}
		}
	})
}

func values(recs []stage.Record) (s string) {
	for _, r := range recs {
		s += string(r.Value)
	}
	return s
}

func rec(v string) stage.Record { return stage.Record{Value: []byte(v)} }

func TestGapsOfCompaction(t *testing.T) {
	log := encodeAll(t, CompressionNone, 10, rec("a"), rec("b"))
	log = append(log, amend(encodeAll(t, CompressionLZ4, 20, rec("c")), func(b []byte) { be.PutUint32(b[23:], 9) })...) // 20 to 29: the tail is gone
	log = append(log, amend(encodeAll(t, CompressionNone, 40, rec("x")), func(b []byte) { be.PutUint32(b[57:], 0); be.PutUint32(b[23:], 4) })...)
	recs, next, err := decodeAll(log, 5)
	if err != nil || values(recs) != "abc" || next != 45 {
		t.Errorf("%q, next %d, %v", values(recs), next, err)
	}
	if recs, next, err = decodeAll(log, 11); err != nil || values(recs) != "bc" || next != 45 {
		t.Errorf("from 11: %q, next %d, %v", values(recs), next, err)
	}
	if recs, next, err = decodeAll(log[:len(log)-1], 30); err != nil || len(recs) != 0 || next != 30 {
		t.Errorf("partial batch: %q, next %d, %v", values(recs), next, err)
	}
}

func marker(t testing.TB, offset, producer int64, commit bool) []byte {
	kind := byte(0)
	if commit {
		kind = 1
	}
	b := encodeAll(t, CompressionNone, offset, stage.Record{Key: []byte{0, 0, 0, kind}, Value: []byte{0, 0, 0, 0, 0, 0}})
	return amend(b, func(b []byte) {
		be.PutUint16(b[21:], attrControl|attrTransaction)
		be.PutUint64(b[43:], uint64(producer))
	})
}

func transactional(t testing.TB, offset, producer int64, v string) []byte {
	b := encodeAll(t, CompressionNone, offset, rec(v))
	return amend(b, func(b []byte) { be.PutUint16(b[21:], attrTransaction); be.PutUint64(b[43:], uint64(producer)) })
}

func TestAbortedTransactions(t *testing.T) {
	var log []byte
	for _, b := range [][]byte{
		transactional(t, 0, 7, "A"), transactional(t, 1, 8, "b"), marker(t, 2, 7, false), transactional(t, 3, 7, "c"),
		marker(t, 4, 8, true), marker(t, 5, 7, true), transactional(t, 6, 8, "D"), encodeAll(t, CompressionNone, 7, rec("e")), marker(t, 8, 8, false),
	} {
		log = append(log, b...)
	}
	recs, next, err := decodeAll(log, 0, abortedTxn{8, 6}, abortedTxn{7, 0}) // in no order
	if err != nil || values(recs) != "bce" || next != 9 {
		t.Errorf("%q, next %d, %v", values(recs), next, err)
	}
}

func TestAppendTime(t *testing.T) {
	b := amend(encodeAll(t, CompressionNone, 0, rec("a")), func(b []byte) {
		be.PutUint16(b[21:], attrAppendTime)
		be.PutUint64(b[35:], 1800000000000)
	})
	recs, _, err := decodeAll(b, 0)
	if err != nil || recs[0].Time.UnixMilli() != 1800000000000 {
		t.Error(recs, err)
	}
}

func TestCorruptBatches(t *testing.T) {
	for name, b := range map[string][]byte{
		"flipped bit":       func() []byte { b := encodeAll(t, CompressionNone, 0, rec("a")); b[len(b)-1] ^= 1; return b }(),
		"old format":        amend(encodeAll(t, CompressionNone, 0, rec("a")), func(b []byte) { b[16] = 1 }),
		"too many records":  amend(encodeAll(t, CompressionNone, 0, rec("a")), func(b []byte) { be.PutUint32(b[57:], 1<<30) }),
		"negative delta":    amend(encodeAll(t, CompressionNone, 0, rec("a")), func(b []byte) { be.PutUint32(b[23:], 1<<31) }),
		"negative length":   amend(encodeAll(t, CompressionNone, 0, rec("a")), func(b []byte) { be.PutUint32(b[8:], 1<<31) }),
		"record out of it":  amend(encodeAll(t, CompressionNone, 0, rec("a")), func(b []byte) { b[batchHead] = 0x7e }),
		"unknown codec":     amend(encodeAll(t, CompressionNone, 0, rec("a")), func(b []byte) { be.PutUint16(b[21:], 6) }),
		"not compressed":    amend(encodeAll(t, CompressionNone, 0, rec("a")), func(b []byte) { be.PutUint16(b[21:], codeZstd) }),
		"offset beyond end": amend(encodeAll(t, CompressionNone, 0, rec("a"), rec("b")), func(b []byte) { be.PutUint32(b[23:], 0) }),
	} {
		if recs, next, err := decodeAll(b, 0); !errors.Is(err, ErrCorrupt) || next != 0 {
			t.Errorf("%s: %d records, next %d, %v", name, len(recs), next, err)
		}
	}
}

func TestDecompressionIsBounded(t *testing.T) {
	zeros := make([]byte, 1<<20)
	for _, c := range []Compression{CompressionSnappy, CompressionLZ4, CompressionZstd} {
		b, code, err := compress(nil, c, zeros)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decompress(code, b, 0, 1<<19); err == nil {
			t.Errorf("%v: a megabyte came out of %d bytes", c, len(b))
		}
		if got, err := decompress(code, b, 4*len(b), 1<<20); err != nil || !bytes.Equal(got, zeros) {
			t.Errorf("%v: %v", c, err)
		}
	}
}

func TestBombsAreTakenOneByOne(t *testing.T) {
	big := encodeAll(t, CompressionZstd, 0, stage.Record{Value: make([]byte, maxUncompressed/2)})
	var log []byte
	for i := range int64(5) {
		be.PutUint64(big, uint64(i))
		log = append(log, big...)
	}
	recs, next, err := decodeAll(log, 0)
	if err != nil || len(recs) != 1 || next != 1 {
		t.Errorf("%d bytes became %d records, next %d, %v", len(log), len(recs), next, err)
	}
}

// A batch that nobody has to hold is passed, whole, and what stands for it says so; what comes after it is read.
func TestOversizeBatchIsPassed(t *testing.T) {
	many := make([]stage.Record, maxRecords+1)
	for c := CompressionNone; c <= CompressionZstd; c++ {
		for what, recs := range map[string][]stage.Record{"bytes": {{}, {Value: make([]byte, maxUncompressed)}}, "records": many} {
			if c == CompressionNone && what == "bytes" {
				continue // as large on the wire: the broker refuses it
			}
			log := encodeAll(t, c, 7, recs...)
			last := 7 + int64(len(recs)) - 1
			log = append(log, encodeAll(t, c, last+1, stage.Record{Key: []byte("k")})...)
			got, next, err := decodeAll(log, 0)
			if err != nil || len(got) != 2 || next != last+2 {
				t.Fatalf("%v, %s: %d records, next %d, %v", c, what, len(got), next, err)
			}
			if r := got[0]; !errors.Is(r.Fault, stage.ErrOversize) || r.Offset != last || r.Topic != "t" || r.Partition != 4 || r.Value != nil ||
				!strings.Contains(r.Fault.Error(), fmt.Sprint("offsets 7 to ", last)) {
				t.Errorf("%v, %s: %+v", c, what, r)
			}
			if got[1].Fault != nil || string(got[1].Key) != "k" {
				t.Errorf("%v, %s: %+v", c, what, got[1])
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	for c := CompressionNone; c <= CompressionZstd; c++ {
		f.Add(encodeAll(f, c, 5, events(3)...), int64(0))
	}
	f.Add(marker(f, 3, 7, false), int64(0))
	f.Add(append(transactional(f, 0, 7, "A"), marker(f, 1, 7, true)...), int64(1))
	f.Fuzz(func(t *testing.T, b []byte, from int64) {
		if len(b) > 1<<20 {
			return
		}
		for at := 0; len(b)-at >= batchHead; { // past the checksum, which would keep out nearly everything
			size := int(int32(binary.BigEndian.Uint32(b[at+8:]))) + batchLead
			if size < batchHead || size > len(b)-at {
				break
			}
			amend(b[at:at+size], func(b []byte) { b[16] = 2 })
			at += size
		}
		recs, next, err := decodeAll(b, from, abortedTxn{1, 0})
		if next < from {
			t.Errorf("went back from %d to %d", from, next)
		}
		for _, r := range recs {
			if r.Offset < from || err == nil && r.Offset >= next {
				t.Errorf("offset %d is not in %d to %d", r.Offset, from, next)
			}
		}
	})
}

func FuzzFetchResponse(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01t\x00\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, b []byte) { _, _ = parseFetch(b, 1) })
}
