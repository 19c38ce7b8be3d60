package drift

import "testing"

// BenchmarkPane is what a closed hour of one CSAT test costs, however many cases it had.
func BenchmarkPane(b *testing.B) {
	stakes := Stakes(effects, .09, .2)
	c := []int64{4, 1, 3, 9, 28}
	var d Detector
	for b.Loop() {
		var f Grid
		f.Factor(&stakes, csat, c, .2)
		f = f.Temper(1.2)
		d.Step(&f, 1)
		_ = d.Log()
	}
}
