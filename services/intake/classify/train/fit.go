package main

import (
	"math"
	"math/rand/v2"

	"github.com/casetrail/casetrail/services/intake/classify/internal/ngram"
)

const (
	epochs = 6
	rate   = 0.5
	keep   = 0.5    // how likely a feature is seen; none is to be relied on, since other customers use other words
	shrink = 0.0003 // how much a weight that is used is drawn to 0
	rows   = 1 << ngram.Bits
)

// point is an example as the model sees it.
type point struct {
	features []uint32
	target   *[heads]float32
	weight   [heads]float32
}

// model is the weights while they are learnt: a row of heads for each feature, and the intercepts in a last row.
type model struct {
	w, g []float32 // the weights, and the sums of their squared gradients
}

// fit learns from points by AdaGrad: softmax over the case types, a logistic head each for the signals. Every product
// is rounded before it is added, so that no machine fuses the two and the weights are the same on all.
func fit(points []point) *model {
	m := &model{make([]float32, (rows+1)*heads), make([]float32, (rows+1)*heads)}
	for i := range m.g {
		m.g[i] = 1e-3
	}
	random := rand.New(rand.NewPCG(7, 11))
	order := make([]int, len(points))
	for i := range order {
		order[i] = i
	}
	for epoch := range epochs {
		random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		step := float32(rate) * (1 - float32(epoch)/float32(epochs+1))
		var seen []uint32
		for _, i := range order {
			seen = seen[:0]
			for _, f := range points[i].features {
				if random.Float64() < keep {
					seen = append(seen, f)
				}
			}
			if len(seen) > 0 {
				m.learn(&point{seen, points[i].target, points[i].weight}, step)
			}
		}
	}
	return m
}

func (m *model) learn(p *point, step float32) {
	norm := float32(1 / math.Sqrt(float64(len(p.features))))
	var z [heads]float32
	for _, f := range p.features {
		row := m.w[int(f)*heads:][:heads]
		for h := range z {
			z[h] += row[h]
		}
	}
	bias := m.w[rows*heads:][:heads]
	for h := range z {
		z[h] = bias[h] + float32(z[h]*norm)
	}
	var slope [heads]float32
	if p.weight[0] > 0 {
		soft := softmax(z[:unknown+1])
		for h := range soft {
			slope[h] = float32(p.weight[0] * (soft[h] - p.target[h]))
		}
	}
	for h := asksHuman; h < heads; h++ {
		if p.weight[h] > 0 {
			slope[h] = float32(p.weight[h] * (sigmoid(z[h]) - p.target[h]))
		}
	}
	for h, s := range slope {
		if s != 0 {
			m.move(rows, h, s, step*0.1)
		}
	}
	for h := range slope {
		slope[h] = float32(slope[h] * norm)
	}
	signals := slope[asksHuman] != 0 || slope[negative] != 0 || slope[positive] != 0
	from, to := 0, heads
	if p.weight[0] == 0 {
		from = asksHuman
	}
	if !signals {
		to = asksHuman
	}
	for _, f := range p.features {
		for h := from; h < to; h++ {
			if slope[h] != 0 {
				m.move(int(f), h, slope[h], step)
			}
		}
	}
}

func (m *model) move(row, head int, slope, step float32) {
	at := row*heads + head
	slope += float32(shrink * m.w[at])
	m.g[at] += float32(slope * slope)
	m.w[at] -= float32(float32(step*slope) / float32(math.Sqrt(float64(m.g[at]))))
}

func softmax(z []float32) (p [unknown + 1]float32) {
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

func sigmoid(z float32) float32 { return 1 / (1 + exp(-z)) }

// exp is e to the x by plain multiplications, the same on every machine.
func exp(x float32) float32 {
	v := float64(min(max(x, -60), 60)) / 1024
	y := 1 + float64(v*(1+float64(v/2*(1+float64(v/3)))))
	for range 10 {
		y = float64(y * y)
	}
	return float32(y)
}
