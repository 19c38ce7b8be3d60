package kafka

import (
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"time"
	"unsafe"

	"github.com/casetrail/casetrail/pipelines/stage"
)

// This file reads record batches (format 2, the only one that Kafka writes since 0.11).

const (
	batchHead        = 61 // bytes before the records
	batchLead        = 12 // offset and length, which the length does not count
	attrCodec        = 0x07
	attrAppendTime   = 0x08
	attrTransaction  = 0x10
	attrControl      = 0x20
	minRecord        = 7 // length, attributes, two deltas, key and value length, header count
	maxHeaders       = 1024
	maxRecords       = 1 << 17 // of a batch
	traceHeader      = "traceparent"
	maxUncompressed  = maxAtomic + 1<<20 // of a batch: more than any that a stage writes
	controlAbort     = 0
	positionMaxBytes = 128
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// batch is one record batch; body aliases what it was read from.
type batch struct {
	first, last        int64 // offsets that it covers, whatever compaction left in it
	attributes         uint16
	firstTime, maxTime int64
	producer           int64
	epoch              int16
	records            int32
	body               []byte
}

func (b *batch) control() bool { return b.attributes&attrControl != 0 }

// nextBatch takes the first batch off b. ok is false where b holds no whole one: a response may end in the middle.
func nextBatch(b []byte) (bt batch, rest []byte, ok bool, err error) {
	if len(b) < batchHead {
		return bt, nil, false, nil
	}
	size := int64(int32(be.Uint32(b[8:]))) + batchLead
	first := int64(be.Uint64(b))
	if size < batchHead {
		return bt, nil, false, fmt.Errorf("%w: batch of %d bytes at %d", ErrCorrupt, size, first)
	}
	if size > int64(len(b)) {
		return bt, nil, false, nil
	}
	x := b[:size]
	if x[16] != 2 {
		return bt, nil, false, fmt.Errorf("%w: format %d at %d", ErrCorrupt, x[16], first)
	}
	if crc32.Checksum(x[21:], castagnoli) != be.Uint32(x[17:]) {
		return bt, nil, false, fmt.Errorf("%w: checksum at %d", ErrCorrupt, first)
	}
	bt = batch{
		first: first, last: first + int64(int32(be.Uint32(x[23:]))), attributes: be.Uint16(x[21:]),
		firstTime: int64(be.Uint64(x[27:])), maxTime: int64(be.Uint64(x[35:])),
		producer: int64(be.Uint64(x[43:])), epoch: int16(be.Uint16(x[51:])),
		records: int32(be.Uint32(x[57:])), body: x[batchHead:],
	}
	if bt.last < bt.first || bt.first < 0 || bt.records < 0 {
		return bt, nil, false, fmt.Errorf("%w: offsets %d to %d, %d records", ErrCorrupt, bt.first, bt.last, bt.records)
	}
	return bt, b[size:], true, nil
}

// decoder turns batches into records. It remembers the last stage name, and what the last batch decompressed to: both hardly
// ever change within a topic.
type decoder struct {
	stage             string
	compressed, plain int
}

// guess is what a batch may decompress to: as much as the one before, and an eighth; else four times its size.
func (d *decoder) guess(compressed int) int {
	if d.compressed == 0 {
		return 4 * compressed
	}
	n := compressed * d.plain / d.compressed
	return n + n/8
}

// budget is how many bytes the batches of one response may still decompress to, the last of them aside. A few kilobytes can
// hold gigabytes.
type budget int

func newBudget(bytes int) *budget { b := budget(bytes); return &b }

// append adds the records of f from an offset on to dst and returns the offset to fetch next, which passes every whole
// batch, whatever compaction left in it, until the budget is spent. Control batches and aborted records are left out.
// The records alias f's buffer (or the decompressed one), which nobody writes to again.
func (d *decoder) append(dst []stage.Record, f *fetched, from int64, left *budget) ([]stage.Record, int64, error) {
	next := from
	slices.SortFunc(f.aborted, func(a, b abortedTxn) int { return int(min(max(a.first-b.first, -1), 1)) })
	pending := f.aborted
	var aborted map[int64]bool // producers with an aborted transaction open here
	for b := f.batches; ; {
		bt, rest, ok, err := nextBatch(b)
		if err != nil {
			return dst, next, &partitionError{f.TopicPartition, next, err}
		}
		if !ok || *left <= 0 {
			return dst, next, nil
		}
		b = rest
		for len(pending) > 0 && pending[0].first <= bt.last {
			if aborted == nil {
				aborted = map[int64]bool{}
			}
			aborted[pending[0].producer] = true
			pending = pending[1:]
		}
		switch {
		case bt.last < from:
			if bt.control() && bt.abortMarker() {
				delete(aborted, bt.producer)
			}
			continue
		case bt.control():
			if bt.abortMarker() {
				delete(aborted, bt.producer)
			}
		case bt.attributes&attrTransaction != 0 && aborted[bt.producer]:
		case bt.records > 0:
			had := len(dst)
			dst, err = d.records(dst, f, &bt, from, left)
			if errors.Is(err, errTooMuch) {
				dst, err = append(dst[:had], bt.oversize(f.TopicPartition, len(bt.body))), nil
			}
			if err != nil {
				return dst, next, &partitionError{f.TopicPartition, bt.first, err}
			}
		}
		next = bt.last + 1
	}
}

// oversize stands for all records of a batch that is too large, at the last one's offset.
func (b *batch) oversize(tp stage.TopicPartition, size int) stage.Record {
	return stage.Record{Topic: tp.Topic, Partition: tp.Partition, Offset: b.last, Time: time.UnixMilli(b.maxTime).UTC(),
		Fault: fmt.Errorf("%w: the batch of offsets %d to %d, %d bytes compressed, has more than %d bytes or %d records; send smaller batches",
			stage.ErrOversize, b.first, b.last, size, maxUncompressed, maxRecords)}
}

// abortMarker tells whether a control batch ends an aborted transaction.
func (b *batch) abortMarker() bool {
	_, i := varint(b.body, 0)    // length
	_, i = varint(b.body, i+1)   // attributes, time
	_, i = varint(b.body, i)     // offset
	size, i := varint(b.body, i) // key
	return i >= 0 && size >= 4 && int64(len(b.body)-i) >= size && be.Uint16(b.body[i+2:]) == controlAbort
}

func (d *decoder) records(dst []stage.Record, f *fetched, bt *batch, from int64, left *budget) ([]stage.Record, error) {
	body, err := decompress(bt.attributes&attrCodec, bt.body, d.guess(len(bt.body)), maxUncompressed)
	if errors.Is(err, errTooMuch) {
		return dst, err
	}
	if err != nil {
		return dst, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	d.compressed, d.plain = len(bt.body), len(body)
	*left -= budget(len(body))
	if int64(bt.records)*minRecord > int64(len(body)) {
		return dst, fmt.Errorf("%w: %d records in %d bytes", ErrCorrupt, bt.records, len(body))
	}
	if bt.records > maxRecords {
		return dst, errTooMuch
	}
	dst = slices.Grow(dst, int(bt.records))
	i := 0
	for range bt.records {
		size, at := varint(body, i)
		if at < 0 || size < minRecord-1 || size > int64(len(body)-at) {
			return dst, fmt.Errorf("%w: record bounds", ErrCorrupt)
		}
		i = at + int(size)
		n := len(dst)
		dst = dst[:n+1]
		if err := d.record(&dst[n], body[at:i:i], bt); err != nil {
			return dst[:n], err
		}
		if dst[n].Offset < from { // the batch began before what was asked for
			dst = dst[:n]
			continue
		}
		dst[n].Topic, dst[n].Partition = f.Topic, f.Partition
	}
	return dst, nil
}

func (d *decoder) record(r *stage.Record, b []byte, bt *batch) error {
	*r = stage.Record{}
	when, i := varint(b, 1) // after the attributes, which have no meaning
	offset, i := varint(b, i)
	if i < 0 || offset < 0 || offset > bt.last-bt.first {
		return fmt.Errorf("%w: record offset", ErrCorrupt)
	}
	r.Offset = bt.first + offset
	if bt.attributes&attrAppendTime != 0 {
		r.Time = time.UnixMilli(bt.maxTime).UTC()
	} else {
		r.Time = time.UnixMilli(bt.firstTime + when).UTC()
	}
	if r.Key, i = field(b, i); i < 0 {
		return fmt.Errorf("%w: key", ErrCorrupt)
	}
	if r.Value, i = field(b, i); i < 0 {
		return fmt.Errorf("%w: value", ErrCorrupt)
	}
	headers, i := varint(b, i)
	if i < 0 || headers < 0 || headers > maxHeaders {
		return fmt.Errorf("%w: header count", ErrCorrupt)
	}
	for range headers {
		var key, value []byte
		if key, i = field(b, i); i < 0 || key == nil {
			return fmt.Errorf("%w: header key", ErrCorrupt)
		}
		if value, i = field(b, i); i < 0 {
			return fmt.Errorf("%w: header value", ErrCorrupt)
		}
		switch string(key) {
		case stage.PositionHeader:
			d.position(r, value)
		case traceHeader:
			if len(value) > 0 {
				r.Trace = unsafe.String(&value[0], len(value)) // the buffer is never written again
			}
		}
	}
	return nil
}

// field reads bytes with a varint length; a negative length is nil. The returned index is -1 on a fault.
func field(b []byte, i int) ([]byte, int) {
	n, i := varint(b, i)
	switch {
	case i < 0 || n > int64(len(b)-i):
		return nil, -1
	case n < 0:
		return nil, i
	}
	end := i + int(n)
	return b[i:end:end], end
}
