package clickhouse

import (
	"bufio"
	"io"
	"strings"
)

// statement is the SQL of a request, parted from its data.
type statement struct {
	sql    string
	insert bool
	data   io.Reader // of an insert
	format string    // of an insert's data; of the result otherwise, "" where the statement doesn't say
}

// readStatement joins a query in the URL with one in the body, as a real server does, and finds where the data
// of an INSERT begins. Data never becomes part of the SQL given to the engine: that would cut binary formats at
// the first empty line.
func readStatement(query string, in io.Reader) (statement, error) {
	if ins, ok := splitInsert(query); ok && ins.explicit {
		inline := strings.TrimLeft(query[ins.data:], " \t\r\n;")
		return statement{ins.statement, true, io.MultiReader(strings.NewReader(inline), in), ins.format}, nil
	}
	buf := bufio.NewReaderSize(in, maxQueryText+1)
	head, err := buf.Peek(maxQueryText + 1)
	if err != nil && err != io.EOF {
		return statement{}, err
	}
	sql, prefix := string(head), 0
	if query != "" {
		sql, prefix = query+"\n"+sql, len(query)+1
	}
	ins, ok := splitInsert(sql)
	if ok && ins.explicit {
		begin := ins.data
		if ins.format != "Values" {
			begin = skipLine(sql, begin)
		}
		if _, err := buf.Discard(max(0, begin-prefix)); err != nil {
			return statement{}, err
		}
		return statement{ins.statement, true, buf, ins.format}, nil
	}
	if len(head) > maxQueryText {
		return statement{}, exception(62, "SYNTAX_ERROR", "The query is longer than %d bytes", maxQueryText)
	}
	if ok { // neither FORMAT nor VALUES: whatever the body brings is Values
		if _, err := buf.Discard(max(0, ins.data-prefix)); err != nil {
			return statement{}, err
		}
		return statement{ins.statement, true, buf, ins.format}, nil
	}
	if _, more := (&lexer{s: sql}).next(); !more {
		return statement{}, exception(62, "SYNTAX_ERROR", "Empty query")
	}
	return statement{sql: sql, format: outputFormat(sql)}, nil
}

// skipLine moves behind blanks and one line feed, where the data begins after FORMAT.
func skipLine(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\t' || s[i] == '\r') {
		i++
	}
	if i < len(s) && s[i] == '\n' {
		i++
	}
	return i
}
