package clickhouse

import (
	"strings"
	"testing"
)

func TestSplitInsert(t *testing.T) {
	for _, c := range []struct{ sql, statement, format, data string }{
		{"INSERT INTO t VALUES (1)", "INSERT INTO t ", "Values", " (1)"},
		{"insert into t(a, b) format Native\nxyz", "insert into t(a, b) ", "Native", "\nxyz"},
		{"INSERT INTO t /* VALUES */ (`values`) -- FORMAT x\nFORMAT TSV 1", "INSERT INTO t /* VALUES */ (`values`) -- FORMAT x\n", "TSV", " 1"},
		{"INSERT INTO t SETTINGS async_insert=0 VALUES ('FORMAT')", "INSERT INTO t SETTINGS async_insert=0 ", "Values", " ('FORMAT')"},
		{"INSERT INTO FUNCTION null('x UInt8') VALUES(1)", "INSERT INTO FUNCTION null('x UInt8') ", "Values", "(1)"},
		{"INSERT INTO t;", "INSERT INTO t", "Values", ""},
	} {
		ins, ok := splitInsert(c.sql)
		if !ok || ins.statement != c.statement || ins.format != c.format || c.sql[ins.data:] != c.data {
			t.Errorf("%q: got %+v %v", c.sql, ins, ok)
		}
	}
	for _, sql := range []string{"SELECT 1", "INSERT INTO t SELECT 1", "INSERT INTO t (SELECT 1)", "INSERT INTO t (a) WITH x AS (SELECT 1) SELECT * FROM x",
		"INSERT INTO t FROM INFILE 'x' FORMAT CSV", ""} {
		if ins, ok := splitInsert(sql); ok {
			t.Errorf("%q: got %+v", sql, ins)
		}
	}
}

func TestOutputFormat(t *testing.T) {
	for sql, format := range map[string]string{
		"SELECT 1":                            "",
		"SELECT 1 FORMAT JSON":                "JSON",
		"SELECT 1 FORMAT CSV;":                "CSV",
		"SELECT 1 FORMAT CSV SETTINGS x=1":    "CSV",
		"SELECT 'FORMAT JSON'":                "",
		"SELECT $x$ FORMAT JSON $x$":          "",
		"SELECT (SELECT 1 FORMAT CSV)":        "",
		"SELECT format FROM t":                "",
		"SELECT 1 -- FORMAT JSON":             "",
		"SELECT format, 1 FORMAT JSONEachRow": "JSONEachRow",
	} {
		if got := outputFormat(sql); got != format {
			t.Errorf("%q: got %q", sql, got)
		}
	}
}

func TestForbidden(t *testing.T) {
	for sql, bad := range map[string]bool{
		"SELECT 'file(x)'":                       false,
		"SELECT file FROM t":                     false,
		"SELECT file ('/etc/passwd')":            true,
		"SELECT FILE/**/('/etc/passwd')":         true,
		"SELECT `file`('/etc/passwd')":           true,
		"SELECT \"file\"('/etc/passwd')":         true,
		"SELECT 1 INTO OUTFILE 'x'":              true,
		"SELECT 1 INTO /* x */ OUTFILE 'x'":      true,
		"INSERT INTO t FROM INFILE 'x'":          true,
		"SELECT 1 -- INTO OUTFILE 'x'":           false,
		"SELECT it''s'', 'INTO OUTFILE', infile": false,
	} {
		if got := forbidden(sql); (got != "") != bad {
			t.Errorf("%q: got %q", sql, got)
		}
	}
}

func TestReadsOnly(t *testing.T) {
	for sql, reads := range map[string]bool{
		"SELECT 1": true, "with x as (select 1) select * from x": true, "/* a */ SHOW TABLES": true,
		"DROP TABLE t": false, "WITH 1 AS x INSERT INTO t SELECT x": false, "": false,
	} {
		if readsOnly(sql) != reads {
			t.Errorf("%q", sql)
		}
	}
}

func TestReadStatement(t *testing.T) {
	st, err := readStatement("", strings.NewReader("SELECT '"+strings.Repeat("x", maxQueryText)+"'"))
	if err == nil || exceptionCode(err) != 62 {
		t.Errorf("a query too long: %+v, %v", st.format, err)
	}
	if _, err := readStatement(" -- nothing\n", strings.NewReader("")); err == nil || exceptionCode(err) != 62 {
		t.Error("an empty query:", err)
	}
}

func FuzzLexer(f *testing.F) {
	for _, s := range []string{"INSERT INTO t (a) VALUES (1)", "SELECT 'a\\'b' -- x\n/* */ FORMAT JSON", "$a$ ' $a$", "`", "'\\", "/*", "$", "#\xff\x00", "INSERT INTO t FORMAT"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		last := 0
		for l := (lexer{s: s}); ; {
			tok, more := l.next()
			if !more {
				break
			}
			if tok.from < last || tok.to <= tok.from || tok.to > len(s) {
				t.Fatalf("%q: token %+v after %d", s, tok, last)
			}
			last = tok.to
		}
		if ins, ok := splitInsert(s); ok && (ins.data > len(s) || !strings.HasPrefix(s, ins.statement)) {
			t.Fatalf("%q: %+v", s, ins)
		}
		outputFormat(s)
		forbidden(s)
		readsOnly(s)
	})
}
