package clickhouse

import "strings"

// lexer walks SQL far enough to tell words from strings, comments and punctuation. It never fails: what it
// doesn't know is a token of one byte, and what isn't closed ends at the end of the text.
type lexer struct {
	s   string
	pos int
}

// token is a piece of the text, s[from:to]; word is it in upper case if it is an unquoted word or number.
type token struct {
	from, to int
	word     string
}

// next returns the next token, or false at the end of the text.
func (l *lexer) next() (token, bool) {
	l.skipBlank()
	if l.pos >= len(l.s) {
		return token{from: len(l.s), to: len(l.s)}, false
	}
	t := token{from: l.pos}
	switch c := l.s[l.pos]; {
	case c == '\'' || c == '"' || c == '`':
		l.skipQuoted(c)
	case c == '$' && l.heredoc():
	case isWord(c):
		for l.pos < len(l.s) && isWord(l.s[l.pos]) {
			l.pos++
		}
		t.word = strings.ToUpper(l.s[t.from:l.pos])
	default:
		l.pos++
	}
	t.to = l.pos
	return t, true
}

func (l *lexer) skipBlank() {
	for l.pos < len(l.s) {
		rest := l.s[l.pos:]
		switch {
		case strings.IndexByte(" \t\n\r\f\v", rest[0]) >= 0:
			l.pos++
		case rest[0] == '#' || strings.HasPrefix(rest, "--"):
			l.skipPast("\n", 1)
		case strings.HasPrefix(rest, "/*"):
			l.skipPast("*/", 2)
		default:
			return
		}
	}
}

// skipPast moves behind the next end, looking for it from the offset on, or to the end of the text.
func (l *lexer) skipPast(end string, offset int) {
	from := l.pos + offset
	if i := strings.Index(l.s[from:], end); i >= 0 {
		l.pos = from + i + len(end)
	} else {
		l.pos = len(l.s)
	}
}

func (l *lexer) skipQuoted(quote byte) {
	for l.pos++; l.pos < len(l.s); l.pos++ {
		switch l.s[l.pos] {
		case '\\':
			l.pos++
		case quote:
			l.pos++
			return
		}
	}
	l.pos = len(l.s)
}

// heredoc skips $tag$ ... $tag$, and tells whether one stood here.
func (l *lexer) heredoc() bool {
	i := l.pos + 1
	for i < len(l.s) && isWord(l.s[i]) {
		i++
	}
	if i >= len(l.s) || l.s[i] != '$' {
		return false
	}
	tag := l.s[l.pos : i+1]
	l.skipPast(tag, len(tag))
	return true
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}
