package drift

// Tail is a pane as the change point needs it: its length in hours and its tempered factor.
type Tail struct {
	Hours  float64
	Factor Grid
}

// ChangePoint tells with which of the panes (oldest first, at least one) the change began, if there was one: the most
// probable, and the first and last of the central 90 %. A change is as likely, before the panes are seen, to begin in any
// hour, and with any of the effects that are bet on.
func ChangePoint(panes []Tail) (likely, low, high int) {
	posterior := Posterior(panes)
	sum := 0.0
	low, high = -1, len(panes)-1
	for i, p := range posterior {
		if p > posterior[likely] {
			likely = i
		}
		sum += p
		if low < 0 && sum >= 0.05 {
			low = i
		}
		if sum >= 0.95 {
			high = i
			break
		}
	}
	return likely, min(max(low, 0), likely), max(high, likely)
}

// Posterior gives for each pane the probability that the change began with it.
func Posterior(panes []Tail) []float64 {
	out := make([]float64, len(panes))
	var tail Grid
	top := 0.0
	for i := len(panes) - 1; i >= 0; i-- {
		tail.Add(&panes[i].Factor)
		out[i] = log(panes[i].Hours) + tail.mean()
		if i == len(panes)-1 || out[i] > top {
			top = out[i]
		}
	}
	sum := 0.0
	for i, l := range out {
		out[i] = exp(l - top)
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}
