package signals

// token is one word of a message.
type token struct {
	word       wordID   // unknown if it is in no rule
	start, end int      // in message.text
	sentence   bool     // a sentence begins here
	clause     bool     // a clause or a sentence begins here
	first      bool     // nothing but fillers stands between it and the beginning of its clause
	last       bool     // nothing but fillers stands between it and the end of its clause
	spans      [2]int32 // in message.spans: the phrases that begin here
	asks       bool     // its sentence ends in a question mark; set on the last token of a sentence only
}

// maxTokens bounds the words of a message that are read: 20,000 bytes can't hold more of them.
const maxTokens = 10_100

// message is a text being read, and the memory to read the next one.
type message struct {
	text, raw, spare            []byte
	tokens                      []token
	spans                       []span
	hits                        []hit
	heard                       [kinds]int // how many hits of each kind
	letters, capitals, exclaims int
	angry, annoyed              int
	budget                      int // of unknown words that are looked at twice
}

// read fills m.tokens.
func (m *message) read(g *grammar, text string) {
	*m = message{text: m.text[:0], raw: m.raw[:0], spare: m.spare[:0], tokens: m.tokens[:0], spans: m.spans[:0], hits: m.hits[:0], budget: 400}
	head, tail := clip(own(text))
	m.fold(head)
	if tail != "" {
		m.text = append(m.text, '.', ' ')
		m.fold(tail)
	}
	m.cut(g)
	m.edges(g)
}

func isLetter(b byte) bool { return b >= 'a' && b <= 'z' || b >= 0x80 }
func isDigit(b byte) bool  { return b >= '0' && b <= '9' }

// cut splits the text into words. An apostrophe inside a word goes ("don't" is dont), a letter stands at most twice in
// a row, and single letters in a row are one word ("a g e n t").
func (m *message) cut(g *grammar) {
	sentence, clause := true, true
	keep := m.text[:0] // words are written over what has been read
	for i := 0; i < len(m.text) && len(m.tokens) < maxTokens; {
		b := m.text[i]
		if !isLetter(b) && !isDigit(b) {
			switch {
			case b == '.' && i+1 < len(m.text) && m.text[i+1] == '.':
				clause = true
				for i+1 < len(m.text) && m.text[i+1] == '.' {
					i++
				}
			case b == '?' || b == '!' || b == '.':
				sentence, clause = true, true
				if n := len(m.tokens); b == '?' && n > 0 {
					m.tokens[n-1].asks = true
				}
			case b == ',' || b == ';' || b == ':' || b == '\n' || b == '(' || b == ')':
				clause = true
			}
			i++
			continue
		}
		start, run := len(keep), 0
		for i < len(m.text) {
			b = m.text[i]
			quote := (b == '\'' || b == '`') && i+1 < len(m.text) && isLetter(m.text[i+1])
			if !isLetter(b) && !isDigit(b) && !quote {
				break
			}
			if i++; quote {
				continue
			}
			if n := len(keep); n > start && keep[n-1] == b && isLetter(b) {
				if run++; run > 1 {
					continue
				}
			} else {
				run = 0
			}
			keep = append(keep, b)
		}
		m.add(g, token{start: start, end: len(keep), sentence: sentence, clause: clause})
		sentence, clause = false, false
	}
	m.joinLetters(g)
}

// add looks a word up, and takes it apart where it is two or more ("speaktoahuman").
func (m *message) add(g *grammar, t token) {
	text := m.text[t.start:t.end]
	if t.word = g.words[string(text)]; t.word == unknown {
		t.word = m.guess(g, text)
	}
	if t.word == unknown && len(text) >= 6 && m.budget > 0 {
		m.budget--
		if m.split(g, t) {
			return
		}
	}
	m.tokens = append(m.tokens, t)
}

// joinLetters makes one word of single letters in a row.
func (m *message) joinLetters(g *grammar) {
	out := m.tokens[:0]
	for i := 0; i < len(m.tokens); {
		j := i
		for j < len(m.tokens) && m.tokens[j].end-m.tokens[j].start == 1 && (j == i || !m.tokens[j].sentence) {
			j++
		}
		if j-i >= 4 {
			m.spare = m.spare[:0]
			for k := i; k < j && k < i+40; k++ {
				m.spare = append(m.spare, m.text[m.tokens[k].start])
			}
			if w := g.words[string(m.spare)]; w != unknown {
				t := m.tokens[i]
				t.word, t.end, t.asks = w, m.tokens[j-1].end, m.tokens[j-1].asks
				out = append(out, t)
				i = j
				continue
			}
		}
		out = append(out, m.tokens[i])
		i++
	}
	m.tokens = out
}

// edges tells which words open and close a clause, fillers left aside.
func (m *message) edges(g *grammar) {
	first := true
	for i := range m.tokens {
		t := &m.tokens[i]
		if t.clause || g.breaks(t.word) {
			first = true
		}
		t.first = first
		first = first && g.opens(t.word)
	}
	last := true
	for i := len(m.tokens) - 1; i >= 0; i-- {
		t := &m.tokens[i]
		if i+1 == len(m.tokens) || m.tokens[i+1].clause || g.breaks(m.tokens[i+1].word) {
			last = true
		}
		t.last = last
		last = last && g.closes(t.word)
	}
}
