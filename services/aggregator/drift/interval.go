package drift

// Interval gives the means of harm that counts of outcomes of harm y leave possible: those against which a bet on both
// sides, on all effects, has not won 1/alpha. It covers the mean with probability 1 - alpha at all times together, so it
// may be looked at after every pane. Variance and phi are those of the reference. There must be an outcome.
func Interval(y []float64, counts []int64, effects *Grid, variance, phi, alpha float64) (low, high float64) {
	_, mean, _ := Moments(y, counts)
	limit := -log(alpha)
	refuted := func(mean float64) bool {
		return won(y, counts, effects, variance, phi, mean) >= limit
	}
	return bisect(refuted, mean, 0), bisect(refuted, mean, 1)
}

// won is the logarithm of the mean, over both sides and all effects, of what bets against a mean have won.
func won(y []float64, counts []int64, effects *Grid, variance, phi, mean float64) float64 {
	var up, down Grid
	above := Stakes(*effects, variance, max(mean, 1e-9))
	below := Stakes(*effects, variance, max(1-mean, 1e-9))
	for j := range below {
		below[j] = -below[j]
	}
	up.Factor(&above, y, counts, mean)
	down.Factor(&below, y, counts, mean)
	up, down = up.Temper(phi), down.Temper(phi)
	return logAdd(up.mean(), down.mean()) - ln2
}

// bisect finds where, on the way from a mean that is possible to the end of the range, the first refuted one is.
func bisect(refuted func(float64) bool, possible, end float64) float64 {
	if !refuted(end) {
		return end
	}
	for range 40 {
		if mid := (possible + end) / 2; refuted(mid) {
			end = mid
		} else {
			possible = mid
		}
	}
	return end
}
