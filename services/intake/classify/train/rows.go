package main

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/casetrail/casetrail/services/intake/classify/assess"
	"github.com/casetrail/casetrail/services/intake/classify/training"
)

// load reads all the examples: the data sets' in their order, then the phrases.
func load(dir string) ([]*training.Example, error) {
	var all []*training.Example
	for _, set := range []struct {
		name string
		read func(row map[string]string) (*training.Example, error)
	}{{"utterances.csv", utterance}, {"ambiguous.csv", ambiguous}} {
		rows, err := table(filepath.Join(dir, set.name))
		if err != nil {
			return nil, err
		}
		for i, row := range rows {
			e, err := set.read(row)
			if err != nil {
				return nil, fmt.Errorf("%s, row %d: %w", set.name, i+2, err)
			}
			all = append(all, e)
		}
	}
	own, err := training.Phrases()
	return append(all, own...), err
}

func table(path string) ([]map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("%s: it is empty", path)
	}
	rows := make([]map[string]string, 0, len(lines))
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, name := range lines[0] {
			row[name] = line[i]
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func utterance(row map[string]string) (*training.Example, error) {
	kind, err := assess.TypeOf(row["case_type"])
	if err != nil {
		return nil, err
	}
	also, err := set(row["alt_types"])
	if err != nil {
		return nil, err
	}
	return training.New(row["text"], row["source"], row["source_label"], kind, also), nil
}

// ambiguous rows name every type that can be argued for.
func ambiguous(row map[string]string) (*training.Example, error) {
	types, err := set(row["candidate_types"])
	if err != nil {
		return nil, err
	}
	return training.NewDoubtful(row["text"], row["source"], row["source_label"], types), nil
}

func set(names string) (types assess.Set, err error) {
	for name := range strings.SplitSeq(names, "|") {
		if name == "" {
			continue
		}
		kind, err := assess.TypeOf(name)
		if err != nil {
			return 0, err
		}
		types.Add(kind)
	}
	return types, nil
}
