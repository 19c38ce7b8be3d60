package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/casetrail/casetrail/services/intake/classify"
	"github.com/casetrail/casetrail/services/intake/classify/assess"
	"github.com/casetrail/casetrail/services/intake/classify/training"
)

// folds are the sources that are held out together, because they have texts or authors in common.
var folds = [][]string{
	{"banking77"}, {"clinc150"}, {"multidogo_finance", "multidogo_other"}, {"star"}, {"bitext"},
	{"rasa_financial_demo", "ibm_banking"}, {"cfpb"}, {"hwu64"},
}

// composed texts are joined from other sources' texts, and so never trained on here: they could hold what is held out.
const composed = "compose"

// held is what was found of the rows of one fold.
type held struct {
	examples []*training.Example
	rows     []assess.Row
}

// measure trains without each fold and judges its rows, then tells of all folds together.
func measure(out io.Writer, examples []*training.Example, path string) error {
	var all held
	var version string
	var threshold float64
	for _, fold := range folds {
		h, model, err := without(fold, examples)
		if err != nil {
			return err
		}
		version, threshold = "held out", model.Threshold()
		fmt.Fprintf(out, "\n===== %s\n", strings.Join(fold, ", "))
		assess.Measure(h.rows, assess.AssumedMix, version, threshold, 0).Print(out)
		all.examples = append(all.examples, h.examples...)
		all.rows = append(all.rows, h.rows...)
	}
	fmt.Fprintf(out, "\n===== all of these\n")
	assess.Measure(all.rows, assess.AssumedMix, version, threshold, 0).Print(out)
	weights := assess.Weights(all.rows, assess.AssumedMix)
	for _, leak := range []float64{0.002, 0.003, 0.005, 0.01} {
		b, _ := assess.Choose(all.rows, weights, leak)
		fmt.Fprintf(out, "threshold for a leak of %.3f: %.4f, AI share %.3f, unknown %.4f\n", leak, b.Threshold, b.Leak.Share, b.Leak.Unknown)
	}
	if path == "" {
		return nil
	}
	return all.write(path)
}

func without(fold []string, examples []*training.Example) (h held, model *classify.Model, err error) {
	var kept []*training.Example
	for _, e := range examples {
		switch {
		case slices.Contains(fold, e.Source):
			if e.Type != training.Several {
				h.examples = append(h.examples, e)
			}
		case e.Source != composed:
			kept = append(kept, e)
		}
	}
	h.examples = append(h.examples, training.Composed(h.examples, 60)...)
	bin, err := training.Train(kept)
	if err != nil {
		return h, nil, err
	}
	if model, err = classify.Parse(bin); err != nil {
		return h, nil, err
	}
	for _, e := range h.examples {
		row, err := assess.Look(model.Classify(e.Text), e.Type, e.Also)
		if err != nil {
			return h, nil, err
		}
		h.rows = append(h.rows, row)
	}
	return h, model, nil
}

func (h held) write(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(f)
	for i, r := range h.rows {
		e := h.examples[i]
		fmt.Fprintf(out, "%.4f\t%s\t%s\t%s\t%s\t%s\n", r.AI, assess.Types[r.Truth], assess.Types[r.Said], e.Source, e.Label,
			strings.Join(strings.Fields(e.Text), " "))
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return f.Close()
}
