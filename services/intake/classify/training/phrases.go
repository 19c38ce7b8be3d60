package training

import (
	"embed"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/casetrail/casetrail/services/intake/classify/assess"
)

//go:embed phrases/*.txt
var phraseFiles embed.FS

// perLine is how many ways of saying a phrase are drawn from it.
const perLine = 14

// Phrases gives the examples of the phrase files: texts that the data sets lack, written for this model. A file's
// first line says what its texts are ("case refund_status"); then each line is a pattern:
// [a|b|] stands for one of its choices, <name> for one of those that "@name = a|b" gave.
func Phrases() ([]*Example, error) {
	macros := map[string]string{}
	entries, err := phraseFiles.ReadDir("phrases")
	if err != nil {
		return nil, err
	}
	files := make([]string, len(entries))
	for i, entry := range entries {
		text, err := phraseFiles.ReadFile("phrases/" + entry.Name())
		if err != nil {
			return nil, err
		}
		files[i] = string(text)
		for line := range strings.Lines(files[i]) {
			if name, choices, ok := strings.Cut(strings.TrimSpace(line), " = "); ok && name[0] == '@' {
				macros["<"+name[1:]+">"] = "[" + choices + "]"
			}
		}
	}
	var all []*Example
	lines := 0
	for i, file := range files {
		head, body, _ := strings.Cut(file, "\n")
		random := rand.New(rand.NewPCG(2026, uint64(i)))
		for line := range strings.Lines(body) {
			line = strings.TrimSpace(line)
			if line == "" || line[0] == '#' || line[0] == '@' {
				continue
			}
			lines++
			seen := map[string]bool{}
			for range perLine {
				text, err := expand(line, macros, random)
				if err != nil {
					return nil, fmt.Errorf("%s: %q: %w", entries[i].Name(), line, err)
				}
				if seen[text] {
					continue
				}
				seen[text] = true
				e, err := phrase(head, text)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", entries[i].Name(), err)
				}
				e.Line = lines
				all = append(all, e)
			}
		}
	}
	return all, nil
}

func phrase(head, text string) (*Example, error) {
	topic, what, _ := strings.Cut(strings.TrimSpace(head), " ")
	if topic != "case" {
		return nil, fmt.Errorf("no topic %q", topic)
	}
	kind, err := assess.TypeOf(what)
	if err != nil {
		return nil, err
	}
	return New(text, own, what, kind, 0), nil
}

// expand draws one text from a pattern.
func expand(pattern string, macros map[string]string, random *rand.Rand) (string, error) {
	for depth := 0; strings.Contains(pattern, "<"); depth++ {
		start := strings.IndexByte(pattern, '<')
		length := strings.IndexByte(pattern[start:], '>')
		if length < 0 || depth > 50 {
			return "", fmt.Errorf("bad <name>")
		}
		name := pattern[start : start+length+1]
		choices, ok := macros[name]
		if !ok {
			return "", fmt.Errorf("no %s", name)
		}
		pattern = pattern[:start] + choices + pattern[start+length+1:]
	}
	for {
		// The innermost choice first: the last [ that opens before the first ].
		end := strings.IndexByte(pattern, ']')
		if end < 0 {
			break
		}
		start := strings.LastIndexByte(pattern[:end], '[')
		if start < 0 {
			return "", fmt.Errorf("] without [")
		}
		choices := strings.Split(pattern[start+1:end], "|")
		pattern = pattern[:start] + choices[random.IntN(len(choices))] + pattern[end+1:]
	}
	return strings.Join(strings.Fields(pattern), " "), nil
}
