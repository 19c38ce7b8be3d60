package training

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/casetrail/casetrail/services/intake/classify/assess"
	"github.com/casetrail/casetrail/services/intake/classify/internal/ngram"
	"github.com/casetrail/casetrail/services/intake/classify/internal/weights"
)

// mass is how much each case type counts in training, whatever its number of rows.
var mass = [heads]float64{1, 1, 1, 1, 1.2, 1.2, 1, 1.2, 3}

// What was found on held-out sources (make eval) to make the probabilities honest there.
const (
	prior     = 1.0 // how far the types' shares go from mass to the assumed mix
	sharpness = 1.3
	threshold = 0.9
)

// Train gives the weights file that the examples and their variations teach.
func Train(examples []*Example) ([]byte, error) {
	points, lone := prepare(examples)
	m := newModel()
	m.fit(points, lone, epochs)
	file := quantise(m)
	file.Learnt = hashes(examples)
	return weights.Encode(file)
}

// hashes tell the examples' texts from others, by which the model knows them again.
func hashes(examples []*Example) []uint32 {
	var message ngram.Message
	all := make([]uint32, 0, len(examples))
	for _, e := range examples {
		message.Extract(e.Text)
		all = append(all, message.Hash())
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// prepare adds composed messages and a noisy copy of every example, extracts the features, and balances types and sources:
// a type has its mass however many rows it has, and within it a source counts by the root of its rows. It tells too which
// features a single source has.
func prepare(examples []*Example) (points []point, lone []bool) {
	random := rand.New(rand.NewPCG(3, 5))
	all := append(append([]*Example(nil), examples...), compose(examples, random)...)
	type cell struct {
		kind   int
		source string
	}
	count := map[cell]float64{}
	for _, e := range all {
		count[cell{e.Type, e.Source}]++
	}
	var share [heads]float64
	var typed, total float64
	for _, e := range all { // in the rows' order: sums of floats depend on it
		if e.Type != Several {
			share[e.Type] += 1 / math.Sqrt(count[cell{e.Type, e.Source}])
			typed++
		}
	}
	for _, v := range mass {
		total += v
	}
	var message ngram.Message
	points = make([]point, 0, 2*len(all))
	seen := sources{of: make([]int32, rows), number: map[string]int32{}}
	for _, e := range all {
		weight := 0.3
		if e.Type != Several {
			part := 1 / math.Sqrt(count[cell{e.Type, e.Source}]) / share[e.Type]
			weight = min(2*typed*mass[e.Type]/total*part, 4)
		}
		for i := range 2 {
			text := e.Text
			if i == 1 {
				text = noisy(text, random)
			}
			message.Extract(text)
			seen.add(e.Source, message.Features)
			if len(message.Features) > 0 {
				points = append(points, point{append([]uint32(nil), message.Features...), &e.target, float32(weight)})
			}
		}
	}
	return points, seen.lone()
}

// quantise gives each head the scale that fits its largest weight into a byte.
func quantise(m *model) *weights.File {
	f := &weights.File{Bits: ngram.Bits, Threshold: threshold, Rows: make([]byte, rows*weights.Stride)}
	for i := range f.Rows {
		f.Rows[i] = weights.Bias
	}
	for h := range heads {
		var top float64
		for r := range rows {
			top = max(top, math.Abs(float64(m.rows[r].w[h])))
		}
		scale := max(top, 1e-9) / 127
		for r := range rows {
			f.Rows[r*weights.Stride+h] = byte(weights.Bias + int(math.Round(float64(m.rows[r].w[h])/scale)))
		}
		f.Scale[h] = scale * sharpness
		f.Intercept[h] = float64(float64(m.bias[h])*sharpness) + prior*shift(h)
	}
	return f
}

// shift is how much more common than in training a type is in the assumed mix, as a logarithm.
func shift(h int) float64 {
	var all, mixed float64
	for k := range heads {
		all += mass[k]
		mixed += assess.AssumedMix[k]
	}
	return math.Round(math.Log(assess.AssumedMix[h]/mixed/(mass[h]/all))*1e4) / 1e4
}
