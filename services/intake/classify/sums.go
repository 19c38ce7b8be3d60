package classify

import (
	"encoding/binary"
	"math"

	"github.com/casetrail/casetrail/services/intake/classify/internal/weights"
)

// sums are what a stretch of text adds up to, head by head. They are integers, so order and machine don't matter.
type sums struct {
	heads    [weights.Heads]int32
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

// sum adds the rows of features: one load for eight heads, in 16-bit lanes that hold 256 of them, and one for the last.
func (m *Model) sum(features []uint32) sums {
	const lanes = 0x00FF00FF00FF00FF
	s := sums{features: len(features)}
	rows := m.file.Rows
	for len(features) > 0 {
		n := min(len(features), 256)
		var even, odd, last uint64
		for _, f := range features[:n] {
			at := int(f) * weights.Stride
			row := rows[at : at+weights.Stride]
			a := binary.LittleEndian.Uint64(row)
			even += a & lanes
			odd += a >> 8 & lanes
			last += uint64(row[8])
		}
		bias := int32(n * weights.Bias)
		for i := range 4 {
			shift := 16 * i
			s.heads[2*i] += int32(uint16(even>>shift)) - bias
			s.heads[2*i+1] += int32(uint16(odd>>shift)) - bias
		}
		s.heads[headUnknown] += int32(last) - bias
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

// probabilities are the softmax over the case types and unknown.
func (m *Model) probabilities(s *sums) (p [weights.Heads]float64) {
	top := math.Inf(-1)
	for i := range p {
		p[i] = m.logit(s, i)
		top = max(top, p[i])
	}
	total := 0.0
	for i := range p {
		p[i] = exp(p[i] - top)
		total += p[i]
	}
	for i := range p {
		p[i] /= total
	}
	return p
}

// round is to 1e-4.
func round(p float64) float64 { return math.Floor(float64(p*10000)+0.5) / 10000 }

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
