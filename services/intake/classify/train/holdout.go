package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/casetrail/casetrail/services/intake/classify"
)

// folds are the sources that are held out together, because they have texts or authors in common. Rows composed of
// other sources' texts are never trained on here: they could hold what is held out.
var folds = [][]string{
	{"banking77"}, {"clinc150"}, {"multidogo_finance", "multidogo_other"}, {"star"}, {"bitext"},
	{"rasa_financial_demo", "rasa_financial-demo", "rasa_helpdesk-assistant"}, {"ibm_banking"}, {"cfpb"}, {"hwu64"},
	{"compose"}, {"goemotions"},
}

// measure trains without each fold and judges its rows; and, part by part, the same for a fifth of the phrases'
// patterns. Errors are printed to out as they come if verbose.
func measure(out io.Writer, examples []*example, folds [][]string, parts int, verbose bool) (*tally, error) {
	t := new(tally)
	judge := func(name string, held func(*example) bool) error {
		var kept, gone []*example
		for _, e := range examples {
			switch {
			case held(e):
				gone = append(gone, e)
			case e.source != "compose":
				kept = append(kept, e)
			}
		}
		f := quantise(fit(points(kept)))
		return t.judge(name, f, gone, verbose, out)
	}
	for _, fold := range folds {
		all := "," + strings.Join(fold, ",") + ","
		if err := judge(fold[0], func(e *example) bool { return strings.Contains(all, ","+e.source+",") }); err != nil {
			return nil, err
		}
	}
	for part := range parts {
		if err := judge("own phrases", func(e *example) bool { return e.source == "own" && e.line%5 == part }); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// isAI tells the types that the assumed policy gives to an AI.
func isAI(kind int) bool { return kind >= 0 && kind < classify.AITypes }

func name(kind int) string {
	if kind == unknown {
		return classify.Unknown
	}
	return classify.CaseTypes[kind]
}

func percent(part, whole float64) string {
	if whole == 0 {
		return "    -"
	}
	return fmt.Sprintf("%5.1f", 100*part/whole)
}
