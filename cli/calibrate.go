package main

import (
	"fmt"

	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/services/intake/classify/assess"
)

type calibrateCommand struct {
	File       string  `arg:"" type:"existingfile" help:"Labelled messages: text, case_type and, if wanted, alt_types. Your own traffic, and no row that the model was trained on."`
	MaxLeak    float64 `default:"0.005" placeholder:"PART" help:"The part of the human-only cases that the AI may get. (default: ${default})"`
	Mix        string  `default:"rows" placeholder:"TYPE=SHARE,..." help:"Weight the rows so that each type has this share; rows takes them as they come. (default: ${default})"`
	Classifier string  `placeholder:"FILE" help:"A model that casetrail train made, instead of the embedded one."`
}

// enoughRows is from how many human-only rows on a leak of 0.005 can be told from one twice as large.
const enoughRows = 600

// mostLearnt is how large a part of the rows the classifier may have learnt from: customers do say the same few words.
const mostLearnt = 0.1

// Run prints the threshold that keeps the leak within its budget on the rows of a file, and the policy's lines.
func (c *calibrateCommand) Run() error {
	if !(c.MaxLeak > 0 && c.MaxLeak < 1) {
		return fmt.Errorf("--max-leak %v: it is a part of the human-only cases, above 0 and below 1; 0.005 is half a percent", c.MaxLeak)
	}
	model, labelled, mix, err := labelledRows(c.File, c.Classifier, c.Mix)
	if err != nil {
		return err
	}
	rows, err := look(model, labelled)
	if err != nil {
		return err
	}
	learnt := 0
	for _, l := range labelled {
		if model.Learnt(l.Text) {
			learnt++
		}
	}
	if float64(learnt) > mostLearnt*float64(len(labelled)) && !inject.LearntRowsTaken.Is() {
		return fmt.Errorf("%s: the classifier has learnt from %d of its %d rows, and is surer of them than it will be of new messages: "+
			"the threshold would be too low; calibrate with rows that casetrail train was not given", c.File, learnt, len(labelled))
	}
	b, ok := assess.Choose(rows, assess.Weights(rows, mix), c.MaxLeak)
	if b.Rows == 0 {
		return fmt.Errorf("%s has no row of a human-only type: the leak can't be told", c.File)
	}
	if !ok {
		return fmt.Errorf("no threshold keeps the leak within %v on %s: give the AI nothing, or train with rows of your own (casetrail train)", c.MaxLeak, c.File)
	}
	fmt.Printf("# %d rows, %d of them human-only (as good as %.0f weighted evenly); classifier %s\n", len(rows), b.Rows, b.Effective, model.Version())
	fmt.Printf("# leak %.4f, below %.4f with 95 %% confidence; the AI gets %.1f %% of the cases, and %.4f of the unknown ones\n",
		b.Leak.HumanOnly, b.Bound, 100*b.Leak.Share, b.Leak.Unknown)
	if learnt > 0 {
		fmt.Printf("# the classifier has learnt from %d of the rows, or from others with the same words\n", learnt)
	}
	if b.Rows < enoughRows {
		fmt.Printf("# %d human-only rows are few: from %d on the bound says something about a leak of 0.005\n", b.Rows, enoughRows)
	}
	fmt.Printf("classification:\n  max_leak: %v\n  ai_threshold: %.4f\n  classifier: %s\n", c.MaxLeak, max(b.Threshold, 0.0001), model.Version())
	return nil
}
