package registry

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// find is the version that a request names: a number, latest or -1.
func (r *Registry) find(req *http.Request) (*version, error) {
	subject, name := req.PathValue("subject"), req.PathValue("version")
	list := r.state.live(subject, flag(req, "deleted"))
	if len(list) == 0 {
		return nil, noSubject(subject)
	}
	if name == "latest" || name == "-1" {
		return list[len(list)-1], nil
	}
	n, err := strconv.Atoi(name)
	if err != nil || n < 1 {
		return nil, refuse(42202, "The specified version '%s' is not a valid version id: a positive number, -1 or \"latest\".", name)
	}
	for _, v := range list {
		if v.Version == n {
			return v, nil
		}
	}
	return nil, noVersion(name)
}

func (r *Registry) listSubjects(req *http.Request) (any, error) {
	out, prefix := []string{}, req.URL.Query().Get("subjectPrefix")
	for _, s := range r.state.names(flag(req, "deleted")) {
		if strings.HasPrefix(s, prefix) {
			out = append(out, s)
		}
	}
	return out, nil
}

func (r *Registry) listSchemas(req *http.Request) (any, error) {
	out := []*version{}
	for _, s := range r.state.names(flag(req, "deleted")) {
		out = append(out, r.state.live(s, flag(req, "deleted"))...)
	}
	return out, nil
}

func (r *Registry) listVersions(req *http.Request) (any, error) {
	list := r.state.live(req.PathValue("subject"), flag(req, "deleted"))
	if len(list) == 0 {
		return nil, noSubject(req.PathValue("subject"))
	}
	return numbers(list), nil
}

func numbers(list []*version) []int {
	out := []int{}
	for _, v := range list {
		out = append(out, v.Version)
	}
	return out
}

func (r *Registry) getVersion(req *http.Request) (any, error) { return r.find(req) }

func (r *Registry) getVersionText(req *http.Request) (any, error) {
	v, err := r.find(req)
	if err != nil {
		return nil, err
	}
	return plain(v.Schema), nil
}

func (r *Registry) lookup(req *http.Request, s submission) (any, error) {
	subject := req.PathValue("subject")
	list := r.state.live(subject, flag(req, "deleted"))
	if len(list) == 0 {
		return nil, noSubject(subject)
	}
	_, identity, err := s.parse()
	if err != nil {
		return nil, err
	}
	for _, v := range list {
		if v.identity == identity {
			return v, nil
		}
	}
	return nil, noSchema("of subject '" + subject + "'")
}

func (r *Registry) register(req *http.Request, s submission) (any, error) {
	subject := req.PathValue("subject")
	if len(subject) > 255 || strings.ContainsFunc(subject, func(c rune) bool { return c < ' ' }) {
		return nil, refuse(42208, "The specified subject '%.50s' is not a valid subject: at most 255 bytes, none of them control characters.", subject)
	}
	if s.ID > 0 || s.Version > 0 {
		return nil, refuse(42205, "this registry gives ids and versions itself; leave them out")
	}
	parsed, identity, err := s.parse()
	if err != nil {
		return nil, err
	}
	live := r.state.live(subject, false)
	for _, v := range live {
		if v.identity == identity {
			return map[string]int{"id": v.ID}, nil
		}
	}
	if problems := incompatible(r.level(subject), parsed, live); len(problems) > 0 {
		return nil, refuse(http.StatusConflict, "Schema being registered is incompatible with an earlier schema for subject %q (%s): %s",
			subject, r.level(subject), strings.Join(problems, "; "))
	}
	v := &version{Subject: subject, Version: 1, ID: r.state.lastID + 1, Schema: compact(s.Schema)}
	if id, ok := r.state.byText[identity]; ok {
		v.ID, v.Schema = id, r.state.byID[id]
	}
	if all := r.state.live(subject, true); len(all) > 0 {
		v.Version = all[len(all)-1].Version + 1
	}
	if err := r.write(req.Context(), schemaChange(v, false)); err != nil {
		return nil, err
	}
	return map[string]int{"id": v.ID}, nil
}

// compact takes white space out of a schema that is JSON.
func compact(text string) string {
	var b bytes.Buffer
	if json.Compact(&b, []byte(text)) != nil {
		return text
	}
	return b.String()
}

func (r *Registry) deleteSubject(req *http.Request) (any, error) {
	if flag(req, "permanent") {
		return nil, refuse(42205, "this registry does not delete for good: messages may still name the ids")
	}
	list := r.state.live(req.PathValue("subject"), false)
	if len(list) == 0 {
		return nil, noSubject(req.PathValue("subject"))
	}
	var changes []change
	for _, v := range list {
		changes = append(changes, schemaChange(v, true))
	}
	return numbers(list), r.write(req.Context(), changes...)
}

func (r *Registry) deleteVersion(req *http.Request) (any, error) {
	if flag(req, "permanent") {
		return nil, refuse(42205, "this registry does not delete for good: messages may still name the ids")
	}
	v, err := r.find(req)
	if err != nil {
		return nil, err
	}
	return v.Version, r.write(req.Context(), schemaChange(v, true))
}
