package main

import (
	"math"
	"math/rand/v2"

	"github.com/casetrail/casetrail/services/intake/classify/internal/ngram"
	"github.com/casetrail/casetrail/services/intake/classify/internal/weights"
)

// mass is how much each case type counts in training, whatever its number of rows.
var mass = [unknown + 1]float64{1, 1, 1, 1, 1, 1, 1, 0.9, 1.5}

// temperature makes the case types' probabilities honest on sources that the model has not seen.
const temperature = 1.0

// thresholds are the classifier's, in its order; chosen by -holdout.
var thresholds = [8]uint16{7500, 3500, 4500, 7500, 5000, 7500}

// train gives the weights file.
func train(examples []*example) ([]byte, error) {
	return weights.Encode(quantise(fit(points(examples))))
}

// points extracts the features of every example and of a noisy copy, and balances types and sources: a type has its
// mass however many rows it has, and within it a source counts by the root of its rows.
func points(examples []*example) []point {
	type cell struct {
		kind   int
		source string
	}
	count := map[cell]float64{}
	for _, e := range examples {
		if e.kind >= 0 {
			count[cell{e.kind, e.source}]++
		}
	}
	share := [unknown + 1]float64{}
	var typed float64
	for _, e := range examples { // in the rows' order: sums of floats depend on it
		if e.kind >= 0 {
			share[e.kind] += 1 / math.Sqrt(count[cell{e.kind, e.source}])
			typed++
		}
	}
	var total float64
	for _, v := range mass {
		total += v
	}
	var message ngram.Message
	random := rand.New(rand.NewPCG(3, 5))
	all := make([]point, 0, 2*len(examples))
	for _, e := range examples {
		weight := e.weight
		switch {
		case e.kind >= 0:
			own := 1 / math.Sqrt(count[cell{e.kind, e.source}]) / share[e.kind]
			weight[0] = float32(min(float64(typed*mass[e.kind]/total)*own, 4))
		case weight[0] > 0:
			weight[0] = 0.3
		}
		for i := range 2 {
			text := e.text
			if i == 1 {
				text = noisy(text, random)
			}
			message.Extract(text)
			if len(message.Features) > 0 {
				all = append(all, point{append([]uint32(nil), message.Features...), &e.target, weight})
			}
		}
	}
	return all
}

// quantise gives each head the scale that fits its largest weight into a byte.
func quantise(m *model) *weights.File {
	f := &weights.File{Bits: ngram.Bits, Thresholds: thresholds, Rows: make([]byte, rows*weights.Stride)}
	for i := range f.Rows {
		f.Rows[i] = weights.Bias
	}
	for h := range heads {
		var top float64
		for r := range rows {
			top = max(top, math.Abs(float64(m.w[r*heads+h])))
		}
		scale := max(top, 1e-9) / 127
		for r := range rows {
			f.Rows[r*weights.Stride+h] = byte(weights.Bias + int(math.Round(float64(m.w[r*heads+h])/scale)))
		}
		f.Scale[h], f.Intercept[h] = scale, float64(m.w[rows*heads+h])
		if h <= unknown {
			f.Scale[h] /= temperature
			f.Intercept[h] /= temperature
		}
	}
	return f
}
