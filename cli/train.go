package main

import (
	"fmt"
	"os"
	"time"

	"github.com/casetrail/casetrail/services/intake/classify"
	"github.com/casetrail/casetrail/services/intake/classify/training"
)

type trainCommand struct {
	Files []string `arg:"" type:"existingfile" name:"file" help:"Labelled messages: text, case_type and, if wanted, alt_types. The same file that casetrail labels writes."`
	Out   string   `default:"classifier.bin" placeholder:"FILE" help:"Where the model goes; intake takes it with --classifier FILE. (default: ${default})"`
	Alone bool     `help:"Learn from these files alone, instead of adding them to what the embedded model knows."`
}

// Run makes a model from labelled messages.
func (c *trainCommand) Run() error {
	var examples []*training.Example
	for _, path := range c.Files {
		labelled, err := readLabelled(path)
		if err != nil {
			return err
		}
		for _, l := range labelled {
			examples = append(examples, training.New(l.Text, path, "", l.Truth, l.Also))
		}
	}
	start := time.Now()
	teach := training.Add
	if c.Alone {
		teach = training.Train
	}
	data, err := teach(examples)
	if err != nil {
		return err
	}
	model, err := classify.Parse(data)
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.Out, data, 0o600); err != nil {
		return err
	}
	fmt.Printf("%s: classifier %s, from %d rows in %.1f s\n", c.Out, model.Version(), len(examples), time.Since(start).Seconds())
	fmt.Printf("next: casetrail calibrate --classifier %s FILE, with rows that are not among these; then intake --classifier %s\n", c.Out, c.Out)
	return nil
}
