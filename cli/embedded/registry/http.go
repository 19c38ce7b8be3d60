package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/casetrail/casetrail/cli/embedded/registry/avro"
)

const (
	maxBody   = 1 << 20
	mediaType = "application/vnd.schemaregistry.v1+json"
)

// problem is an error that a client gets to see.
type problem struct {
	Code    int    `json:"error_code"`
	Message string `json:"message"`
}

func (p *problem) Error() string { return p.Message }

func refuse(code int, format string, args ...any) error {
	return &problem{code, fmt.Sprintf(format, args...)}
}

func noSubject(s string) error { return refuse(40401, "Subject '%s' not found.", s) }
func noVersion(n string) error { return refuse(40402, "Version %s not found.", n) }
func noSchema(what string) error {
	return refuse(40403, "Schema %s not found", what)
}

// plain is an answer that is not JSON-encoded again.
type plain string

// routes fills the mux. Each handler returns what is answered as JSON.
func (r *Registry) routes() {
	r.mux = http.NewServeMux()
	read := func(pattern string, h func(*http.Request) (any, error)) { r.route(pattern, false, h) }
	change := func(pattern string, h func(*http.Request) (any, error)) { r.route(pattern, true, h) }
	read("GET /{$}", func(*http.Request) (any, error) { return struct{}{}, nil })
	read("GET /schemas", r.listSchemas)
	read("GET /schemas/types", func(*http.Request) (any, error) { return []string{"AVRO"}, nil })
	read("GET /schemas/ids/{id}", r.schemaByID)
	read("GET /schemas/ids/{id}/schema", r.schemaTextByID)
	read("GET /schemas/ids/{id}/subjects", r.subjectsByID)
	read("GET /schemas/ids/{id}/versions", r.versionsByID)
	read("GET /subjects", r.listSubjects)
	withBody(r, "POST /subjects/{subject}", false, r.lookup)
	change("DELETE /subjects/{subject}", r.deleteSubject)
	read("GET /subjects/{subject}/versions", r.listVersions)
	withBody(r, "POST /subjects/{subject}/versions", true, r.register)
	read("GET /subjects/{subject}/versions/{version}", r.getVersion)
	read("GET /subjects/{subject}/versions/{version}/schema", r.getVersionText)
	read("GET /subjects/{subject}/versions/{version}/referencedby", func(*http.Request) (any, error) { return []int{}, nil })
	change("DELETE /subjects/{subject}/versions/{version}", r.deleteVersion)
	withBody(r, "POST /compatibility/subjects/{subject}/versions", false, r.checkAll)
	withBody(r, "POST /compatibility/subjects/{subject}/versions/{version}", false, r.checkOne)
	for _, path := range []string{"/config", "/config/{subject}"} {
		read("GET "+path, r.getLevel)
		withBody(r, "PUT "+path, true, r.putLevel)
		change("DELETE "+path, r.deleteLevel)
	}
	for _, path := range []string{"/mode", "/mode/{subject}"} {
		read("GET "+path, func(*http.Request) (any, error) { return map[string]string{"mode": "READWRITE"}, nil })
		read("PUT "+path, func(*http.Request) (any, error) { return nil, refuse(42205, "this registry has no mode but READWRITE") })
	}
	read("/", func(req *http.Request) (any, error) {
		return nil, refuse(http.StatusNotFound, "%s %s is not part of this registry", req.Method, req.URL.Path)
	})
}

// route adds a route whose request has no body.
func (r *Registry) route(pattern string, changes bool, h func(*http.Request) (any, error)) {
	r.mux.HandleFunc(pattern, func(w http.ResponseWriter, req *http.Request) {
		v, err := r.locked(req, changes, h)
		answer(w, v, err)
	})
}

// withBody adds a route whose request has a JSON body, which is read before the lock is taken.
func withBody[B any](r *Registry, pattern string, changes bool, h func(*http.Request, B) (any, error)) {
	r.mux.HandleFunc(pattern, func(w http.ResponseWriter, req *http.Request) {
		var body B
		if err := decode(w, req, &body); err != nil {
			answer(w, nil, err)
			return
		}
		v, err := r.locked(req, changes, func(req *http.Request) (any, error) { return h(req, body) })
		answer(w, v, err)
	})
}

// locked calls h with the lock that it needs. What h returns is not changed later, so it is sent without the lock.
func (r *Registry) locked(req *http.Request, changes bool, h func(*http.Request) (any, error)) (any, error) {
	if !changes {
		r.mu.RLock()
		defer r.mu.RUnlock()
		return h(req)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stale {
		if err := r.reload(req.Context()); err != nil {
			return nil, err
		}
	}
	return h(req)
}

// decode reads a body. It insists on JSON's media type: a page in a browser can't send that to another site unasked.
func decode(w http.ResponseWriter, req *http.Request, into any) error {
	if !strings.Contains(req.Header.Get("Content-Type"), "json") {
		return refuse(http.StatusUnsupportedMediaType, "send Content-Type: %s", mediaType)
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return refuse(http.StatusRequestEntityTooLarge, "a body of more than %d bytes", maxBody)
	}
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		return refuse(http.StatusBadRequest, "the body is not the JSON that was expected: %v", err)
	}
	return nil
}

func answer(w http.ResponseWriter, v any, err error) {
	status := http.StatusOK
	if err != nil {
		var p *problem
		if !errors.As(err, &p) {
			p = &problem{50001, err.Error()}
		}
		v, status = p, p.Code
		for status >= 1000 { // 40401 is a kind of 404
			status /= 10
		}
	}
	raw := []byte(nil)
	if text, ok := v.(plain); ok {
		raw = []byte(text)
	} else if raw, err = json.Marshal(v); err != nil {
		status, raw = http.StatusInternalServerError, []byte(`{"error_code":500,"message":"the answer can't be encoded"}`)
	}
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(status)
	_, _ = w.Write(raw) // the client has gone
}

// submission is a schema as clients send it.
type submission struct {
	Schema     string            `json:"schema"`
	Type       string            `json:"schemaType"`
	References []json.RawMessage `json:"references"`
	ID         int               `json:"id"`
	Version    int               `json:"version"`
}

// parse vets the schema, and returns it with its identity.
func (s submission) parse() (*avro.Schema, string, error) {
	switch {
	case s.Type != "" && s.Type != "AVRO":
		return nil, "", refuse(42201, "Invalid schema: type %s; this registry takes AVRO only", s.Type)
	case len(s.References) > 0:
		return nil, "", refuse(42201, "Invalid schema: references are not supported; define all types in one schema")
	}
	parsed, err := avro.Parse(s.Schema)
	if err != nil {
		return nil, "", refuse(42201, "Invalid schema: %v", err)
	}
	identity, err := avro.Identity(s.Schema)
	return parsed, identity, err
}

func flag(req *http.Request, name string) bool {
	on, err := strconv.ParseBool(req.URL.Query().Get(name))
	return err == nil && on
}
