package training

import (
	"fmt"
	"slices"

	"github.com/casetrail/casetrail/services/intake/classify"
	"github.com/casetrail/casetrail/services/intake/classify/internal/ngram"
	"github.com/casetrail/casetrail/services/intake/classify/internal/weights"
)

// settled is what a row's steps start from when the embedded model learns on: it has found its place, roughly.
const settled = 0.02

// addEpochs is how often the embedded model goes over what is added.
const addEpochs = 3

// Add gives the weights file of the embedded model that has learnt the examples too. The phrases are gone over with them, so
// that what it knew is not forgotten.
func Add(examples []*Example) ([]byte, error) {
	file, err := weights.Decode(classify.Embedded())
	if err != nil {
		return nil, err
	}
	if file.Bits != ngram.Bits {
		return nil, fmt.Errorf("the embedded weights have 2^%d features, not 2^%d", file.Bits, ngram.Bits)
	}
	phrases, err := Phrases()
	if err != nil {
		return nil, err
	}
	points, _ := prepare(append(phrases, examples...))
	m := restore(file)
	m.fit(points, make([]bool, rows), addEpochs) // whose words these are is where they will be heard
	added := quantise(m)
	added.Learnt = append(hashes(examples), file.Learnt...)
	slices.Sort(added.Learnt)
	added.Learnt = slices.Compact(added.Learnt)
	return weights.Encode(added)
}

// restore undoes quantise.
func restore(f *weights.File) *model {
	m := newModel()
	for h := range heads {
		for r := range rows {
			m.rows[r].w[h] = float32(float64(int(f.Rows[r*weights.Stride+h])-weights.Bias) * f.Scale[h] / sharpness)
		}
		m.bias[h] = float32((f.Intercept[h] - prior*shift(h)) / sharpness)
	}
	for r := range m.rows {
		m.rows[r].steps = settled
	}
	return m
}
