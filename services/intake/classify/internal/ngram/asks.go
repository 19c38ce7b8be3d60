package ngram

import "strings"

// asks are the words by which a clause says what it wants of its matter: "how do I transfer", "did my transfer", "I want a
// transfer". Each has a number.
var asks = func() map[string]uint64 {
	known := map[string]uint64{}
	for word := range strings.FieldsSeq(`how what whats where wheres when why which who is are was were has have did does do can could will
		would may should i my the want need like please get check tell show give make help if whether not cant havent hasnt didnt`) {
		known[word] = uint64(len(known)+1) * golden
	}
	return known
}()

// asksKept is how many of a clause's asks count, from its beginning.
const asksKept = 2

// ask adds what a word gives beside the asks before it, which by themselves say little.
func (m *Message) ask(word []byte, hash uint64) {
	if n := asks[string(word)]; n != 0 && m.asks < asksKept {
		m.asked = m.asked*prime + n
		m.asks++
	}
	m.Features = append(m.Features, bucket((hash^m.asked)*golden*7))
}
