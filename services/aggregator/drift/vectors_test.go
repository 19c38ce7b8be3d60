package drift

import (
	"math"
	"testing"
)

var (
	csat    = []float64{1, .75, .5, .25, 0}
	event   = []float64{0, 1}
	effects = Grid{.0125, .025, .05, .1, .2}
)

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > 1e-6*max(1, math.Abs(want)) {
		t.Errorf("%s is %.10g, want %.10g", what, got, want)
	}
}

func nearAll(t *testing.T, what string, got []float64, want ...float64) {
	t.Helper()
	for i := range want {
		near(t, what, got[i], want[i])
	}
}

// step is a pane, and what the evidence is after it.
type step struct {
	counts        []int64
	hours, m, log float64
	factor, sums  Grid
}

// The values below are the published test vectors of the design: see docs/adr/0011.
func TestCSATVector(t *testing.T) {
	n, mean, variance := Moments(csat, []int64{312, 118, 263, 842, 2465})
	near(t, "n", float64(n), 4000)
	near(t, "mean", mean, 0.185625)
	near(t, "variance", variance, 0.089730859375)
	const phi, margin = 1.25, 0.01
	stakes := Stakes(effects, variance, .2006250)
	nearAll(t, "stakes", stakes[:], 0.13906332161435134, 0.27668377206445005, 0.5421179021731305, 1.002698669465867, 1.5416532424400275)
	panes := run(t, mean+margin, phi, &stakes, csat, []step{
		{[]int64{2, 1, 2, 5, 15}, 1, 0.195625, -9.438743984585567,
			Grid{-0.005445271799359963, -0.042978930734364075, -0.19544627776066809, -0.681744828115254, -1.5851614604907565},
			Grid{-9.083396455729797, -9.120930114664802, -9.273397461691106, -9.759696012045692, -10.663112644421194}},
		{[]int64{4, 1, 2, 5, 13}, 1, 0.193125, -8.100794155731888,
			Grid{0.2152263074936936, 0.3812045874918241, 0.5897075020241299, 0.664549355806324, 0.36234297230351087},
			Grid{-8.172296625407936, -8.02485800045416, -7.8880523149011665, -8.004121471657955, -8.529199431574007}},
		{[]int64{32, 9, 13, 26, 60}, 1, 0.200625, 3.289275196919138,
			Grid{2.4368246753969136, 4.502613838104777, 7.680086711547679, 11.182755872212647, 12.686327984207153},
			Grid{-5.395949245510181, -3.222986595347874, 0.05766411740673405, 3.4725699335625855, 4.613077904251165}},
	})
	nearAll(t, "posterior", Posterior(panes), 0.1440036769736207, 0.51770732375201, 0.3382889992743692)
	if likely, low, high := ChangePoint(panes); likely != 1 || low != 0 || high != 2 {
		t.Errorf("the change began with pane %d (%d to %d), want 1 (0 to 2)", likely, low, high)
	}
	low, high := Interval(csat, []int64{36, 10, 15, 31, 73}, &effects, variance, phi, .05/365)
	near(t, "low", low, 0.21122132168042007)
	near(t, "high", high, 0.5303171647381073)
}

func TestComplaintVector(t *testing.T) {
	_, p0, variance := Moments(event, []int64{18000 - 432, 432})
	near(t, "variance", variance, 0.023424)
	var relative Grid
	for j, d := range []float64{.1, .2, .4, .8, 1.6} {
		relative[j] = p0 * d
	}
	stakes := Stakes(relative, variance, .03)
	nearAll(t, "stakes", stakes[:], 0.10243382774727526, 0.20471667212577796, 0.4082299150881777, 0.8069722401549387, 1.5422578655151142)
	run(t, p0*1.15, 1.1, &stakes, event, []step{
		{[]int64{1800 - 48, 48}, 24, 0.0276, -7.453937507891241,
			Grid{-0.36591078717932535, -1.1028249396728154, -3.4596981512820753, -10.598550013022324, -29.303547167729086},
			Grid{-6.265808140761817, -7.002722293255307, -9.359595504864567, -16.498447366604815, -35.203444521311575}},
		{[]int64{1750 - 66, 66}, 24, 0.028704, -4.419906063658858,
			Grid{1.1830786924518495, 1.8588461514330374, 1.9937997643756393, -1.1530506503087745, -14.388499133343243},
			Grid{-4.189983079442924, -3.7544206298896023, -3.8751424317564664, -7.052923052038739, -20.28839648692555}},
		{[]int64{1790 - 84, 84}, 24, 0.026772, 3.867534112451809,
			Grid{2.9978191059866828, 5.350696540171775, 8.503477039790047, 10.388755751810294, 4.605320770497601},
			Grid{-1.0259029508966608, 1.706933389340373, 4.75234372885619, 4.7632121696146195, -1.2945760192472031}},
	})
}

// run steps through panes whose tolerated mean is that of base and a season.
func run(t *testing.T, base, phi float64, stakes *Grid, y []float64, steps []step) (tail []Tail) {
	t.Helper()
	var d Detector
	for _, s := range steps {
		near(t, "tolerated", Tolerated(base, 0, s.m-base), s.m)
		var f Grid
		f.Factor(stakes, y, s.counts, s.m)
		f = f.Temper(phi)
		d.Step(&f, s.hours)
		nearAll(t, "factor", f[:], s.factor[:]...)
		nearAll(t, "sums", d.sums[:], s.sums[:]...)
		near(t, "log evidence", d.Log(), s.log)
		tail = append(tail, Tail{s.hours, f})
	}
	return tail
}

func TestGroupVector(t *testing.T) {
	var group Grid
	for i, m := range []struct {
		baseline, counts []int64
		se               float64
		want             Grid
	}{
		{[]int64{312, 118, 263, 842, 2465}, []int64{32, 9, 13, 26, 60}, .0042,
			Grid{3.141385269394541, 5.815177001171774, 9.96037855058104, 14.64574359042563, 16.925546316725914}},
		{[]int64{90, 30, 70, 230, 580}, []int64{14, 4, 6, 12, 20}, .007,
			Grid{1.2974989975568656, 2.425967620933605, 4.236294330015653, 6.456076017837754, 7.840936951150979}},
	} {
		_, mean, variance := Moments(csat, m.baseline)
		tolerated := Tolerated(mean, max(.01, 2*m.se), 0)
		stakes := Stakes(effects, variance, tolerated)
		var f Grid
		f.Factor(&stakes, csat, m.counts, tolerated)
		nearAll(t, "member's factor", f[:], m.want[:]...)
		if group.Add(&f); i == 1 {
			group = group.Temper(1.4)
		}
	}
	nearAll(t, "group's factor", group[:], 3.170631619251005, 5.886531872932414, 10.14048062899764, 15.072728291616704, 17.69034519134064)
	var d Detector
	d.Step(&group, 1)
	near(t, "log evidence", d.Log(), 7.073890417546884)
}

func TestDesignEffectVector(t *testing.T) {
	se, phi := Cluster([]float64{400, 420, 390, 410, 380, 300, 310}, []float64{6.1, -9.4, 3.2, 12.5, -7.7, -4.9, 0.2}, 0.0801)
	near(t, "phi", phi, 2.513907424148933)
	near(t, "se", se, 0.008018257914623232)
}
