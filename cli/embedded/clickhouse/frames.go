package clickhouse

import (
	"encoding/binary"
	"io"

	"github.com/go-faster/city"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// frames reads ClickHouse's compressed frames (decompress=1): 16 bytes of CityHash128 over the rest, then the
// method, the size with these nine bytes, the size unpacked, and the data. ch-go's reader stops at 128 MiB, which
// a large batch of clickhouse-go's passes; this one stops at maxFrame. It allocates what has arrived and been
// checked, never what a header merely claims.
type frames struct {
	r    io.Reader
	in   []byte
	out  []byte
	pos  int
	zstd *zstd.Decoder
}

const (
	frameHash   = 16
	frameHeader = 9

	frameNone = 0x02
	frameLZ4  = 0x82
	frameZSTD = 0x90
)

func (f *frames) Read(p []byte) (int, error) {
	for f.pos == len(f.out) {
		if err := f.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, f.out[f.pos:])
	f.pos += n
	return n, nil
}

// next reads and unpacks one frame. It returns io.EOF only between frames.
func (f *frames) next() error {
	var head [frameHash + frameHeader]byte
	if _, err := io.ReadFull(f.r, head[:]); err != nil {
		return err
	}
	size := int64(binary.LittleEndian.Uint32(head[frameHash+1:]))
	raw := int64(binary.LittleEndian.Uint32(head[frameHash+5:]))
	if size > maxFrame || raw > maxFrame {
		return exception(271, "CANNOT_DECOMPRESS", "A compressed block of %d bytes (%d unpacked) is over the limit of %d: send smaller batches", size, raw, maxFrame)
	}
	if size < frameHeader {
		return errCorruptFrame()
	}
	f.in = append(f.in[:0], head[frameHash:]...)
	if err := f.readRest(int(size)); err != nil {
		return err
	}
	h := city.CH128(f.in)
	if h.Low != binary.LittleEndian.Uint64(head[:]) || h.High != binary.LittleEndian.Uint64(head[8:]) {
		return exception(40, "CHECKSUM_DOESNT_MATCH", "Checksum doesn't match: corrupted data")
	}
	return f.unpack(head[frameHash], f.in[frameHeader:], int(raw))
}

// readRest grows f.in to size as bytes come.
func (f *frames) readRest(size int) error {
	for len(f.in) < size {
		from := len(f.in)
		f.in = append(f.in, make([]byte, min(size-from, 1<<20))...)
		if _, err := io.ReadFull(f.r, f.in[from:]); err != nil {
			return io.ErrUnexpectedEOF
		}
	}
	return nil
}

func (f *frames) unpack(method byte, packed []byte, raw int) error {
	f.pos, f.out = 0, f.out[:0]
	var n int
	var err error
	switch method {
	case frameNone:
		f.out = append(f.out, packed...)
		n = len(f.out)
	case frameLZ4:
		if raw > 255*len(packed)+64 { // more than LZ4 can pack
			return errCorruptFrame()
		}
		if cap(f.out) < raw {
			f.out = make([]byte, raw)
		}
		f.out = f.out[:raw]
		n, err = lz4.UncompressBlock(packed, f.out)
	case frameZSTD:
		if f.zstd == nil {
			if f.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxFrame)); err != nil {
				return err
			}
		}
		f.out, err = f.zstd.DecodeAll(packed, f.out)
		n = len(f.out)
	default:
		return errCorruptFrame()
	}
	if err != nil || n != raw {
		f.out = f.out[:0]
		return errCorruptFrame()
	}
	return nil
}

func errCorruptFrame() error {
	return exception(271, "CANNOT_DECOMPRESS", "Cannot decompress block: corrupted data")
}
