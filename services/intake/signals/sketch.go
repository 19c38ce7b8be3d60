package signals

import (
	"hash/fnv"
	"slices"
)

// SketchSize bounds a sketch.
const SketchSize = 8

// sketch gives the words that make the question, as hashes: what adds nothing to it is left out, what means the same is
// one, and word endings go. It is empty for a message that asks nothing. Of more words than SketchSize those with the
// lowest hashes stay, so that two sketches of one question keep the same ones.
func (m *message) sketch(g *grammar) []uint32 {
	asks, content := false, false
	var all []uint32
	for i := range m.tokens {
		t := &m.tokens[i]
		asks = asks || t.asks || g.has(t.word, asker)
		h := g.concept[t.word]
		switch {
		case h != 0:
			content = content || !g.has(t.word, asker)
		case t.word == g.number || g.has(t.word, hollow|filler|opener|closer):
			continue
		default:
			text := stem(m.text[t.start:t.end])
			if len(text) < 2 {
				continue
			}
			f := fnv.New32a()
			f.Write(text)
			h, content = max(f.Sum32(), 1), true
		}
		if len(all) < 400 {
			all = append(all, h)
		}
	}
	if !asks || !content {
		return nil
	}
	slices.Sort(all)
	all = slices.Compact(all)
	return slices.Clip(all[:min(len(all), SketchSize)])
}

// stem cuts the plainest English endings.
func stem(word []byte) []byte {
	for _, ending := range [...]string{"ing", "ed", "es", "s"} {
		if n := len(word) - len(ending); n >= 3 && string(word[n:]) == ending {
			word = word[:n]
			break
		}
	}
	if n := len(word); n > 3 && (word[n-1] == 'e' || word[n-1] == word[n-2]) {
		word = word[:n-1]
	}
	return word
}
