package schemas

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// maxElements is how many elements an array may have, over all of its blocks.
const maxElements = 4096

func appendLong(dst []byte, v int64) []byte {
	return binary.AppendUvarint(dst, uint64(v<<1)^uint64(v>>63))
}

func appendString(dst []byte, s string) []byte {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD") // else nobody could read the message
	}
	return append(appendLong(dst, int64(len(s))), s...)
}

func appendBytes(dst, b []byte) []byte { return append(appendLong(dst, int64(len(b))), b...) }

func appendBoolean(dst []byte, v bool) []byte {
	if v {
		return append(dst, 1)
	}
	return append(dst, 0)
}

func appendFloat(dst []byte, v float32) []byte {
	return binary.LittleEndian.AppendUint32(dst, math.Float32bits(v))
}

func appendDouble(dst []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
}

func appendEnum(dst []byte, v int32, symbols []string, name string) []byte {
	if v < 0 || int(v) >= len(symbols) {
		panic(fmt.Sprintf("schemas: %s has no symbol %d; set one of its %d constants", name, v, len(symbols)))
	}
	return appendLong(dst, int64(v))
}

// appendBranch appends the index of a union's branch: null, or the value that follows.
func appendBranch(dst []byte, set bool) []byte {
	if set {
		return append(dst, 2)
	}
	return append(dst, 0)
}

// appendCount opens an array: one block with all elements, where there are any.
func appendCount(dst []byte, n int) []byte {
	if n > maxElements {
		panic(fmt.Sprintf("schemas: an array of %d elements; at most %d can be read back", n, maxElements))
	}
	return appendLong(dst, int64(n))
}

// appendEnd closes an array; an empty one is closed by its count already.
func appendEnd(dst []byte, n int) []byte {
	if n == 0 {
		return dst
	}
	return append(dst, 0)
}
