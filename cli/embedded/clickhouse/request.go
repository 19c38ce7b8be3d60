package clickhouse

import (
	"crypto/rand"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
)

// request is what one HTTP request asks for.
type request struct {
	http     *http.Request
	params   url.Values
	id       string // the query's
	body     *body
	external []externalTable
	statement
}

// steering are the URL parameters that aren't settings of the engine: they steer the HTTP interface itself.
var steering = func() map[string]bool {
	m := map[string]bool{}
	for p := range strings.FieldsSeq("query database default_format session_id session_timeout session_check close_session " +
		"compress decompress user password quota_key query_id wait_end_of_query buffer_size stacktrace role " +
		"client_protocol_version log_comment") {
		m[p] = true
	}
	return m
}()

// parameters are those of the URL, with the headers that stand for some of them.
func parameters(r *http.Request) url.Values {
	p := r.URL.Query()
	for header, name := range map[string]string{
		"X-ClickHouse-Database": "database",
		"X-ClickHouse-Format":   "default_format",
		"X-ClickHouse-Query-Id": "query_id",
	} {
		if v := r.Header.Get(header); v != "" {
			p.Set(name, v)
		}
	}
	if p.Get("query_id") == "" {
		p.Set("query_id", newUUID())
	}
	return p
}

// readRequest reads everything but an INSERT's data.
func readRequest(w http.ResponseWriter, r *http.Request, p url.Values) (*request, error) {
	req := &request{http: r, params: p, id: p.Get("query_id")}
	if len(req.id) > 256 {
		return nil, exception(36, "BAD_ARGUMENTS", "query_id is longer than 256 bytes")
	}
	b, err := newBody(w, r, p.Get("decompress") == "1")
	if err != nil {
		return nil, err
	}
	req.body = b
	in := io.Reader(b)
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		if err := req.readMultipart(); err != nil {
			return nil, err
		}
		in = http.NoBody
	}
	if req.statement, err = readStatement(p.Get("query"), in); err != nil {
		return nil, err
	}
	if what := forbidden(req.sql); what != "" {
		return nil, refused(what)
	}
	if req.sessionID() != "" && req.readonly() && !readsOnly(req.sql) {
		return nil, exception(164, "READONLY", "A GET request can only read: use POST")
	}
	if req.format == "" {
		if req.format = p.Get("default_format"); req.format == "" {
			req.format = "TabSeparated"
		}
	}
	return req, nil
}

// readonly: whatever isn't POST reads only, as with a real server.
func (r *request) readonly() bool      { return r.http.Method != http.MethodPost }
func (r *request) sessionID() string   { return r.params.Get("session_id") }
func (r *request) is(flag string) bool { return r.params.Get(flag) == "1" }

// settings are the engine's settings that the request sets.
func (r *request) settings() (map[string]string, error) {
	m := map[string]string{}
	for name, values := range r.params {
		if steering[name] || strings.HasPrefix(name, "param_") || r.describesExternal(name) {
			continue
		}
		if strings.IndexFunc(name, func(c rune) bool { return c > 0x7f || !isWord(byte(c)) }) >= 0 || name == "" {
			return nil, exception(115, "UNKNOWN_SETTING", "Unknown setting %q", name)
		}
		m[name] = values[len(values)-1]
	}
	return m, nil
}

// queryParams are the values of {name:Type} in the statement.
func (r *request) queryParams() map[string]string {
	m := map[string]string{}
	for name := range maps.Keys(r.params) {
		if p, ok := strings.CutPrefix(name, "param_"); ok {
			m[p] = r.params.Get(name)
		}
	}
	return m
}

func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

func quoteName(s string) string {
	return "`" + strings.NewReplacer(`\`, `\\`, "`", "\\`").Replace(s) + "`"
}

func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
