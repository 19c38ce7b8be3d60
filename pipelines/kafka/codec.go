package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Compression is how record batches are compressed.
type Compression int8

// What is written may use these; what is read may use gzip as well.
const (
	CompressionDefault Compression = iota
	CompressionNone
	CompressionSnappy
	CompressionLZ4
	CompressionZstd
)

// DefaultCompression is what CompressionDefault stands for.
const DefaultCompression = CompressionLZ4

// String gives the name that Kafka's configuration uses.
func (c Compression) String() string {
	return [...]string{"default", "none", "snappy", "lz4", "zstd"}[c]
}

// UnmarshalText reads the name that Kafka's configuration uses; empty is the default.
func (c *Compression) UnmarshalText(text []byte) error {
	for i := CompressionDefault; i <= CompressionZstd; i++ {
		if i.String() == string(text) || i == CompressionDefault && len(text) == 0 {
			*c = i
			return nil
		}
	}
	return fmt.Errorf("compression %q is none of none, snappy, lz4, zstd", text)
}

// The codes that a batch's attributes carry.
const (
	codeGzip   = 1
	codeSnappy = 2
	codeLZ4    = 3
	codeZstd   = 4
)

var errTooMuch = errors.New("decompresses to more than is allowed")

// Coders are dear to make and hold no state between uses.
var (
	zstdReader  = sync.OnceValue(newZstdReader)
	zstdWriter  = sync.OnceValue(newZstdWriter)
	lz4Readers  = sync.Pool{New: func() any { return lz4.NewReader(nil) }}
	lz4Writers  = sync.Pool{New: func() any { return newLZ4Writer() }}
	gzipReaders = sync.Pool{New: func() any { return new(gzip.Reader) }}
)

func newZstdReader() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxUncompressed), zstd.WithDecoderMaxWindow(maxUncompressed))
	if err != nil {
		panic(err) // the options are constants
	}
	return d
}

func newZstdWriter() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2), zstd.WithZeroFrames(true))
	if err != nil {
		panic(err)
	}
	return e
}

func newLZ4Writer() *lz4.Writer {
	w := lz4.NewWriter(nil)
	if err := w.Apply(lz4.BlockSizeOption(lz4.Block64Kb), lz4.ConcurrencyOption(1), lz4.ChecksumOption(false)); err != nil {
		panic(err)
	}
	return w
}

// decompress returns b itself where code is 0, and otherwise a new buffer of at most limit bytes. guess is how many it may be.
func decompress(code uint16, b []byte, guess, limit int) ([]byte, error) {
	switch code {
	case 0:
		return b, nil
	case codeGzip:
		r := gzipReaders.Get().(*gzip.Reader)
		defer gzipReaders.Put(r)
		if err := r.Reset(bytes.NewReader(b)); err != nil {
			return nil, err
		}
		return readAll(r, guess, limit)
	case codeSnappy:
		return unsnappy(b, limit)
	case codeLZ4:
		r := lz4Readers.Get().(*lz4.Reader)
		defer lz4Readers.Put(r)
		r.Reset(bytes.NewReader(b))
		return readAll(r, guess, limit)
	case codeZstd:
		out, err := zstdReader().DecodeAll(b, nil)
		if err == nil && len(out) > limit || errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded) {
			return nil, errTooMuch
		}
		return out, err
	}
	return nil, fmt.Errorf("compression code %d", code)
}

func readAll(r io.Reader, guess, limit int) ([]byte, error) {
	out := make([]byte, 0, min(guess+512, limit+1))
	for {
		n, err := r.Read(out[len(out):cap(out)])
		out = out[:len(out)+n]
		switch {
		case len(out) > limit:
			return nil, errTooMuch
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return nil, err
		}
		if len(out) == cap(out) {
			out = append(out, 0)[:len(out)]
		}
	}
}

var xerial = []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0}

// unsnappy reads a bare snappy block, or the Java library's framing: magic, two versions, then blocks with a length.
func unsnappy(b []byte, limit int) ([]byte, error) {
	if !bytes.HasPrefix(b, xerial) {
		return snappyBlock(nil, b, limit)
	}
	if len(b) < 16 {
		return nil, errShort
	}
	var out []byte
	for b = b[16:]; len(b) > 0; {
		if len(b) < 4 || uint64(binary.BigEndian.Uint32(b)) > uint64(len(b)-4) {
			return nil, errShort
		}
		n := int(binary.BigEndian.Uint32(b))
		var err error
		if out, err = snappyBlock(out, b[4:4+n], limit); err != nil {
			return nil, err
		}
		b = b[4+n:]
	}
	return out, nil
}

func snappyBlock(dst, b []byte, limit int) ([]byte, error) {
	n, err := s2.DecodedLen(b)
	if err != nil {
		return nil, err
	}
	if n > limit-len(dst) {
		return nil, errTooMuch
	}
	out, err := s2.Decode(make([]byte, n), b)
	if err != nil || dst == nil {
		return out, err
	}
	return append(dst, out...), nil
}

// compress appends b in c's form to dst and returns the code for the batch's attributes.
func compress(dst []byte, c Compression, b []byte) ([]byte, uint16, error) {
	if c == CompressionDefault {
		c = DefaultCompression
	}
	switch c {
	case CompressionSnappy:
		return append(dst, s2.EncodeSnappy(nil, b)...), codeSnappy, nil
	case CompressionLZ4:
		w := lz4Writers.Get().(*lz4.Writer)
		defer lz4Writers.Put(w)
		buf := bytes.NewBuffer(dst)
		w.Reset(buf)
		if _, err := w.Write(b); err != nil {
			return nil, 0, err
		}
		if err := w.Close(); err != nil {
			return nil, 0, err
		}
		return buf.Bytes(), codeLZ4, nil
	case CompressionZstd:
		return zstdWriter().EncodeAll(b, dst), codeZstd, nil
	}
	return append(dst, b...), 0, nil
}
