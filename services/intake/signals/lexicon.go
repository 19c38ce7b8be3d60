package signals

import (
	"math/bits"
)

type wordID uint16

const unknown wordID = 0

// key is a word that is worth recognising when it is misspelt.
type key struct {
	text string
	mask uint32 // which letters it has
	word wordID
}

func letters(text []byte) (mask uint32) {
	for _, b := range text {
		if b >= 'a' && b <= 'z' {
			mask |= 1 << (b - 'a')
		}
	}
	return mask
}

// guess recognises a word written with a letter too often, with digits for letters, or misspelt.
func (m *message) guess(g *grammar, text []byte) wordID {
	if len(text) > 24 {
		return unknown
	}
	digits, doubles := 0, 0
	for i, b := range text {
		if isDigit(b) {
			digits++
		}
		if i > 0 && text[i-1] == b {
			doubles++
		}
	}
	if digits == len(text) {
		return g.number
	}
	if digits > 0 {
		m.spare = m.spare[:0]
		for _, b := range text {
			switch b {
			case '0':
				b = 'o'
			case '1':
				b = 'i'
			case '3':
				b = 'e'
			case '4':
				b = 'a'
			case '5':
				b = 's'
			}
			m.spare = append(m.spare, b)
		}
		return g.words[string(m.spare)]
	}
	if doubles > 0 {
		m.spare = m.spare[:0]
		for i, b := range text {
			if i == 0 || text[i-1] != b {
				m.spare = append(m.spare, b)
			}
		}
		if w := g.words[string(m.spare)]; w != unknown {
			return w
		}
	}
	return g.misspelt(text)
}

// misspelt finds the key that text is one slip away from, or two if it is long: a letter left out, added, changed, or
// two swapped.
func (g *grammar) misspelt(text []byte) wordID {
	if len(text) < 4 {
		return unknown
	}
	mask := letters(text)
	best, least := unknown, 3
	for n := max(len(text)-2, 0); n <= len(text)+2 && n < len(g.keys); n++ {
		for i := range g.keys[n] {
			k := &g.keys[n][i]
			slips := 1
			if n >= 9 {
				slips = 2
			}
			if slips >= least {
				slips = least - 1
			}
			if abs(n-len(text)) > slips || bits.OnesCount32(mask^k.mask) > 2*slips {
				continue
			}
			if d := distance(text, k.text, slips); d <= slips {
				best, least = k.word, d
			}
		}
	}
	return best
}

func abs(n int) int { return max(n, -n) }

// distance counts slips between a and b, or gives more than limit. A swap of neighbours is one slip.
func distance(a []byte, b string, limit int) int {
	const size = 28
	if len(a) >= size || len(b) >= size {
		return limit + 1
	}
	var rows [3][size]int
	for j := 0; j <= len(b); j++ {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, previous, row := &rows[(i+1)%3], &rows[(i+2)%3], &rows[i%3]
		row[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			d := previous[j-1]
			if a[i-1] != b[j-1] {
				d++
			}
			d = min(d, previous[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, before[j-2]+1)
			}
			row[j] = d
			least = min(least, d)
		}
		if least > limit {
			return limit + 1
		}
	}
	return rows[len(a)%3][len(b)]
}

// maxRunOn is the longest run of letters that is taken apart.
const maxRunOn = 48

// split takes a run of letters apart into words of the rules, at least one of them a key, as few and as long as can be; false if
// it can't be done.
func (m *message) split(g *grammar, t token) bool {
	text := m.text[t.start:t.end]
	if len(text) > maxRunOn {
		return false
	}
	var parts, from [maxRunOn + 1]uint8
	var squares [maxRunOn + 1]int
	reach := 0
	for at := 0; at < len(text); at++ {
		if at > 0 && parts[at] == 0 {
			continue
		}
		for n := 1; n <= g.longest && at+n <= len(text); n++ {
			piece := text[at : at+n]
			if n < 2 && piece[0] != 'a' && piece[0] != 'i' {
				continue
			}
			if w := g.words[string(piece)]; w == unknown || g.has(w, alike) && len(g.member[w]) == 0 {
				continue
			}
			end, sum := at+n, squares[at]+n*n
			if parts[end] == 0 || parts[at]+1 < parts[end] || parts[at]+1 == parts[end] && sum >= squares[end] {
				parts[end], from[end], squares[end] = parts[at]+1, uint8(at), sum
			}
			reach = max(reach, at+n)
		}
		if reach <= at {
			return false
		}
	}
	n := int(parts[len(text)])
	if n < 2 || n*2 > len(text) {
		return false
	}
	first, keyed := len(m.tokens), false
	for range n {
		m.tokens = append(m.tokens, token{})
	}
	for end := len(text); n > 0; n-- {
		at := int(from[end])
		w := g.words[string(text[at:end])]
		m.tokens[first+n-1] = token{word: w, start: t.start + at, end: t.start + end}
		keyed = keyed || g.has(w, vital)
		end = at
	}
	if !keyed {
		m.tokens = m.tokens[:first]
		return false
	}
	m.tokens[first].sentence, m.tokens[first].clause = t.sentence, t.clause
	return true
}
