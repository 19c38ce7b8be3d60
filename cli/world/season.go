package world

import "math"

// week is how many hours the seasons repeat after.
const week = 7 * 24

// index is an hour of the week; 0 is Thursday midnight, as 1970 began.
func index(hour int64) int { return int(((hour % week) + week) % week) }

// season tables by hour of the week: a factor on volume of mean 1, points on CSAT and logarithms on rates of mean 0.
var volumeSeason, moodSeason, unrestSeason = seasons()

func seasons() (volume, mood, unrest [week]float64) {
	var sums [3]float64
	for i := range week {
		at := float64(i % 24)
		day, weekend := i/24, 0.
		if day == 2 || day == 3 { // Saturday, Sunday
			weekend = 1
		}
		wave := func(peak, cycles float64) float64 { return math.Cos(2 * math.Pi * cycles * (at - peak) / 24) }
		volume[i] = math.Exp(.75*wave(15, 1)+.15*wave(11, 2)) * (1 + (weekendVolume-1)*weekend)
		mood[i] = .05*wave(11, 1) - .03*weekend
		unrest[i] = .12*wave(22, 1) + .05*weekend
		sums[0] += volume[i]
	}
	for i := range week { // levels by the hours that cases come in
		volume[i] *= week / sums[0]
		sums[1] += volume[i] * mood[i] / week
		sums[2] += volume[i] * unrest[i] / week
	}
	for i := range week {
		mood[i] -= sums[1]
		unrest[i] -= sums[2]
	}
	return volume, mood, unrest
}

// Ratings come in a shape that has most of them at 5 and a hump at 1: usual, or leaning to one of the others.
var (
	usual   = [5]float64{.078, .0295, .0658, .2105, .6162}
	unhappy = [5]float64{.45, .20, .15, .12, .08}
	happy   = [5]float64{.004, .006, .02, .08, .89}
)

var usualMean, unhappyMean, happyMean = average(usual), average(unhappy), average(happy)

// Spread gives ratings of a mean: exactly so between the means of unhappy (2.18) and happy (4.85), the nearer of the two beyond.
func Spread(mean float64) (out [5]float64) {
	towards, end := &happy, happyMean
	if mean < usualMean {
		towards, end = &unhappy, unhappyMean
	}
	w := min(max((usualMean-mean)/(usualMean-end), 0), 1)
	for k := range out {
		out[k] = usual[k] + w*(towards[k]-usual[k])
	}
	return out
}

func average(p [5]float64) float64 {
	sum := 0.
	for k, x := range p {
		sum += float64(k+1) * x
	}
	return sum
}
