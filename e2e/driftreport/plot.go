package driftreport

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/casetrail/casetrail/cli/world"
)

// Picture draws one run: the CSAT of the last seven days over everything and in the drifting segments, and each method's
// first alert, with its false alarms a year. format is one of vg's, such as svg or png. Lines differ in strokes and are named where they end.
func Picture(s *Scenario, run int, none []*Result, format string) ([]byte, error) {
	result, err := Run(s, run)
	if err != nil {
		return nil, err
	}
	c := s.Config(run)
	all, hard, err := weeks(&c, int(c.Drift.FromDay)+s.Days)
	if err != nil {
		return nil, err
	}
	p := plot.New()
	p.Title.Text = "The aggregate stands still, the segment slides"
	p.X.Label.Text = "days since the drift began"
	p.Y.Label.Text = "CSAT, mean of the last 7 days"
	p.X.Min, p.X.Max = -14, float64(s.Days)+17
	p.Y.Min, p.Y.Max = 3.4, 5
	p.X.Tick.Marker, p.Y.Tick.Marker = ticks(-10, 60, 10, "%.0f"), ticks(3.4, 4.41, .2, "%.1f")
	for _, l := range []struct {
		name   string
		points plotter.XYs
		dashes []vg.Length
		color  color.Color
	}{
		{"everything", all, nil, color.Gray{60}},
		{"hard types x AI", hard, []vg.Length{vg.Points(6), vg.Points(3)}, color.RGBA{178, 34, 34, 255}},
	} {
		line, err := plotter.NewLine(l.points)
		if err != nil {
			return nil, err
		}
		line.Width, line.Dashes, line.Color = vg.Points(2), l.dashes, l.color
		last := l.points[len(l.points)-1]
		p.Add(line)
		if err := label(p, last.X+.7, last.Y, l.name); err != nil {
			return nil, err
		}
	}
	if err := alerts(p, result, none); err != nil {
		return nil, err
	}
	w, err := p.WriterTo(9*vg.Inch, 5*vg.Inch, format)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil {
		return nil, err
	}
	if format == "svg" {
		return described(b.String(), result), nil
	}
	return b.Bytes(), nil
}

func ticks(from, to, step float64, format string) plot.ConstantTicks {
	var out plot.ConstantTicks
	for x := from; x <= to; x += step {
		out = append(out, plot.Tick{Value: x, Label: fmt.Sprintf(format, x)})
	}
	return out
}

// alerts marks the first alert of each method, one below the other in the order of their days, so that no line crosses words.
func alerts(p *plot.Plot, r *Result, none []*Result) error {
	y := p.Y.Max - .04
	for _, m := range found(r) {
		d := r.Findings[m].Delay
		line, err := plotter.NewLine(plotter.XYs{{X: d, Y: p.Y.Min}, {X: d, Y: y}})
		if err != nil {
			return err
		}
		line.Color, line.Dashes = color.Gray{150}, []vg.Length{vg.Points(1), vg.Points(3)}
		if m == Casetrail {
			line.Color, line.Dashes, line.Width = color.Gray{20}, nil, vg.Points(1.5)
		}
		p.Add(line)
		if err := label(p, d+.4, y, fmt.Sprintf("%s: day %.0f; %.0f false alarms a year", m, d, Rate(none, m))); err != nil {
			return err
		}
		y -= .06
	}
	var never []string
	for _, m := range Methods {
		if math.IsNaN(r.Findings[m].Delay) {
			never = append(never, m)
		}
	}
	if len(never) > 0 {
		return label(p, 30, y-.02, "never: "+strings.Join(never, "; "))
	}
	return nil
}

// found are the methods that found the drift of a run, the first first.
func found(r *Result) (out []string) {
	for _, m := range Methods {
		if d := r.Findings[m].Delay; !math.IsNaN(d) {
			at := 0
			for at < len(out) && r.Findings[out[at]].Delay < d {
				at++
			}
			out = append(out[:at], append([]string{m}, out[at:]...)...)
		}
	}
	return out
}

func label(p *plot.Plot, x, y float64, words string) error {
	l, err := plotter.NewLabels(plotter.XYLabels{XYs: plotter.XYs{{X: x, Y: y}}, Labels: []string{words}})
	if err != nil {
		return err
	}
	l.TextStyle[0].XAlign, l.TextStyle[0].YAlign = draw.XLeft, draw.YCenter
	p.Add(l)
	return nil
}

// weeks are the CSAT of the seven days up to each day, over everything and over the segments that drift.
func weeks(c *world.Config, until int) (all, drifting plotter.XYs, err error) {
	w, err := world.NewCounts(*c)
	if err != nil {
		return nil, nil, err
	}
	var by [2][]tally
	for d := range until {
		var day [2]tally
		for range 24 {
			_, rows := w.Next()
			for i := range rows {
				t := ratings(&rows[i])
				day[0].add(t)
				if w.Drifts(i) {
					day[1].add(t)
				}
			}
		}
		out := [2]*plotter.XYs{&all, &drifting}
		for k := range day {
			by[k] = append(by[k], day[k])
			var week tally
			for _, t := range by[k][max(0, d-6):] {
				week.add(t)
			}
			if x := float64(d+1) - c.Drift.FromDay; x >= -14 {
				*out[k] = append(*out[k], plotter.XY{X: x, Y: 1 + 4*week.mean()})
			}
		}
	}
	return all, drifting, nil
}

// described gives an SVG a title and a description, for who can't see it.
func described(svg string, r *Result) []byte {
	var what []string
	for _, m := range found(r) {
		what = append(what, fmt.Sprintf("%s on day %.0f", m, r.Findings[m].Delay))
	}
	at := strings.Index(svg, "<svg")
	at += strings.Index(svg[at:], ">") + 1
	head := strings.TrimSuffix(svg[:at], ">") + ` role="img" aria-labelledby="title desc">`
	return []byte(head + "\n<title id=\"title\">The aggregate stands still, the segment slides</title>\n<desc id=\"desc\">CSAT over 60 days of one simulated run. " +
		"Over everything it stays where it is; for hard case types handled by AI it falls by 0.6. First alerts: " + strings.Join(what, "; ") + ".</desc>" + svg[at:])
}
