package kafka

import (
	"math"

	"github.com/casetrail/casetrail/pipelines/stage"
)

// position sets r's stage and position from the header's value. A header that is not a position counts as none: anyone
// outside may write headers.
func (d *decoder) position(r *stage.Record, v []byte) {
	if len(v) > positionMaxBytes {
		return
	}
	name := 0
	for name < len(v) && v[name] != '/' {
		name++
	}
	partition, i, ok1 := decimal(v, name+1, math.MaxInt32)
	offset, i, ok2 := decimal(v, i+1, math.MaxInt64)
	ordinal, i, ok3 := decimal(v, i+1, math.MaxInt32)
	if name == 0 || !ok1 || !ok2 || !ok3 || i != len(v) {
		return
	}
	if string(v[:name]) != d.stage {
		d.stage = string(v[:name])
	}
	r.Stage = d.stage
	r.Position = stage.Position{Partition: int32(partition), Offset: offset, Ordinal: int32(ordinal)}
}

// decimal reads a number up to the next slash. It takes what stage.AppendPosition writes and nothing looser, save that
// an offset may be negative (stage.Before).
func decimal(v []byte, i int, limit int64) (n int64, end int, ok bool) {
	if i >= len(v) {
		return 0, i, false
	}
	negative := v[i] == '-'
	if negative {
		i++
	}
	start := i
	for ; i < len(v) && v[i] != '/'; i++ {
		c := int64(v[i]) - '0'
		if c < 0 || c > 9 || n > (limit-c)/10 {
			return 0, i, false
		}
		n = n*10 + c
	}
	if negative {
		n = -n
	}
	return n, i, i > start
}
