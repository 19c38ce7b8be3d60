// Package weights is the file format of the classifier's weights: one header, one row of bytes for each feature, and
// a checksum. It leaves out what the numbers mean; that is the classifier's.
package weights

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Heads is how many sums a row feeds; Stride is how many bytes a row takes, so that none straddles a cache line.
const (
	Heads  = 9
	Stride = 16
	Bias   = 128 // a stored byte b stands for b - Bias
)

var magic = [8]byte{'C', 'T', 'W', 'E', 'I', 'G', 'H', '3'}

// ErrBroken is wrapped by every error of Decode.
var ErrBroken = errors.New("classify: broken weights")

// File is everything a classifier needs to know besides its code.
type File struct {
	Bits      int            // rows are 1<<Bits
	Scale     [Heads]float64 // what one unit of a row's byte is worth to each head
	Intercept [Heads]float64
	Threshold float64  // of the AI's probability, at the leak that the model was made for
	Rows      []byte   // (1<<Bits) * Stride
	Learnt    []uint32 // hashes of the texts that the weights were learnt from, rising
}

type header struct {
	Magic     [8]byte
	Bits      uint32
	Stride    uint32
	Scale     [Heads]float64
	Intercept [Heads]float64
	Threshold float64
	Learnt    uint32
}

// maxLearnt bounds how many texts a file can tell of.
const maxLearnt = 1 << 22

// Encode gives the file's bytes.
func Encode(f *File) ([]byte, error) {
	if f.Bits < 1 || f.Bits > 24 || len(f.Rows) != Stride<<f.Bits {
		return nil, fmt.Errorf("classify: %d bytes of weights do not fill 2^%d rows of %d", len(f.Rows), f.Bits, Stride)
	}
	if len(f.Learnt) > maxLearnt {
		return nil, fmt.Errorf("classify: %d texts are too many to learn from; at most %d", len(f.Learnt), maxLearnt)
	}
	var out bytes.Buffer
	h := header{magic, uint32(f.Bits), Stride, f.Scale, f.Intercept, f.Threshold, uint32(len(f.Learnt))}
	if err := binary.Write(&out, binary.LittleEndian, h); err != nil {
		return nil, err
	}
	out.Write(f.Rows)
	if err := binary.Write(&out, binary.LittleEndian, f.Learnt); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(out.Bytes())
	out.Write(sum[:])
	return out.Bytes(), nil
}

// Decode checks a file's bytes in full and gives what they hold; Rows points into data.
func Decode(data []byte) (*File, error) {
	var h header
	size := binary.Size(h)
	if len(data) < size+sha256.Size {
		return nil, fmt.Errorf("%w: %d bytes are too few", ErrBroken, len(data))
	}
	if _, err := binary.Decode(data, binary.LittleEndian, &h); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	if h.Magic != magic {
		return nil, fmt.Errorf("%w: not a weights file of this version", ErrBroken)
	}
	body := data[:len(data)-sha256.Size]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], data[len(body):]) {
		return nil, fmt.Errorf("%w: the checksum does not match", ErrBroken)
	}
	if h.Stride != Stride || h.Bits < 1 || h.Bits > 24 || h.Learnt > maxLearnt || len(body)-size != Stride<<h.Bits+4*int(h.Learnt) {
		return nil, fmt.Errorf("%w: %d bytes are not 2^%d rows of %d and %d hashes", ErrBroken, len(body)-size, h.Bits, h.Stride, h.Learnt)
	}
	for i := range Heads {
		if !finite(h.Scale[i]) || h.Scale[i] < 0 || !finite(h.Intercept[i]) {
			return nil, fmt.Errorf("%w: head %d has no usable scale", ErrBroken, i)
		}
	}
	if !(h.Threshold > 0 && h.Threshold <= 1) {
		return nil, fmt.Errorf("%w: the threshold %v is not above 0 and at most 1", ErrBroken, h.Threshold)
	}
	end := len(body) - 4*int(h.Learnt)
	learnt := make([]uint32, h.Learnt)
	if _, err := binary.Decode(body[end:], binary.LittleEndian, learnt); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	if !slices.IsSorted(learnt) {
		return nil, fmt.Errorf("%w: the hashes of what was learnt are not in order", ErrBroken)
	}
	return &File{int(h.Bits), h.Scale, h.Intercept, h.Threshold, body[size:end], learnt}, nil
}

func finite(f float64) bool { return !math.IsNaN(f) && math.Abs(f) < 1e6 }
