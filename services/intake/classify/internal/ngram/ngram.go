// Package ngram turns a customer's message into hashed features: words, pairs of words, 3 to 5 bytes of each word, what
// words mean alike (concepts.txt), and both with what is asked of them (asks).
// The trainer and the classifier share it, so a text means the same numbers to both. It leaves out what features weigh.
package ngram

// Bits is the size of the feature space: every feature is below 1<<Bits.
const Bits = 18

// MaxClauses bounds how many clauses a message is cut into; what follows belongs to the last one.
const MaxClauses = 32

// Clause is one stretch of a message that may carry a wish of its own.
type Clause struct {
	Start, End int // half open, into Message.Features
	Words      int
	Opens      bool // a sentence
}

// Word is one word of a message, as the features see it.
type Word struct {
	Start, End int // half open, into Message.Features
	from, to   int
}

// Message holds one message's features, and the memory to extract the next one's. The zero value is ready.
// It is not safe for concurrent use.
type Message struct {
	Features []uint32
	Words    []Word
	Unread   bool     // some of the message is in no clause of its own: it is too long, or has too many
	Clauses  []Clause // they follow one another and cover all features

	raw  []byte // the message decomposed, when it is not ASCII
	text []byte // the message normalised: lower-case words, ' ' between words, '\n' between sentences

	meant [2]uint64 // the meanings of the last words of the clause
	asked uint64    // its first asks
	asks  int
}

const (
	wordSeed = 0x243F6A8885A308D3
	gramSeed = 0x13198A2E03707344
	prime    = 0x00000100000001B3
	golden   = 0x9E3779B97F4A7C15
)

func bucket(h uint64) uint32 { return uint32((h * golden) >> (64 - Bits)) }

// Extract replaces m's features by those of text. Any bytes are welcome; the work is bounded whatever the size.
func (m *Message) Extract(text string) {
	m.normalise(text)
	m.Features, m.Words, m.Clauses = m.Features[:0], m.Words[:0], m.Clauses[:0]
	current := Clause{Opens: true}
	previous := uint64(wordSeed)
	m.meant, m.asked, m.asks = [2]uint64{}, 0, 0
	cut := func(sentence bool) {
		switch {
		case current.Words == 0:
			current.Opens = current.Opens || sentence
		case len(m.Clauses) == MaxClauses-1:
			m.Unread = true
		default:
			current.End = len(m.Features)
			m.Clauses = append(m.Clauses, current)
			current = Clause{Start: current.End, Opens: sentence}
			previous = wordSeed
			m.meant, m.asked, m.asks = [2]uint64{}, 0, 0
		}
	}
	for i := 0; i < len(m.text); {
		if c := m.text[i]; c == ' ' || c == '\n' {
			if c == '\n' {
				cut(true)
			}
			i++
			continue
		}
		end := i + 1
		for end < len(m.text) && m.text[end] != ' ' && m.text[end] != '\n' {
			end++
		}
		word := m.text[i:end]
		if joins(word) {
			cut(false)
		}
		start := len(m.Features)
		previous = m.word(word, previous)
		m.ask(word, previous)
		m.concept(word)
		m.Words = append(m.Words, Word{start, len(m.Features), i, end})
		current.Words++
		i = end
	}
	current.End = len(m.Features)
	if current.Words > 0 {
		m.Clauses = append(m.Clauses, current)
	}
}

// Text gives the normalised text from word i up to and without word j. It is overwritten by the next Extract.
func (m *Message) Text(i, j int) []byte { return m.text[m.Words[i].from:m.Words[j-1].to] }

// Hash tells one text from another, whatever its case and punctuation.
func (m *Message) Hash() uint32 {
	h := uint64(wordSeed)
	for _, w := range m.Words {
		for _, b := range m.text[w.from:w.to] {
			h = (h ^ uint64(b)) * prime
		}
		h = (h ^ ' ') * prime
	}
	return uint32(h * golden >> 32)
}

// joins tells a word that starts another wish in the same sentence.
func joins(word []byte) bool {
	switch string(word) {
	case "and", "also", "plus", "but", "additionally":
		return true
	}
	return false
}

// word adds what one word gives and returns its hash.
func (m *Message) word(word []byte, previous uint64) uint64 {
	h := uint64(wordSeed)
	for _, b := range word {
		h = (h ^ uint64(b)) * prime
	}
	f := append(m.Features, bucket(h), bucket((previous^(h>>29))*golden+h))
	if n := len(word); n > 1 {
		// The word stands between two blanks, so that beginnings and ends are told from middles.
		for start := -1; start <= n-2; start++ {
			g := uint64(gramSeed)
			for k := 0; k < 5 && start+k <= n; k++ {
				b := byte(' ')
				if at := start + k; at >= 0 && at < n {
					b = word[at]
				}
				g = (g ^ uint64(b)) * prime
				if k >= 2 {
					f = append(f, bucket(g))
				}
			}
		}
	}
	m.Features = f
	return h
}
