package kafka

import (
	"encoding/binary"
	"hash/crc32"
	"time"

	"github.com/casetrail/casetrail/pipelines/stage"
)

// This file writes record batches.

const (
	// maxBatch is where a batch is closed, uncompressed: it stays below the topics' default max.message.bytes.
	maxBatch = 900 << 10
	// maxAtomic bounds a changelog batch, which is written whole or not at all.
	maxAtomic = 32 << 20
)

// encoder builds one batch at a time.
type encoder struct {
	compression Compression
	body        []byte // records so far
	records     int32
	scratch     [positionMaxBytes]byte
}

// size is an upper bound of what r adds to the batch.
func recordBound(r *stage.Record) int {
	return len(r.Key) + len(r.Value) + len(r.Stage) + len(r.Trace) + 160
}

// append adds r to the batch. A record without a stage carries no position.
func (e *encoder) append(r *stage.Record) {
	headers, headerSize := int64(0), 0
	var position []byte
	if r.Stage != "" {
		position = stage.AppendPosition(e.scratch[:0], r.Stage, r.Position)
		headers++
		headerSize += headerLen(len(stage.PositionHeader), len(position))
	}
	if r.Trace != "" {
		headers++
		headerSize += headerLen(len(traceHeader), len(r.Trace))
	}
	delta := int64(e.records)
	size := 2 + varintLen(delta) + fieldLen(r.Key) + fieldLen(r.Value) + varintLen(headers) + headerSize
	b := binary.AppendVarint(e.body, int64(size))
	b = append(b, 0, 0) // attributes; time, the same for all
	b = binary.AppendVarint(b, delta)
	b = appendField(b, r.Key)
	b = appendField(b, r.Value)
	b = binary.AppendVarint(b, headers)
	if position != nil {
		b = append(binary.AppendVarint(b, int64(len(stage.PositionHeader))), stage.PositionHeader...)
		b = appendField(b, position)
	}
	if r.Trace != "" {
		b = append(binary.AppendVarint(b, int64(len(traceHeader))), traceHeader...)
		b = append(binary.AppendVarint(b, int64(len(r.Trace))), r.Trace...)
	}
	e.body = b
	e.records++
}

// finish appends the batch to dst and begins a new one.
func (e *encoder) finish(dst []byte, producer int64, epoch int16, sequence int32, now time.Time) ([]byte, error) {
	start := len(dst)
	dst = append(dst, make([]byte, batchHead)...)
	dst, code, err := compress(dst, e.compression, e.body)
	if err != nil {
		return nil, err
	}
	b := dst[start:]
	ms := uint64(now.UnixMilli())
	be.PutUint32(b[8:], uint32(len(b)-batchLead))
	be.PutUint32(b[12:], 0xffffffff) // leader epoch: the broker's
	b[16] = 2
	be.PutUint16(b[21:], code)
	be.PutUint32(b[23:], uint32(e.records-1))
	be.PutUint64(b[27:], ms)
	be.PutUint64(b[35:], ms)
	be.PutUint64(b[43:], uint64(producer))
	be.PutUint16(b[51:], uint16(epoch))
	be.PutUint32(b[53:], uint32(sequence))
	be.PutUint32(b[57:], uint32(e.records))
	be.PutUint32(b[17:], crc32.Checksum(b[21:], castagnoli))
	e.body, e.records = e.body[:0], 0
	return dst, nil
}

func headerLen(key, value int) int {
	return varintLen(int64(key)) + key + varintLen(int64(value)) + value
}

func fieldLen(b []byte) int {
	if b == nil {
		return 1
	}
	return varintLen(int64(len(b))) + len(b)
}

func appendField(dst, b []byte) []byte {
	if b == nil {
		return append(dst, 1) // -1
	}
	return append(binary.AppendVarint(dst, int64(len(b))), b...)
}
