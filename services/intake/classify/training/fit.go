package training

import (
	"math"
	"math/rand/v2"

	"github.com/casetrail/casetrail/services/intake/classify/internal/ngram"
)

const (
	epochs = 4
	rate   = 0.5
	shrink = 0.001 // how much a weight that is used is drawn to 0
	smooth = 0.1   // what all types share of every example, since no label is certain
	rows   = 1 << ngram.Bits
)

// point is an example as the model sees it.
type point struct {
	features []uint32
	target   *[heads]float32
	weight   float32
}

// row is what is learnt of one feature.
type row struct {
	w     [heads]float32
	steps float32 // the sum of its squared slopes
}

// model is the weights while they are learnt: a row of heads for each feature.
type model struct {
	rows      []row
	bias      [heads]float32
	biasSteps [heads]float32
}

func newModel() *model {
	m := &model{rows: make([]row, rows)}
	for i := range m.rows {
		m.rows[i].steps = 1e-3
	}
	for i := range m.biasSteps {
		m.biasSteps[i] = 1e-2
	}
	return m
}

// fit goes over the points by AdaGrad, with one step size a row. Of a point's features only half are seen each time: none
// is to be relied on, since other customers use other words; and of the lone ones, which a single source has, a quarter. Every product is rounded before it is added, so that no
// machine fuses the two and the weights are the same on all.
func (m *model) fit(points []point, lone []bool, epochs int) {
	random := rand.New(rand.NewPCG(7, 11))
	order := make([]int, len(points))
	for i := range order {
		order[i] = i
	}
	longest := 0
	for _, p := range points {
		longest = max(longest, len(p.features))
	}
	seen := make([]uint32, longest+1)
	for epoch := range epochs {
		random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		step := float32(rate) * (1 - float32(epoch)/float32(epochs+1))
		for _, i := range order {
			n := 0
			var some, fewer uint64 // a bit a feature: half of them are 1, and a quarter
			for j, f := range points[i].features {
				if j%64 == 0 {
					some = random.Uint64()
					fewer = some & random.Uint64()
				}
				bits := some
				if lone[f] {
					bits = fewer
				}
				seen[n] = f // no branch: the bits can't be foreseen
				n += int(bits >> (j % 64) & 1)
			}
			m.learn(seen[:n], points[i].target, points[i].weight, step)
		}
	}
}

func (m *model) learn(features []uint32, target *[heads]float32, weight, step float32) {
	z := m.bias
	norm := float32(1 / math.Sqrt(float64(max(len(features), 1))))
	var sum [heads]float32
	for _, f := range features {
		for h, v := range &m.rows[f].w {
			sum[h] += v
		}
	}
	for h := range z {
		z[h] += float32(sum[h] * norm)
	}
	slope := softmax(&z)
	var size float32
	for h := range slope {
		want := float32(target[h]*(1-smooth)) + float32(smooth)/heads
		slope[h] = float32(weight * (slope[h] - want))
		m.biasSteps[h] += float32(slope[h] * slope[h])
		m.bias[h] -= float32(float32(step*0.1*slope[h]) / float32(math.Sqrt(float64(m.biasSteps[h]))))
		slope[h] = float32(slope[h] * norm)
		size += float32(slope[h] * slope[h])
	}
	size /= 3
	for _, f := range features {
		row := &m.rows[f]
		row.steps += size
		pace := step / float32(math.Sqrt(float64(row.steps)))
		for h, v := range &row.w {
			row.w[h] -= float32(pace * (slope[h] + float32(shrink*v)))
		}
	}
}

func softmax(z *[heads]float32) (p [heads]float32) {
	top, total := z[0], float32(0)
	for _, v := range z {
		top = max(top, v)
	}
	for i, v := range z {
		p[i] = exp(v - top)
		total += p[i]
	}
	for i := range p {
		p[i] /= total
	}
	return p
}

// exp is e to the x by plain multiplications, the same on every machine.
func exp(x float32) float32 {
	v := float64(min(max(x, -60), 60)) / 1024
	y := 1 + float64(v*(1+float64(v/2*(1+float64(v/3)))))
	for range 10 {
		y = float64(y * y)
	}
	return float32(y)
}
