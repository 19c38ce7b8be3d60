package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/casetrail/casetrail/services/intake/classify"
	"github.com/casetrail/casetrail/services/intake/classify/assess"
	"github.com/casetrail/casetrail/services/intake/signals/score"
)

type evalCommand struct {
	File       string `arg:"" type:"existingfile" help:"Comma-separated values with the columns text, case_type and, if wanted, alt_types (other defensible types, separated by |); with --signals: text, and label or a column for each signal (1, 0, or empty); docs/model-card.md has the forms."`
	Signals    bool   `help:"Judge what is heard besides the case type: requests for a human, displeasure, threats, repeated questions."`
	Negatives  int    `default:"2" help:"With --signals: so many negative messages of a conversation are repeated negativity."`
	Questions  int    `default:"3" help:"With --signals: so many messages with one question are a repeated question."`
	Mix        string `default:"${mix}" placeholder:"TYPE=SHARE,..." help:"Weight the rows so that each type has this share; rows takes them as they come. (default: ${mix})"`
	Classifier string `placeholder:"FILE" help:"A model that casetrail train made, instead of the embedded one."`
	JSON       bool   `name:"json" help:"Print one JSON object."`
}

// Help says what the figures mean.
func (evalCommand) Help() string {
	return `The rows are weighted to the mix. Leak at an AI share of 60 %: rank all rows by the classifier's AI probability and give
the AI the top 60 % of the weight; the leak is the part of the human-only weight (dispute, fraud_claim, hardship_request,
complex_multi_product) that is among it; the leak of unknown is the same for unknown. Shipped: the AI gets the rows that
are typed as one of its types with an AI probability at or above the model's own threshold, as the router does. A type of
alt_types counts as right. ece: how far the AI probability is from the share of rows that are an AI's type, on average over
15 bins of equal width; ece_type: the same for the probability of the type and whether it is right. us_per_message: on one
core, the fastest of several passes.`
}

// Run judges the classifier, or what is heard besides the case type, on the rows of a file.
func (c *evalCommand) Run() error {
	if c.Signals {
		return evalSignals(os.Stdout, c.File, score.Limits{Negatives: c.Negatives, Questions: c.Questions}, c.JSON)
	}
	model, labelled, mix, err := labelledRows(c.File, c.Classifier, c.Mix)
	if err != nil {
		return err
	}
	rows, err := look(model, labelled)
	if err != nil {
		return err
	}
	report := assess.Measure(rows, mix, model.Version(), model.Threshold(), microseconds(model, labelled))
	if !c.JSON {
		report.Print(os.Stdout)
		return nil
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	return out.Encode(report)
}

// labelledRows reads a file of labelled messages, the model and the mix that it is to be weighted to.
func labelledRows(path, classifier, mix string) (*classify.Model, []assess.Labelled, assess.Mix, error) {
	model, err := loadClassifier(classifier)
	if err != nil {
		return nil, nil, assess.Mix{}, err
	}
	labelled, err := readLabelled(path)
	if err != nil {
		return nil, nil, assess.Mix{}, err
	}
	m, err := assess.ParseMix(mix, labelled)
	return model, labelled, m, err
}

// loadClassifier gives the model in a file, or the embedded one where none is named.
func loadClassifier(path string) (*classify.Model, error) {
	if path == "" {
		return classify.Load()
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--classifier: %w", err)
	}
	m, err := classify.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("--classifier %s: %w; casetrail train makes such a file", path, err)
	}
	return m, nil
}

func readLabelled(path string) ([]assess.Labelled, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	labelled, err := assess.ReadTable(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return labelled, nil
}

func look(model *classify.Model, labelled []assess.Labelled) ([]assess.Row, error) {
	rows := make([]assess.Row, len(labelled))
	for i, l := range labelled {
		var err error
		if rows[i], err = assess.Look(model.Classify(l.Text), l.Truth, l.Also); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// microseconds is what one message takes on average. The file is gone over in parts of 128 messages for a second, once at
// least, and of every part the fastest time counts, since the machine does other things too.
func microseconds(model *classify.Model, labelled []assess.Labelled) float64 {
	const part = 128
	best := make([]time.Duration, (len(labelled)+part-1)/part)
	start := time.Now()
	for pass := 0; pass == 0 || time.Since(start) < time.Second; pass++ {
		for i := range best {
			begin := time.Now()
			for _, l := range labelled[i*part : min((i+1)*part, len(labelled))] {
				model.Classify(l.Text)
			}
			if took := time.Since(begin); pass == 0 || took < best[i] {
				best[i] = took
			}
		}
	}
	var sum time.Duration
	for _, took := range best {
		sum += took
	}
	return float64(sum.Nanoseconds()) / 1000 / float64(len(labelled))
}
