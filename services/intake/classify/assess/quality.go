package assess

// Quality is how often the type is right. A second defensible type counts as right.
type Quality struct {
	Accuracy  float64
	MacroF1   float64 // the mean over the types that have rows
	Precision [Unknown + 1]float64
	Recall    [Unknown + 1]float64
	F1        [Unknown + 1]float64
	Rows      [Unknown + 1]int
	Confusion [Unknown + 1][Unknown + 1]int // rows, by truth and by what was said
}

// Judge compares what was said with the truth, rows weighted.
func Judge(rows []Row, weights []float64) Quality {
	var q Quality
	var hit, said, truth [Unknown + 1]float64
	for i, r := range rows {
		k := r.Said
		if r.Right(k) {
			k = r.Truth
		}
		q.Rows[r.Truth]++
		q.Confusion[r.Truth][k]++
		truth[r.Truth] += weights[i]
		said[k] += weights[i]
		if k == r.Truth {
			hit[k] += weights[i]
			q.Accuracy += weights[i]
		}
	}
	present := 0.0
	for k := range Types {
		q.Precision[k] = ratio(hit[k], said[k])
		q.Recall[k] = ratio(hit[k], truth[k])
		q.F1[k] = ratio(2*hit[k], said[k]+truth[k])
		if q.Rows[k] > 0 {
			q.MacroF1 += q.F1[k]
			present++
		}
	}
	q.MacroF1 = ratio(q.MacroF1, present)
	return q
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// bins is how finely calibration is looked at.
const bins = 15

// CalibrationOfAI is the expected calibration error of AIProbability: how far it is from the share of rows that are an
// AI's type, on average over 15 bins of equal width. Where the defensible types of a row differ in that, each counts alike.
func CalibrationOfAI(rows []Row, weights []float64) float64 {
	return calibration(rows, weights, func(r Row) (float64, float64) {
		return r.AI, truthAI(r)
	})
}

// truthAI is the share of a row's defensible types that are an AI's.
func truthAI(r Row) float64 {
	var ai, all float64
	for k := range Types {
		if r.Right(k) {
			all++
			if IsAI(k) {
				ai++
			}
		}
	}
	return ratio(ai, all)
}

// CalibrationOfType is the same for Probability and whether the type is right.
func CalibrationOfType(rows []Row, weights []float64) float64 {
	return calibration(rows, weights, func(r Row) (float64, float64) {
		if r.Right(r.Said) {
			return r.Probability, 1
		}
		return r.Probability, 0
	})
}

func calibration(rows []Row, weights []float64, look func(Row) (claim, fact float64)) float64 {
	var off [bins]float64
	for i, r := range rows {
		claim, fact := look(r)
		off[min(int(claim*bins), bins-1)] += weights[i] * (claim - fact)
	}
	var sum float64
	for _, v := range off {
		sum += max(v, -v)
	}
	return sum
}
