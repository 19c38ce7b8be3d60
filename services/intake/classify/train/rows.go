package main

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/casetrail/casetrail/services/intake/classify"
)

// The heads of the model, as package classify reads them.
const (
	unknown = 8 + iota
	asksHuman
	negative
	positive
	heads
)

// example is a text with what is known of it. A weight of 0 says that a head learns nothing from it.
type example struct {
	text   string
	source string
	label  string
	kind   int // the case type it counts as; -1 if the data names several
	also   int // a second type that is no error; -1 if none
	line   int // of the phrase files' patterns

	target [heads]float32
	weight [heads]float32 // the case types share weight[0]
}

func (e *example) setType(kind int, share float32) { e.target[kind] += share; e.weight[0] = 1 }

func (e *example) set(head int, yes bool, weight float32) {
	e.weight[head], e.target[head] = weight, 0
	if yes {
		e.target[head] = 1
	}
}

func typeOf(name string) (int, error) {
	if name == classify.Unknown {
		return unknown, nil
	}
	if i := slices.Index(classify.CaseTypes, name); i >= 0 {
		return i, nil
	}
	return 0, fmt.Errorf("no case type %q", name)
}

// load reads all the rows: the data sets' in their order, then the conversations' turns, then the phrases.
func load(dir string) ([]*example, error) {
	var all []*example
	for _, set := range []struct {
		name string
		read func(row map[string]string) (*example, error)
	}{
		{"utterances.csv", utterance},
		{"ambiguous.csv", ambiguous},
		{"signals_human_request.csv", request},
		{"sentiment_goemotions.csv", comment},
	} {
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
	inside, err := turns(dir)
	if err != nil {
		return nil, err
	}
	own, err := phrases()
	return slices.Concat(all, inside, own), err
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

func utterance(row map[string]string) (*example, error) {
	kind, err := typeOf(row["case_type"])
	if err != nil {
		return nil, err
	}
	e := &example{text: row["text"], source: row["source"], label: row["source_label"], kind: kind, also: -1}
	if alt := row["alt_types"]; alt != "" {
		if e.also, err = typeOf(alt); err != nil {
			return nil, err
		}
		e.setType(e.also, 0.25)
		e.setType(kind, 0.75)
	} else {
		e.setType(kind, 1)
	}
	switch e.label {
	case "contact_human_agent", "human_handoff", "representative":
	default:
		e.set(asksHuman, false, 0.5)
	}
	// A case's opening message is mostly calm; where it may not be, it teaches nothing about sentiment.
	if e.source != "cfpb" && !angry(e.text) {
		e.set(negative, false, 0.2)
		e.set(positive, false, 0.3)
	}
	return e, nil
}

func angry(text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc([]string{"frustrat", "angry", "ridicul", "unacceptable", "terrible", "horribl", "fuck",
		"damn", "bloody", "useless", "annoy", "upset", "shit", "hell ", "worst", "!!"}, func(s string) bool {
		return strings.Contains(text, s)
	})
}

// ambiguous rows name every type that can be argued for. They teach the model to hesitate.
func ambiguous(row map[string]string) (*example, error) {
	e := &example{text: row["text"], source: row["source"], label: row["source_label"], kind: -1, also: -1}
	names := strings.Split(row["candidate_types"], "|")
	for _, name := range names {
		kind, err := typeOf(name)
		if err != nil {
			return nil, err
		}
		e.setType(kind, 1/float32(len(names)))
	}
	return e, nil
}

func request(row map[string]string) (*example, error) {
	e := &example{text: row["text"], source: row["source"], label: "signal", kind: -1, also: -1}
	e.set(asksHuman, row["human_request"] == "1", 1)
	if strings.Contains(row["note"], "opening hours") && !asksHours(row["text"]) {
		// "I have to speak with customer assistance" came as a question for opening hours. It asks for a human.
		e.label, e.weight[asksHuman] = "doubtful", 0
	}
	return e, nil
}

func asksHours(text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc([]string{"hour", "time", "when", "open", "number", "phone", "email"}, func(s string) bool {
		return strings.Contains(text, s)
	})
}

func comment(row map[string]string) (*example, error) {
	e := &example{text: row["text"], source: row["source"], label: "comment", kind: -1, also: -1}
	e.set(negative, row["negative"] == "1", 0.2)
	return e, nil
}
