package classify

import (
	"encoding/binary"
	"math"

	"github.com/casetrail/casetrail/services/intake/classify/internal/weights"
)

// sums are what a stretch of text adds up to, head by head. They are integers, so order and machine don't matter.
type sums struct {
	heads    [weights.Stride]int32
	features int
	words    int
}

func (s *sums) add(o *sums) {
	for i, v := range o.heads {
		s.heads[i] += v
	}
	s.features += o.features
	s.words += o.words
}

// sum adds the rows of features: two loads a row, and eight bytes at once in 16-bit lanes, which hold 256 of them.
func (m *Model) sum(features []uint32) sums {
	const lanes = 0x00FF00FF00FF00FF
	s := sums{features: len(features)}
	rows := m.file.Rows
	for len(features) > 0 {
		n := min(len(features), 256)
		var even0, odd0, even1, odd1 uint64
		for _, f := range features[:n] {
			at := int(f) * weights.Stride
			row := rows[at : at+weights.Stride]
			a, b := binary.LittleEndian.Uint64(row), binary.LittleEndian.Uint64(row[8:])
			even0 += a & lanes
			odd0 += a >> 8 & lanes
			even1 += b & lanes
			odd1 += b >> 8 & lanes
		}
		for i := range 4 {
			shift, bias := 16*i, int32(n*weights.Bias)
			s.heads[2*i] += int32(uint16(even0>>shift)) - bias
			s.heads[2*i+1] += int32(uint16(odd0>>shift)) - bias
			s.heads[8+2*i] += int32(uint16(even1>>shift)) - bias
			s.heads[9+2*i] += int32(uint16(odd1>>shift)) - bias
		}
		features = features[n:]
	}
	return s
}

// logit is a head's score of s. The conversions keep a compiler from fusing the operations, which would change the
// last bit on some machines.
func (m *Model) logit(s *sums, head int) float64 {
	if s.features == 0 {
		return m.file.Intercept[head]
	}
	x := float64(s.heads[head]) / math.Sqrt(float64(s.features))
	return m.file.Intercept[head] + float64(m.file.Scale[head]*x)
}

// probabilities are the softmax over the case types and unknown, in units of 1e-4.
func (m *Model) probabilities(s *sums) (p [9]int) {
	var z [9]float64
	top := math.Inf(-1)
	for i := range z {
		z[i] = m.logit(s, i)
		top = max(top, z[i])
	}
	total := 0.0
	for i := range z {
		z[i] = exp(z[i] - top)
		total += z[i]
	}
	for i := range p {
		p[i] = int(math.Floor(float64(z[i]/total*10000) + 0.5))
	}
	return p
}

// sigmoid is a head's probability in units of 1e-4.
func (m *Model) sigmoid(s *sums, head int) int {
	return int(math.Floor(float64(10000/(1+exp(-m.logit(s, head)))) + 0.5))
}

// exp is e to the x to about 1e-12, by plain multiplications: the standard library's differs between machines in the
// last bit, and findings are part of a signed record.
func exp(x float64) float64 {
	x = min(max(x, -60), 60) / 1024
	y := 1.0
	for i := 8; i > 0; i-- {
		y = 1 + float64(float64(y*x)/float64(i))
	}
	for range 10 {
		y = float64(y * y)
	}
	return y
}
