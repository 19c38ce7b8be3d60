// Command train makes the classifier's weights from the data sets named in docs/model-card.md and from the phrases of
// package training. The same data and code give the same bytes. With -holdout it measures instead: it trains once for
// each source, without that source, and judges the source's messages.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/casetrail/casetrail/services/intake/classify/training"
)

func main() {
	data := flag.String("data", "../shared/data", "folder of the data sets")
	out := flag.String("out", filepath.Join("services", "intake", "classify", "model.bin"), "weights file to write")
	holdout := flag.Bool("holdout", false, "measure on held-out sources, and write nothing")
	rows := flag.String("rows", "", "with -holdout: write what was found of each row here, as tab-separated values")
	flag.Parse()
	if err := run(*data, *out, *holdout, *rows); err != nil {
		fmt.Fprintln(os.Stderr, "train:", err)
		os.Exit(1)
	}
}

func run(data, out string, holdout bool, rows string) error {
	examples, err := load(data)
	if err != nil {
		return err
	}
	if holdout {
		return measure(os.Stdout, examples, rows)
	}
	start := time.Now()
	bin, err := training.Train(examples)
	if err != nil {
		return err
	}
	fmt.Printf("trained on %d examples in %.1f s\n", len(examples), time.Since(start).Seconds())
	return os.WriteFile(out, bin, 0o644)
}
