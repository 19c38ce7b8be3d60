package ngram

import (
	_ "embed"
	"strings"
)

//go:embed concepts.txt
var conceptList string

// concepts give the words that mean the same one number, so that what is learnt of one is known of all.
var concepts = readConcepts(conceptList)

func readConcepts(list string) map[string]uint64 {
	known := map[string]uint64{}
	n := uint64(0)
	for line := range strings.Lines(list) {
		_, words, ok := strings.Cut(line, ":")
		if !ok || line[0] == '#' {
			continue
		}
		n++
		for word := range strings.FieldsSeq(words) {
			if known[word] == 0 {
				known[word] = n
			}
		}
	}
	return known
}

const conceptSeed = 0x452821E638D01377

// concept adds what the meaning of a word gives: itself, with what is asked, and with the one or two meanings before it in
// its clause, or with the second alone.
func (m *Message) concept(word []byte) {
	c := concepts[string(word)]
	if c == 0 || c == m.meant[0] {
		return
	}
	h := conceptSeed ^ c*prime
	m.Features = append(m.Features, bucket((h^m.asked)*golden+m.asked), bucket(h*prime), bucket(h*prime))
	if m.meant[0] != 0 {
		h = (h*prime ^ m.meant[0]) * prime
		m.Features = append(m.Features, bucket(h), bucket(h))
		if m.meant[1] != 0 {
			h = (h ^ m.meant[1]) * prime
			m.Features = append(m.Features, bucket(h), bucket(conceptSeed^(c*prime^m.meant[1])*golden))
		}
	}
	m.meant = [2]uint64{c, m.meant[0]}
}
