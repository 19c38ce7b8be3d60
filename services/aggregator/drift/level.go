package drift

import "math"

// Level is what a stream was in a reference period.
type Level struct {
	N        int64   // outcomes
	Mean     float64 // their mean harm, 0 to 1
	Variance float64 // of one outcome
	SE       float64 // standard error of the mean, by days: see Cluster
	Phi      float64 // design effect, 1 or more: see Cluster
}

// Moments gives mean and variance of outcomes of harm y. There must be one.
func Moments(y []float64, counts []int64) (n int64, mean, variance float64) {
	var sum, squares float64
	for i, c := range counts {
		n += c
		sum += float64(float64(c) * y[i])
		squares += float64(float64(c) * float64(y[i]*y[i]))
	}
	mean = sum / float64(n)
	return n, mean, max(0, squares/float64(n)-float64(mean*mean))
}

// Cluster gives the clustered standard error of a mean and the design effect (1 or more) from the days' counts and
// residuals: how far the sum of a day's outcomes was from the one expected. Variance is that of one outcome. With less
// than three days, or no variance, it knows nothing: the standard error is infinite.
func Cluster(counts, residuals []float64, variance float64) (se, phi float64) {
	var n, squares float64
	for i, r := range residuals {
		n += counts[i]
		squares += float64(r * r)
	}
	days := float64(len(residuals))
	if days < 3 || n == 0 || variance <= 0 {
		return math.Inf(1), 1
	}
	se = math.Sqrt(squares) / n * math.Sqrt(days/(days-1))
	return se, max(1, days/(days-2)*(squares/float64(variance*n)))
}

// Tolerated gives the highest mean that is no harm: the level's, a margin and the season's deviation from the mean,
// kept in a range in which bets are possible.
func Tolerated(mean, margin, season float64) float64 {
	return min(max(mean+margin+season, 1e-4), 0.99)
}
