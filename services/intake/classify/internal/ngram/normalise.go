package ngram

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A message's beginning says what it is about and its end what is wanted; what lies between is left unread.
const (
	headRunes = 2000
	tailRunes = 500
	maxText   = 4 * (headRunes + tailRunes)
)

// normalise fills m.text.
func (m *Message) normalise(text string) {
	m.text = m.text[:0]
	head, tail := clip(text)
	m.Unread = len(head)+len(tail) < len(text)
	m.fold(head)
	if tail != "" {
		m.put('\n')
		m.fold(tail)
	}
}

func clip(text string) (head, tail string) {
	if len(text) <= headRunes+tailRunes {
		return text, ""
	}
	end := 0
	for n := 0; n < headRunes && end < len(text); n++ {
		_, size := utf8.DecodeRuneInString(text[end:])
		end += size
	}
	start := len(text)
	for n := 0; n < tailRunes && start > end; n++ {
		_, size := utf8.DecodeLastRuneInString(text[end:start])
		start -= size
	}
	return text[:end], text[start:]
}

func (m *Message) fold(text string) {
	for i := 0; i < len(text); i++ {
		if text[i] >= utf8.RuneSelf {
			m.foldUnicode(text)
			return
		}
	}
	digits := 0
	for i := 0; i < len(text); i++ {
		m.ascii(text[i], at(text, i+1), &digits)
	}
}

func at(text string, i int) byte {
	if i < len(text) {
		return text[i]
	}
	return 0
}

// foldUnicode decomposes by compatibility (NFKD is NFKC with its marks set apart), drops marks and invisible
// characters, and takes letters that only look Latin for the Latin ones.
func (m *Message) foldUnicode(text string) {
	m.raw = norm.NFKD.AppendString(m.raw[:0], text)
	digits := 0
	for i := 0; i < len(m.raw); {
		r, size := utf8.DecodeRune(m.raw[i:])
		i += size
		var next byte
		if i < len(m.raw) {
			next = m.raw[i]
		}
		if r < utf8.RuneSelf {
			m.ascii(byte(r), next, &digits)
			continue
		}
		if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
			continue
		}
		switch unicode.ToLower(r) {
		case '’', '‘', 'ʼ', '´', 'ʹ':
			continue
		case 'ß':
			m.ascii('s', next, &digits)
			m.ascii('s', next, &digits)
			continue
		case '£', '€', '¥', '₹':
			m.put('$')
			continue
		case '…', '。', '、', '¿', '¡':
			m.put('\n')
			continue
		}
		if latin, ok := lookalikes[r]; ok {
			m.ascii(latin, next, &digits)
			continue
		}
		digits = 0
		switch {
		case unicode.IsLetter(r):
			if len(m.text) < maxText {
				m.text = utf8.AppendRune(m.text, unicode.ToLower(r))
			}
		case unicode.IsDigit(r):
			m.ascii('0', next, &digits)
		default:
			m.put(' ')
		}
	}
}

// ascii puts one byte. Numbers keep only their rough length (1-2, 3-4, more digits), and a letter stands at most
// twice in a row, so that "soooo" is one word however long.
func (m *Message) ascii(b, next byte, digits *int) {
	if b >= '0' && b <= '9' {
		if *digits++; *digits == 1 || *digits == 3 || *digits == 5 {
			m.put('0')
		}
		return
	}
	number := *digits > 0
	if !(number && (b == ',' || b == '.') && next >= '0' && next <= '9') {
		*digits = 0
	} else {
		return
	}
	switch {
	case b >= 'a' && b <= 'z':
		m.letter(b)
	case b >= 'A' && b <= 'Z':
		m.letter(b | 0x20)
	case b == '$':
		m.put('$')
	case b == '\'' || b == '`':
	case b == '!' || b == '?':
		m.put('\n')
	case b == '.' || b == ';' || b == '\n':
		m.put('\n')
	default:
		m.put(' ')
	}
}

func (m *Message) letter(b byte) {
	if n := len(m.text); n >= 2 && m.text[n-1] == b && m.text[n-2] == b {
		return
	}
	m.put(b)
}

func (m *Message) put(b byte) {
	if len(m.text) < maxText {
		m.text = append(m.text, b)
		return
	}
	m.Unread = true
}
