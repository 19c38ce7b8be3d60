package clickhouse

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestHTTP(t *testing.T) {
	p := mustStart(t, t.TempDir())
	exec1(t, p, "CREATE TABLE t (x UInt64, s String) ENGINE=MergeTree ORDER BY x")

	t.Run("GET reads", func(t *testing.T) {
		if status, got := send(t, "GET", p, nil, "query", "SELECT 1+{n:UInt8} FORMAT JSONEachRow", "param_n", "2"); status != 200 || got != "{\"plus(1, 3)\":3}\n" && !strings.HasSuffix(got, ":3}\n") {
			t.Error(status, got)
		}
		for _, session := range []string{"", "s"} {
			if status, got := send(t, "GET", p, nil, "query", "DROP TABLE t", "session_id", session); status == 200 || !strings.Contains(got, "READONLY") {
				t.Error(status, got)
			}
		}
	})
	t.Run("errors", func(t *testing.T) {
		for sql, expected := range map[string]string{
			"SELECT * FROM nothing":             "404 Code: 60.",
			"SELEC 1":                           "400 Code: 62.",
			"":                                  "400 Code: 62.",
			"SELECT 1 INTO OUTFILE 'x'":         "403 Code: 497.",
			"SELECT * FROM file('/etc/passwd')": "403 Code: 497.",
			"SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'x String')":                                    "403 Code: 497.",
			"SELECT * FROM format(Values, 'x String', concat('(fil', 'e(\\'/etc/passwd\\'))'))":              "500 Code: 344.",
			"INSERT INTO t (s) VALUES (file('/etc/passwd'))":                                                 "500 Code: 344.",
			"INSERT INTO t (s) SETTINGS input_format_values_interpret_expressions=1 VALUES (file('/etc/x'))": "",
			"SELECT throwIf(number = 3) FROM numbers(10)":                                                    "500 Code: 395.",
			"INSERT INTO t FORMAT TSV\nnot a number":                                                         "400 Code: 27.",
		} {
			status, got := ask(t, p, sql)
			if status == 200 || !strings.HasPrefix(fmt.Sprint(status, " ", got), expected) {
				t.Errorf("%s\n got %d %s\nwant %s", sql, status, got, expected)
			}
		}
		want(t, p, "0\n", "SELECT count() FROM t")
		if status, _ := ask(t, p, "SELECT 1", "bad name", "1"); status != 404 {
			t.Error(status)
		}
	})
	t.Run("an error after the first byte", func(t *testing.T) {
		status, got := ask(t, p, "SELECT throwIf(number = 5000000) FROM numbers(10000000)")
		if status != 200 || !strings.Contains(got, "__exception__") || !strings.Contains(got, "Code: 395.") {
			t.Error(status, got[max(0, len(got)-300):])
		}
	})
	t.Run("blocks become one document", func(t *testing.T) {
		_, got := ask(t, p, "SELECT number, 'a\nb' AS s FROM numbers(200000) FORMAT CSVWithNamesAndTypes")
		if n := strings.Count(got, "\"number\""); n != 1 || strings.Count(got, "\n") != 2+2*200_000 {
			t.Error(n, strings.Count(got, "\n"))
		}
	})
	t.Run("no way to this machine's files", func(t *testing.T) {
		if runtime.GOOS != "linux" {
			t.Skip("SKIPPED: only Linux has Landlock")
		}
		secret := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(secret, []byte("secret\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		sql := "SELECT * FROM format(JSONEachRow, concat('a String, b String DEFAULT fi', 'le(\\'" + secret + "\\')'), '{\"a\":\"1\"}')"
		if status, got := ask(t, p, sql); strings.Contains(got, "secret") || !strings.Contains(got, "denied") {
			t.Error(status, got)
		}
	})
	t.Run("sessions", func(t *testing.T) {
		in := func(sql, expected string) { t.Helper(); want(t, p, expected, sql, "session_id", "a") }
		in("CREATE TEMPORARY TABLE tmp (x UInt8)", "")
		in("INSERT INTO tmp VALUES (1),(2)", "")
		in("SELECT sum(x) FROM tmp", "3\n")
		in("SET max_threads = 1", "")
		want(t, p, "7\tsystem\n", "SELECT getSetting('max_threads'), currentDatabase()", "session_id", "a", "max_threads", "7", "database", "system")
		in("SELECT getSetting('max_threads'), currentDatabase()", "1\tdefault\n")
		if status, _ := send(t, "GET", p, nil, "query", "SELECT 1", "session_id", "a"); status != 200 {
			t.Error(status)
		}
		in("INSERT INTO tmp VALUES (3)", "") // a GET in between hasn't made it read-only
		if status, _ := ask(t, p, "SELECT * FROM tmp"); status != 404 {
			t.Error("a temporary table is seen outside its session")
		}
		if status, got := ask(t, p, "SELECT 1", "session_id", "b", "session_check", "1"); status == 200 || !strings.Contains(got, "372") {
			t.Error(status, got)
		}
	})
	t.Run("external tables", func(t *testing.T) {
		for structure, expected := range map[string]int{"x UInt8": 200, "x UInt8, s String DEFAULT file('/etc/passwd')": 403} {
			body := "--b\r\nContent-Disposition: form-data; name=\"ext\"; filename=\"f\"\r\n\r\n1\n2\n\r\n--b--\r\n"
			req := post(t, p, strings.NewReader(body), "query", "SELECT sum(x) FROM ext", "ext_structure", structure)
			req.Header.Set("Content-Type", "multipart/form-data; boundary=b")
			if status, got := do(t, req); status != expected || status == 200 && got != "3\n" {
				t.Error(structure, status, got)
			}
		}
	})
	t.Run("browsers", func(t *testing.T) {
		req := post(t, p, strings.NewReader("SELECT 1"))
		req.Header.Set("Origin", "https://example.com")
		if status, got := do(t, req); status != http.StatusForbidden {
			t.Error(status, got)
		}
		req = post(t, p, strings.NewReader("SELECT 1"))
		req.Host = "rebound.example.com"
		if status, got := do(t, req); status != http.StatusForbidden {
			t.Error(status, got)
		}
	})
	t.Run("a client that leaves", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		req := post(t, p, strings.NewReader("SELECT sleepEachRow(1) FROM numbers(60) SETTINGS max_block_size=1"), "function_sleep_max_microseconds_per_block", "99000000").WithContext(ctx)
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			if resp, err := http.DefaultClient.Do(req); err == nil {
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		}()
		running := func() string {
			_, n := ask(t, p, "SELECT count() FROM system.processes WHERE query LIKE 'SELECT sleepEachRow%'")
			return n
		}
		until(t, "the statement runs", func() bool { return running() == "1\n" })
		cancel()
		<-gone
		until(t, "the statement is killed", func() bool { return running() == "0\n" })
	})
}

// Whatever a body is torn by, nothing of it may be committed.
func TestTornBody(t *testing.T) {
	p := mustStart(t, t.TempDir())
	exec1(t, p, "CREATE TABLE t (x UInt64) ENGINE=MergeTree ORDER BY x")
	rows := bytes.Repeat([]byte("12345678"), 1000)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write(rows)
	z.Close()
	for name, c := range map[string]struct {
		body     io.Reader
		length   int64
		encoding string
	}{
		"chunked":         {io.MultiReader(bytes.NewReader(rows), failing{}), -1, ""},
		"content length":  {io.MultiReader(bytes.NewReader(rows), failing{}), 16_000, ""},
		"gzip":            {bytes.NewReader(zipped.Bytes()[:zipped.Len()-9]), -1, "gzip"},
		"gzip goes on":    {io.MultiReader(bytes.NewReader(zipped.Bytes()), failing{}), -1, "gzip"},
		"a row cut short": {bytes.NewReader(rows[:7999]), -1, ""},
	} {
		req := post(t, p, c.body, "query", "INSERT INTO t FORMAT RowBinary")
		req.ContentLength = c.length
		if c.encoding != "" {
			req.Header.Set("Content-Encoding", c.encoding)
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode == 200 {
				t.Errorf("%s: accepted", name)
			}
		}
		until(t, "the insert has ended", func() bool {
			_, n := ask(t, p, "SELECT count() FROM system.processes WHERE query LIKE 'INSERT%'")
			return n == "0\n"
		})
		want(t, p, "0\n", "SELECT count() FROM t")
	}
	want(t, p, "", string("INSERT INTO t FORMAT RowBinary\n")+string(rows))
	want(t, p, "1000\n", "SELECT count() FROM t")
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, fmt.Errorf("the client dies here") }

func post(t testing.TB, p *Process, body io.Reader, params ...string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL()+"/?"+values(params...).Encode(), body)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func do(t testing.TB, req *http.Request) (int, string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}
