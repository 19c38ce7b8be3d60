// Command train makes the classifier's weights from the data sets named in docs/model-card.md and from the phrases
// beside it. The same data and code give the same bytes. With -holdout it measures instead: it trains once for each
// source, without that source, and judges the source's messages.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	data := flag.String("data", "../shared/data", "folder of the data sets")
	out := flag.String("out", filepath.Join("services", "intake", "classify", "model.bin"), "weights file to write")
	holdout := flag.Bool("holdout", false, "measure on held-out sources, and write nothing")
	verbose := flag.Bool("v", false, "with -holdout: print what went wrong")
	flag.Parse()
	if err := run(*data, *out, *holdout, *verbose); err != nil {
		fmt.Fprintln(os.Stderr, "train:", err)
		os.Exit(1)
	}
}

func run(data, out string, holdout, verbose bool) error {
	examples, err := load(data)
	if err != nil {
		return err
	}
	if holdout {
		t, err := measure(os.Stdout, examples, folds, 5, verbose)
		if err != nil {
			return err
		}
		t.report(os.Stdout)
		return nil
	}
	bin, err := train(examples)
	if err != nil {
		return err
	}
	return os.WriteFile(out, bin, 0o644)
}
