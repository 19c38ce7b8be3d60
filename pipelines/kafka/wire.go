package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
)

// This file holds Kafka's primitive wire types and the frame around a request and its response.

var be = binary.BigEndian

var errShort = errors.New("message ends early")

// cursor reads wire types from a buffer. After the first fault every read gives zero, and bad stays set.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.b, c.bad = nil, true
		return nil
	}
	x := c.b[:n:n]
	c.b = c.b[n:]
	return x
}

func (c *cursor) i16() int16 {
	if x := c.take(2); x != nil {
		return int16(be.Uint16(x))
	}
	return 0
}

func (c *cursor) i32() int32 {
	if x := c.take(4); x != nil {
		return int32(be.Uint32(x))
	}
	return 0
}

func (c *cursor) i64() int64 {
	if x := c.take(8); x != nil {
		return int64(be.Uint64(x))
	}
	return 0
}

// str reads a string with a 16-bit length; null reads as empty.
func (c *cursor) str() string {
	n := int(c.i16())
	if n < 0 {
		return ""
	}
	return string(c.take(n))
}

// count reads an array's length, of elements of at least size bytes each, so that a forged count cannot make us allocate.
func (c *cursor) count(size int) int {
	n := int(c.i32())
	if n < 0 {
		return 0
	}
	if n > len(c.b)/size {
		c.b, c.bad = nil, true
		return 0
	}
	return n
}

// varint reads a zigzag varint at b[i:] and returns the index after it, or -1.
func varint(b []byte, i int) (int64, int) {
	if i >= 0 && i < len(b) && b[i] < 0x80 { // one byte: most of them
		u := b[i]
		return int64(u>>1) ^ -int64(u&1), i + 1
	}
	if i < 0 || i >= len(b) {
		return 0, -1
	}
	v, n := binary.Varint(b[i:])
	if n <= 0 {
		return 0, -1
	}
	return v, i + n
}

func varintLen(x int64) int {
	return (bits.Len64(uint64(x)<<1^uint64(x>>63)|1) + 6) / 7
}

func appendStr(b []byte, s string) []byte {
	return append(be.AppendUint16(b, uint16(len(s))), s...)
}

// A connection carries one request at a time, so the correlation id only has to match itself.
const correlation = 7

// appendHeader starts a request frame; exchange fills in its length.
func appendHeader(b []byte, api, version int16, clientID string) []byte {
	b = be.AppendUint32(b, 0)
	b = be.AppendUint16(b, uint16(api))
	b = be.AppendUint16(b, uint16(version))
	b = be.AppendUint32(b, correlation)
	return appendStr(b, clientID)
}

// exchange writes a request frame and reads the response, whose body it returns.
func exchange(rw io.ReadWriter, frame []byte, maxResponse int) ([]byte, error) {
	be.PutUint32(frame, uint32(len(frame)-4))
	if _, err := rw.Write(frame); err != nil {
		return nil, err
	}
	var head [8]byte
	if _, err := io.ReadFull(rw, head[:]); err != nil {
		return nil, err
	}
	n := int(int32(be.Uint32(head[:]))) - 4
	if n < 0 || n > maxResponse {
		return nil, fmt.Errorf("response of %d bytes", n)
	}
	if be.Uint32(head[4:]) != correlation {
		return nil, errors.New("response to another request")
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(rw, body); err != nil {
		return nil, err
	}
	return body, nil
}
