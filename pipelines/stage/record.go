package stage

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/casetrail/casetrail/pipelines/inject"
)

// Record is one message of a topic, as a Handler takes it and gives it.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64     // of an input; outputs leave it 0
	Time      time.Time // the broker's timestamp of an input; outputs leave it zero
	Key       []byte
	Value     []byte // nil is a tombstone
	Stage     string // the stage that wrote it, from the position header; empty for records from outside
	Position  Position
	Trace     string // W3C traceparent, passed on from input to output
	// Fault says that what stands here is of a size that nobody has to hold, and was not read: an error that wraps
	// ErrOversize. Key and value are missing then. Such an input goes to the dead letters, and no handler sees it.
	Fault error
}

// Position names the input that caused an output: the source partition, the offset in it, and which of that input's
// outputs this is. Positions of one stage and source partition rise strictly; a reader drops what is not above the
// highest that it has applied, so that whatever is written twice counts once.
type Position struct {
	Partition int32
	Offset    int64
	Ordinal   int32
}

// Before is the position below all positions of a partition.
func Before(partition int32) Position { return Position{Partition: partition, Offset: -1} }

// After tells whether p comes after q. Positions of different source partitions have no order: only call it within one.
func (p Position) After(q Position) bool {
	return p.Offset > q.Offset || p.Offset == q.Offset && p.Ordinal > q.Ordinal
}

// String gives partition/offset/ordinal.
func (p Position) String() string { return fmt.Sprintf("%d/%d/%d", p.Partition, p.Offset, p.Ordinal) }

// PositionHeader is the header that carries AppendPosition's text.
const PositionHeader = "position"

// AppendPosition appends the position header's value, stage/partition/offset/ordinal.
func AppendPosition(dst []byte, stage string, p Position) []byte {
	dst = append(append(dst, stage...), '/')
	dst = append(strconv.AppendInt(dst, int64(p.Partition), 10), '/')
	dst = append(strconv.AppendInt(dst, p.Offset, 10), '/')
	return strconv.AppendInt(dst, int64(p.Ordinal), 10)
}

// ErrPosition says that a position header is not stage/partition/offset/ordinal.
var ErrPosition = errors.New("position header is not stage/partition/offset/ordinal")

// ParsePosition is the inverse of AppendPosition. Errors wrap ErrPosition.
func ParsePosition(s string) (stage string, p Position, err error) {
	f := strings.Split(s, "/")
	if len(s) > 128 || len(f) != 4 || f[0] == "" {
		return "", p, fmt.Errorf("%w: %.128q", ErrPosition, s)
	}
	part, e1 := strconv.ParseInt(f[1], 10, 32)
	off, e2 := strconv.ParseInt(f[2], 10, 64)
	ord, e3 := strconv.ParseInt(f[3], 10, 32)
	if e1 != nil || e2 != nil || e3 != nil {
		return "", p, fmt.Errorf("%w: %q", ErrPosition, s)
	}
	return f[0], Position{int32(part), off, int32(ord)}, nil
}

// Filter is a reader's memory of what it has applied: the highest position per source partition.
type Filter map[int32]Position

// Accept tells whether p is above everything applied from its partition, and remembers it if so.
func (f Filter) Accept(p Position) bool {
	if last, ok := f[p.Partition]; ok && !p.After(last) && !inject.ReaderFilterOff.Is() {
		return false
	}
	f[p.Partition] = p
	return true
}
