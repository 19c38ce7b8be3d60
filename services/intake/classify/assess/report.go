package assess

import (
	"fmt"
	"io"
	"math"
)

// Report is what `casetrail eval` says of one file. Leaks and shares are parts of 1, rows weighted to the mix.
type Report struct {
	Version      string  `json:"classifier"`
	Rows         int     `json:"rows"`
	Mix          string  `json:"mix"`
	Accuracy     float64 `json:"accuracy"`
	MacroF1      float64 `json:"macro_f1"`
	LeakAt50     float64 `json:"leak_at_50"`
	LeakAt60     float64 `json:"leak_at_60"`
	LeakAt65     float64 `json:"leak_at_65"`
	LeakAt70     float64 `json:"leak_at_70"`
	UnknownAt    float64 `json:"unknown_leak_at_60"`
	Threshold    float64 `json:"threshold_shipped"`
	LeakShip     float64 `json:"leak_shipped"`
	ShareShip    float64 `json:"share_shipped"`
	UnknownS     float64 `json:"unknown_leak_shipped"`
	ECE          float64 `json:"ece"`      // of AIProbability
	ECEType      float64 `json:"ece_type"` // of the type's probability
	Micros       float64 `json:"us_per_message"`
	Types        []Type  `json:"types"`
	Confusion    [][]int `json:"confusion"` // rows: truth; columns: what was said; in the order of types
	atShares     []Leak
	shipped      Leak
	hasHumanOnly bool
}

// Type is a Report's line for one case type.
type Type struct {
	Name      string  `json:"case_type"`
	Rows      int     `json:"rows"`
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
	AIAt60    float64 `json:"to_ai_at_60"` // the share of the type that the AI gets at a share of 60 %; for a human-only type its leak
	AIShip    float64 `json:"to_ai_shipped"`
}

var shares = []float64{.50, .60, .65, .70}

// Measure makes the report of rows under a mix, with the shipped threshold and the time a message took.
func Measure(rows []Row, mix Mix, version string, threshold, micros float64) *Report {
	weights := Weights(rows, mix)
	q := Judge(rows, weights)
	r := &Report{Version: version, Rows: len(rows), Mix: mix.String(), Accuracy: short(q.Accuracy), MacroF1: short(q.MacroF1),
		Threshold: threshold, ECE: short(CalibrationOfAI(rows, weights)), ECEType: short(CalibrationOfType(rows, weights)),
		Micros: math.Round(micros*100) / 100}
	for _, share := range shares {
		r.atShares = append(r.atShares, At(rows, weights, share))
	}
	r.LeakAt50, r.LeakAt60 = short(r.atShares[0].HumanOnly), short(r.atShares[1].HumanOnly)
	r.LeakAt65, r.LeakAt70 = short(r.atShares[2].HumanOnly), short(r.atShares[3].HumanOnly)
	r.UnknownAt = short(r.atShares[1].Unknown)
	r.shipped = By(rows, weights, threshold)
	r.LeakShip, r.ShareShip, r.UnknownS = short(r.shipped.HumanOnly), short(r.shipped.Share), short(r.shipped.Unknown)
	for k, name := range Types {
		r.Types = append(r.Types, Type{name, q.Rows[k], short(q.Precision[k]), short(q.Recall[k]), short(q.F1[k]),
			short(r.atShares[1].ByType[k]), short(r.shipped.ByType[k])})
		r.Confusion = append(r.Confusion, q.Confusion[k][:])
		r.hasHumanOnly = r.hasHumanOnly || HumanOnly(k) && q.Rows[k] > 0
	}
	return r
}

func short(x float64) float64 { return math.Round(x*1e5) / 1e5 }

// Print writes the report as tables.
func (r *Report) Print(out io.Writer) {
	p := func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }
	p("%d rows, classifier %s", r.Rows, r.Version)
	p("weighted to the mix %s", r.Mix)
	p("accuracy %.3f  macro-F1 %.3f  calibration error %.3f of the AI probability, %.3f of the type's  %.1f us a message",
		r.Accuracy, r.MacroF1, r.ECE, r.ECEType, r.Micros)
	p("")
	p("                         AI gets   leak of human-only   leak of unknown   dispute  fraud  hardship  complex")
	line := func(name string, l Leak) {
		p("%-24s %6.1f %%  %10.2f %%  %16.2f %%   %9.2f %6.2f %9.2f %8.2f", name, 100*l.Share, 100*l.HumanOnly, 100*l.Unknown,
			100*l.ByType[4], 100*l.ByType[5], 100*l.ByType[6], 100*l.ByType[7])
	}
	for i, share := range shares {
		line(fmt.Sprintf("the likeliest %.0f %%", 100*share), r.atShares[i])
	}
	line(fmt.Sprintf("threshold %.4f (shipped)", r.Threshold), r.shipped)
	if !r.hasHumanOnly {
		p("no row is of a human-only type: this file says nothing about the leak")
	}
	p("")
	p("%-24s %6s %10s %7s %6s   %s", "case type", "rows", "precision", "recall", "F1", "to the AI at 60 % / shipped")
	for _, t := range r.Types {
		if t.Rows == 0 {
			p("%-24s %6d", t.Name, 0)
			continue
		}
		p("%-24s %6d %10.3f %7.3f %6.3f   %6.2f %% / %.2f %%", t.Name, t.Rows, t.Precision, t.Recall, t.F1, 100*t.AIAt60, 100*t.AIShip)
	}
	p("")
	p("rows by their type (down) and by what was said (across); a second defensible type counts as right")
	head := fmt.Sprintf("%-24s", "")
	for _, name := range Types {
		head += fmt.Sprintf(" %7.7s", name)
	}
	p("%s", head)
	for k, row := range r.Confusion {
		text := fmt.Sprintf("%-24s", Types[k])
		for _, n := range row {
			text += fmt.Sprintf(" %7d", n)
		}
		p("%s", text)
	}
}
