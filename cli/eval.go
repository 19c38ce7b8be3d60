package main

import (
	"errors"
	"os"

	"github.com/casetrail/casetrail/services/intake/signals/score"
)

type evalCommand struct {
	File      string `arg:"" type:"existingfile" help:"CSV with a header: text, and label or a column for each signal (1, 0, or empty); docs/model-card.md has the forms."`
	Signals   bool   `help:"Judge what is heard besides the case type: requests for a human, displeasure, threats, repeated questions."`
	Negatives int    `default:"2" help:"With --signals: so many negative messages of a conversation are repeated negativity."`
	Questions int    `default:"3" help:"With --signals: so many messages with one question are a repeated question."`
	JSON      bool   `name:"json" help:"Print JSON."`
}

// Run judges a file of labelled rows.
func (c *evalCommand) Run() error {
	if !c.Signals {
		return errors.New("say what to judge: --signals")
	}
	return evalSignals(os.Stdout, c.File, score.Limits{Negatives: c.Negatives, Questions: c.Questions}, c.JSON)
}
