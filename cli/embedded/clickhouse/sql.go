package clickhouse

import "strings"

// insertText is an INSERT taken apart: the statement without FORMAT or VALUES, the format of its data, and where
// in the text the data begins.
type insertText struct {
	statement string
	format    string
	data      int
	explicit  bool // FORMAT or VALUES was found; else the text may simply not be complete yet
}

// splitInsert finds "INSERT ... FORMAT x <data>" or "INSERT ... VALUES <data>". ok is false for anything else,
// INSERT ... SELECT among it.
func splitInsert(s string) (ins insertText, ok bool) {
	l := lexer{s: s}
	if t, _ := l.next(); t.word != "INSERT" {
		return ins, false
	}
	depth, opened := 0, false
	for {
		t, more := l.next()
		if !more {
			return insertText{s, "Values", len(s), false}, true
		}
		after := opened
		opened = false
		switch c := s[t.from]; {
		case c == '(':
			depth++
			opened = true
		case c == ')':
			depth--
		case (t.word == "SELECT" || t.word == "WITH") && (depth == 0 || after):
			return ins, false
		case depth != 0:
		case c == ';':
			return insertText{s[:t.from], "Values", t.to, false}, true
		case t.word == "INFILE" || t.word == "WATCH":
			return ins, false
		case t.word == "VALUES":
			return insertText{s[:t.from], "Values", t.to, true}, true
		case t.word == "FORMAT":
			name, _ := l.next()
			if name.word == "" {
				return ins, false
			}
			return insertText{s[:t.from], s[name.from:name.to], name.to, true}, true
		}
	}
}

// outputFormat is the FORMAT clause at the end of a query, or "".
func outputFormat(s string) string {
	l := lexer{s: s}
	depth, format := 0, ""
	for {
		t, more := l.next()
		if !more {
			return format
		}
		switch c := s[t.from]; {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case t.word == "FORMAT" && depth == 0:
			ahead := l
			name, _ := ahead.next()
			end, more := ahead.next()
			if name.word != "" && (!more || end.word == "SETTINGS" || s[end.from] == ';') {
				format = s[name.from:name.to]
			}
		}
	}
}

// forbidden names what in a statement would reach the files of this machine, or "". The engine is embedded as
// ClickHouse's local tool is, for which these are allowed whatever the grants say.
func forbidden(s string) string {
	l := lexer{s: s}
	last := ""
	for {
		t, more := l.next()
		switch {
		case !more:
			return ""
		case last == "INTO" && t.word == "OUTFILE", last == "FROM" && t.word == "INFILE":
			return last + " " + t.word
		case last == "FILE" && s[t.from] == '(':
			return "file()"
		}
		last = t.word
		if c := s[t.from]; c == '`' || c == '"' { // a function's name may be quoted
			last = strings.ToUpper(strings.Trim(s[t.from:t.to], "`\""))
		}
	}
}

// readsOnly tells whether a statement can be nothing but a read. It is asked only where the engine's own
// readonly setting can't be used: in a session, which would keep it.
func readsOnly(s string) bool {
	l := lexer{s: s}
	first, _ := l.next()
	switch first.word {
	case "SELECT", "SHOW", "DESCRIBE", "DESC", "EXISTS", "EXPLAIN", "USE", "SET":
		return true
	case "WITH":
	default:
		return false
	}
	for {
		t, more := l.next()
		if !more {
			return true
		}
		if t.word == "INSERT" {
			return false
		}
	}
}
