package main

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/casetrail/casetrail/services/intake/classify"
	"github.com/casetrail/casetrail/services/intake/classify/internal/weights"
)

// mix is how real traffic is assumed to be spread over the types.
var mix = [unknown + 1]float64{15, 15, 20, 20, 8, 5, 4, 3, 10}

// levels are the thresholds for an AI's type that are tried, in units of 1e-4.
var levels = []uint16{3000, 4000, 5000, 5500, 6000, 6500, 7000, 7500, 8000, 8500, 9000, 9300, 9500, 9700, 9800, 9900}

type cell struct {
	source string
	kind   int
}

// outcome counts what became of the rows of one type and source.
type outcome struct{ rows, right, unknown, leaked float64 }

type signal struct{ hit, miss, alarm, quiet float64 }

func (s *signal) add(said, truth bool) {
	switch {
	case said && truth:
		s.hit++
	case truth:
		s.miss++
	case said:
		s.alarm++
	default:
		s.quiet++
	}
}

func (s *signal) String() string {
	return fmt.Sprintf("precision %s recall %s (of %.0f yes, %.0f no)",
		percent(s.hit, s.hit+s.alarm), percent(s.hit, s.hit+s.miss), s.hit+s.miss, s.alarm+s.quiet)
}

type tally struct {
	cells      map[cell]*outcome
	confusion  [unknown + 1][unknown + 1]float64
	ai         [16][unknown + 1]float64 // by level and true type: rows given to an AI
	total      [unknown + 1]float64
	human, bad map[string]*signal
}

func (t *tally) judge(fold string, f *weights.File, held []*example, verbose bool, out io.Writer) error {
	if t.cells == nil {
		t.cells, t.human, t.bad = map[cell]*outcome{}, map[string]*signal{}, map[string]*signal{}
	}
	model, err := parse(f)
	if err != nil {
		return err
	}
	for _, e := range held {
		found := model.Classify(e.text)
		kind, err := typeOf(found.CaseType)
		if err != nil {
			return err
		}
		if e.kind >= 0 {
			t.kind(e, kind)
			if verbose && kind != e.kind && kind != e.also && (isAI(kind) || fold == "own phrases") {
				fmt.Fprintf(out, "%-14s %-22s -> %-22s %.2f %q\n", e.source, name(e.kind), found.CaseType, found.Probability, e.text)
			}
		}
		if e.weight[asksHuman] > 0 && (e.label == "signal" || e.source == "own") {
			want := e.target[asksHuman] == 1
			at(t.human, e.source).add(found.HumanRequest, want)
			if verbose && found.HumanRequest != want {
				fmt.Fprintf(out, "%-14s human=%v, should be %v %q\n", e.source, found.HumanRequest, want, e.text)
			}
		}
		if e.weight[negative] > 0 && (e.label == "comment" || e.source == "own") {
			said, want := found.Sentiment <= classify.NegativeSentiment, e.target[negative] == 1
			at(t.bad, e.source).add(said, want)
			if verbose && e.source == "own" && said != want {
				fmt.Fprintf(out, "%-14s sentiment=%v, negative=%v %q\n", e.source, found.Sentiment, want, e.text)
			}
		}
	}
	if fold == "own phrases" {
		return nil
	}
	for i, level := range levels {
		f.Thresholds[0] = level
		if model, err = parse(f); err != nil {
			return err
		}
		for _, e := range held {
			if e.kind < 0 {
				continue
			}
			if kind, _ := typeOf(model.Classify(e.text).CaseType); isAI(kind) && kind != e.also {
				t.ai[i][e.kind]++
			}
		}
	}
	return nil
}

func parse(f *weights.File) (*classify.Model, error) {
	data, err := weights.Encode(f)
	if err != nil {
		return nil, err
	}
	return classify.Parse(data)
}

func at(m map[string]*signal, key string) *signal {
	if m[key] == nil {
		m[key] = new(signal)
	}
	return m[key]
}

func (t *tally) kind(e *example, kind int) {
	c := t.cells[cell{e.source, e.kind}]
	if c == nil {
		c = new(outcome)
		t.cells[cell{e.source, e.kind}] = c
	}
	right := kind == e.kind || kind == e.also
	c.rows++
	switch {
	case right:
		c.right++
	case kind == unknown:
		c.unknown++
	case isAI(kind):
		c.leaked++
	}
	if e.source == "own" {
		return
	}
	t.total[e.kind]++
	if right {
		kind = e.kind
	}
	t.confusion[e.kind][kind]++
}

func (t *tally) report(out io.Writer) {
	keys := slices.Collect(maps.Keys(t.cells))
	slices.SortFunc(keys, func(a, b cell) int {
		if a.source != b.source {
			if a.source < b.source {
				return -1
			}
			return 1
		}
		return a.kind - b.kind
	})
	fmt.Fprintln(out, "source                type                      rows  right  unknown  wrong AI type (%)")
	for _, k := range keys {
		c := t.cells[k]
		fmt.Fprintf(out, "%-21s %-24s %5.0f  %s  %s  %s\n", k.source, name(k.kind), c.rows,
			percent(c.right, c.rows), percent(c.unknown, c.rows), percent(c.leaked, c.rows))
	}
	t.reportTypes(out)
	fmt.Fprintln(out, "\nthreshold  AI share  leak (human-only incl. unknown)  leak without unknown (%), by the assumed mix")
	for i, level := range levels {
		share, leak, typed := t.leak(i)
		fmt.Fprintf(out, "%9d  %s     %s   %s\n", level, percent(share, 1), percent(leak, 1), percent(typed, 1))
	}
	for _, s := range []struct {
		title   string
		signals map[string]*signal
	}{{"asks for a human", t.human}, {"negative", t.bad}} {
		for _, source := range slices.Sorted(maps.Keys(s.signals)) {
			fmt.Fprintf(out, "%s, %s: %v\n", s.title, source, s.signals[source])
		}
	}
}

// leak is how much of the assumed traffic goes to an AI at a level, and how much of a human's cases does: with those
// of no type, and without. Types that no held-out source has are left out.
func (t *tally) leak(level int) (share, all, typed float64) {
	var traffic, allCases, typedCases float64
	for k, rows := range t.total {
		if rows == 0 {
			continue
		}
		given := mix[k] * t.ai[level][k] / rows
		share += given
		traffic += mix[k]
		if isAI(k) {
			continue
		}
		all += given
		allCases += mix[k]
		if k != unknown {
			typed += given
			typedCases += mix[k]
		}
	}
	return share / max(traffic, 1), all / max(allCases, 1), typed / max(typedCases, 1)
}

func (t *tally) reportTypes(out io.Writer) {
	fmt.Fprintln(out, "\nall held-out sources   rows  precision  recall   F1, rows weighted to the assumed mix")
	var right, all, f1 float64
	for k := range t.total {
		var said float64
		for truth := range t.total {
			said += t.confusion[truth][k] / max(t.total[truth], 1) * mix[truth]
		}
		hit := t.confusion[k][k] / max(t.total[k], 1) * mix[k]
		right += hit
		all += mix[k]
		f1 += 2 * hit / (said + mix[k]) / float64(len(t.total))
		fmt.Fprintf(out, "%-22s %5.0f      %s   %s  %s\n", name(k), t.total[k],
			percent(hit, said), percent(hit, mix[k]), percent(2*hit, said+mix[k]))
	}
	fmt.Fprintf(out, "accuracy %s  macro-F1 %s\n", percent(right, all), percent(f1, 1))
}
