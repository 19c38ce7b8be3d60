// Package assess measures a classifier on labelled rows: how much of the traffic an AI would get and which of a human's
// cases would be among it, under an assumed mix of case types. It leaves out where rows come from.
package assess

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/casetrail/casetrail/services/intake/classify"
)

// Row is one labelled message and what the classifier found. Types are in the order of Types.
type Row struct {
	Truth       int
	Also        Set // other defensible types
	Said        int
	Probability float64 // of Said
	AI          float64 // classify.Finding.AIProbability
}

// Set is a set of types.
type Set uint16

// Add puts a type into the set.
func (s *Set) Add(kind int) { *s |= 1 << kind }

// Has tells whether a type is in the set.
func (s Set) Has(kind int) bool { return s>>kind&1 == 1 }

// Right tells whether a type is the row's or another defensible one.
func (r Row) Right(kind int) bool { return kind == r.Truth || r.Also.Has(kind) }

// Types are the case types and unknown, in the order of the classifier's heads.
var Types = append(slices.Clone(classify.CaseTypes), classify.Unknown)

// Unknown is the place of classify.Unknown in Types.
const Unknown = 8

// Mix is the share of each type in the traffic, in the order of Types; rows are weighted to it.
type Mix [Unknown + 1]float64

// AssumedMix is used where nobody knows better.
var AssumedMix = Mix{15, 15, 20, 20, 8, 5, 4, 3, 10}

// TypeOf gives a type's place in Types.
func TypeOf(name string) (int, error) {
	if i := slices.Index(Types, name); i >= 0 {
		return i, nil
	}
	return 0, fmt.Errorf("no case type %q; there are %s", name, strings.Join(Types, ", "))
}

// IsAI tells the types that an AI may be given; the others, unknown aside, are a human's alone.
func IsAI(kind int) bool { return kind < classify.AITypes }

// HumanOnly tells the types that are a human's alone.
func HumanOnly(kind int) bool { return !IsAI(kind) && kind != Unknown }

// Weights gives each row its share of the traffic; they add up to 1. A type without rows is left out of the mix.
func Weights(rows []Row, mix Mix) []float64 {
	var count [Unknown + 1]float64
	for _, r := range rows {
		count[r.Truth]++
	}
	var total float64
	for k, n := range count {
		if n > 0 {
			total += mix[k]
		}
	}
	weights := make([]float64, len(rows))
	for i, r := range rows {
		weights[i] = mix[r.Truth] / count[r.Truth] / max(total, math.SmallestNonzeroFloat64)
	}
	return weights
}

// Leak is what goes to an AI by mistake, as shares of 1: of the human-only types together, of each type, and of unknown.
type Leak struct {
	Share     float64              `json:"share"` // of all traffic that the AI gets
	HumanOnly float64              `json:"human_only"`
	Unknown   float64              `json:"unknown"`
	ByType    [Unknown + 1]float64 `json:"-"` // of an AI's own types, what it gets
}

// At ranks the rows by AIProbability and gives the AI the top share of the weight. Rows of one probability are taken
// in part, all alike.
func At(rows []Row, weights []float64, share float64) Leak {
	order := ranked(rows)
	var given [Unknown + 1]float64
	var taken float64
	for i := 0; i < len(order) && taken < share; {
		j, group := i, 0.0
		for ; j < len(order) && rows[order[j]].AI == rows[order[i]].AI; j++ {
			group += weights[order[j]]
		}
		part := min(1, (share-taken)/max(group, math.SmallestNonzeroFloat64))
		for ; i < j; i++ {
			given[rows[order[i]].Truth] += part * weights[order[i]]
		}
		taken += part * group
	}
	return leak(rows, weights, given)
}

// By gives the AI the rows of one of its types with AIProbability at or above threshold, as the router does.
func By(rows []Row, weights []float64, threshold float64) Leak {
	var given [Unknown + 1]float64
	for i, r := range rows {
		if IsAI(r.Said) && r.AI >= threshold {
			given[r.Truth] += weights[i]
		}
	}
	return leak(rows, weights, given)
}

func ranked(rows []Row) []int {
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rows[b].AI, rows[a].AI) })
	return order
}

func leak(rows []Row, weights []float64, given [Unknown + 1]float64) Leak {
	var all [Unknown + 1]float64
	for i, r := range rows {
		all[r.Truth] += weights[i]
	}
	var l Leak
	var got, human float64
	for k, g := range given {
		l.Share += g
		l.ByType[k] = g / max(all[k], math.SmallestNonzeroFloat64)
		if HumanOnly(k) {
			got += g
			human += all[k]
		}
	}
	l.HumanOnly = got / max(human, math.SmallestNonzeroFloat64)
	l.Unknown = l.ByType[Unknown]
	return l
}
