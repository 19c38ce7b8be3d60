package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// turns reads what customers answer inside a conversation ("John Smith", "nothing else"), one in four, each text once.
// No one labelled them. Those with no word of a request or a feeling count as neither, so that names and numbers don't.
func turns(dir string) ([]*example, error) {
	var all []*example
	for _, set := range []struct{ file, source string }{
		{"conversations_star.jsonl", "star"}, {"conversations_multidogo.jsonl", "multidogo_finance"},
	} {
		f, err := os.Open(filepath.Join(dir, set.file))
		if err != nil {
			return nil, err
		}
		defer f.Close()
		seen := map[string]bool{}
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<20)
		for n := 1; lines.Scan(); n++ {
			var turn struct {
				Sender, Text string
				Seq          int
			}
			if err := json.Unmarshal(lines.Bytes(), &turn); err != nil {
				return nil, fmt.Errorf("%s, line %d: %w", set.file, n, err)
			}
			text := strings.ToLower(turn.Text)
			if turn.Sender != "customer" || turn.Seq < 2 || seen[text] {
				continue
			}
			seen[text] = true
			if len(seen)%4 != 0 || loaded(text) {
				continue
			}
			e := &example{text: turn.Text, source: set.source, label: "turn", kind: -1, also: -1}
			e.set(asksHuman, false, 0.5)
			e.set(negative, false, 0.5)
			all = append(all, e)
		}
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("%s: %w", set.file, err)
		}
	}
	return all, nil
}

func loaded(text string) bool {
	return angry(text) || slices.ContainsFunc([]string{"human", "agent", "person", "someone", "somebody", "manager",
		"supervisor", "representative", "real", "bot", "talk", "speak", "call", "stupid", "idiot", "rude", "mean", "help",
		"waste", "hate", "wtf", "shame", "seriously", "again", "already", "worth", "not work", "what!", "dumb", "sick"},
		func(s string) bool { return strings.Contains(text, s) })
}
