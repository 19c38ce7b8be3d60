package schemas

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"
)

// decoder reads the Avro binary encoding. The first error stays and moves the position to the end, so that generated code
// need not check after each field. Memory is bounded by the body: nothing is made before the bytes for it are seen.
type decoder struct {
	buf []byte
	i   int
	str string // buf as a string, made at the first string of the message
	err error
}

func (d *decoder) fail(field, format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s: %s at byte %d of %d", ErrAvro, field, fmt.Sprintf(format, args...), d.i, len(d.buf))
	}
	d.i = len(d.buf)
}

// end is the outcome of the whole body.
func (d *decoder) end(name string) error {
	if d.err == nil && d.i < len(d.buf) {
		d.fail(name, "%d bytes too many", len(d.buf)-d.i)
	}
	return d.err
}

func (d *decoder) long(field string) int64 {
	if d.i < len(d.buf) && d.buf[d.i] < 0x80 {
		b := d.buf[d.i]
		d.i++
		return int64(b>>1) ^ -int64(b&1)
	}
	return d.longer(field)
}

func (d *decoder) longer(field string) int64 {
	u, n := binary.Uvarint(d.buf[d.i:])
	if n <= 0 {
		if n == 0 {
			d.fail(field, "the body ends inside a number")
		} else {
			d.fail(field, "a number of more than 64 bits")
		}
		return 0
	}
	d.i += n
	return int64(u>>1) ^ -int64(u&1)
}

func (d *decoder) int(field string) int32 {
	v := d.long(field)
	if v != int64(int32(v)) {
		d.fail(field, "%d is no 32-bit number", v)
		return 0
	}
	return int32(v)
}

func (d *decoder) boolean(field string) bool {
	if d.i >= len(d.buf) || d.buf[d.i] > 1 {
		d.fail(field, "a boolean must be one byte, 0 or 1")
		return false
	}
	d.i++
	return d.buf[d.i-1] == 1
}

func (d *decoder) float(field string) float32 {
	if len(d.buf)-d.i < 4 {
		d.fail(field, "the body ends inside a float")
		return 0
	}
	d.i += 4
	return math.Float32frombits(binary.LittleEndian.Uint32(d.buf[d.i-4:]))
}

func (d *decoder) double(field string) float64 {
	if len(d.buf)-d.i < 8 {
		d.fail(field, "the body ends inside a double")
		return 0
	}
	d.i += 8
	return math.Float64frombits(binary.LittleEndian.Uint64(d.buf[d.i-8:]))
}

func (d *decoder) enum(symbols int, field string) int32 {
	v := d.long(field)
	if uint64(v) >= uint64(symbols) {
		d.fail(field, "enum index %d of %d symbols", v, symbols)
		return 0
	}
	return int32(v)
}

// branch reads the index of a union of null and a value, and says whether the value follows.
func (d *decoder) branch(field string) bool {
	if d.i >= len(d.buf) || d.buf[d.i] != 0 && d.buf[d.i] != 2 {
		d.fail(field, "a union of null and a value needs index 0 or 1")
		return false
	}
	d.i++
	return d.buf[d.i-1] == 2
}

// length reads the size of a string or bytes, never more than there are bytes left.
func (d *decoder) length(field string) int {
	n := d.long(field)
	if uint64(n) > uint64(len(d.buf)-d.i) {
		d.fail(field, "length %d with %d bytes left", n, len(d.buf)-d.i)
		return 0
	}
	return int(n)
}

func (d *decoder) string(field string) string {
	n := d.length(field)
	if n == 0 {
		return ""
	}
	if d.str == "" {
		d.str = string(d.buf)
	}
	s := d.str[d.i : d.i+n]
	if !utf8.ValidString(s) {
		d.fail(field, "invalid UTF-8")
		return ""
	}
	d.i += n
	return s
}

func (d *decoder) bytes(into []byte, field string) []byte {
	n := d.length(field)
	d.i += n
	return append(into[:0], d.buf[d.i-n:d.i]...)
}

func (d *decoder) fixed(into []byte, field string) {
	if len(d.buf)-d.i < len(into) {
		d.fail(field, "%d bytes of %d", len(d.buf)-d.i, len(into))
		return
	}
	d.i += copy(into, d.buf[d.i:])
}

// array walks the blocks of one array.
type array struct {
	field string
	left  int // elements left in this block
	total int
	end   int // where a block that names its size in bytes must end; 0 where it does not
}

// next says whether another element follows, and stands before it. Each element takes a byte at least.
func (a *array) next(d *decoder) bool {
	if d.err != nil {
		return false
	}
	if a.left > 0 {
		a.left--
		return true
	}
	if a.end > 0 && d.i != a.end {
		d.fail(a.field, "an array block does not end where it says")
		return false
	}
	a.end = 0
	n := d.long(a.field)
	if n < 0 {
		n = -n // the smallest number stays negative, and too large below
		size := d.length(a.field)
		a.end = d.i + size
	}
	left := len(d.buf) - d.i
	if a.end > 0 {
		left = a.end - d.i
	}
	if uint64(n) > uint64(min(left, maxElements-a.total)) {
		d.fail(a.field, "an array block of %d elements with %d bytes left; at most %d elements", n, left, maxElements)
		return false
	}
	if n == 0 {
		return false
	}
	a.left, a.total = int(n)-1, a.total+int(n)
	return true
}

// extend makes s one longer and keeps what an earlier message left in the new place, for its memory.
func extend[T any](s []T) []T {
	if len(s) < cap(s) {
		return s[:len(s)+1]
	}
	var zero T
	return append(s, zero)
}
