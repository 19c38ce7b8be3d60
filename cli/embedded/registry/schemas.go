package registry

import (
	"net/http"
	"strconv"
	"strings"
)

func (r *Registry) id(req *http.Request) (int, string, error) {
	id, err := strconv.Atoi(req.PathValue("id"))
	text, ok := r.state.byID[id]
	if err != nil || !ok {
		return 0, "", noSchema(req.PathValue("id"))
	}
	return id, text, nil
}

func (r *Registry) schemaByID(req *http.Request) (any, error) {
	_, text, err := r.id(req)
	return map[string]string{"schema": text}, err
}

func (r *Registry) schemaTextByID(req *http.Request) (any, error) {
	_, text, err := r.id(req)
	return plain(text), err
}

func (r *Registry) subjectsByID(req *http.Request) (any, error) {
	id, _, err := r.id(req)
	out := []string{}
	for _, v := range r.state.users(id, flag(req, "deleted")) {
		if len(out) == 0 || out[len(out)-1] != v.Subject {
			out = append(out, v.Subject)
		}
	}
	return out, err
}

func (r *Registry) versionsByID(req *http.Request) (any, error) {
	type use struct {
		Subject string `json:"subject"`
		Version int    `json:"version"`
	}
	id, _, err := r.id(req)
	out := []use{}
	for _, v := range r.state.users(id, flag(req, "deleted")) {
		out = append(out, use{v.Subject, v.Version})
	}
	return out, err
}

type verdict struct {
	OK       bool     `json:"is_compatible"`
	Messages []string `json:"messages,omitempty"`
}

// checkAll checks against the versions that registering would check against.
func (r *Registry) checkAll(req *http.Request, s submission) (any, error) {
	subject := req.PathValue("subject")
	return r.judge(req, s, r.level(subject), r.state.live(subject, false))
}

// checkOne checks against one version only.
func (r *Registry) checkOne(req *http.Request, s submission) (any, error) {
	v, err := r.find(req)
	if err != nil {
		return nil, err
	}
	return r.judge(req, s, r.level(v.Subject), []*version{v})
}

func (r *Registry) judge(req *http.Request, s submission, level string, before []*version) (any, error) {
	parsed, _, err := s.parse()
	if err != nil {
		return nil, err
	}
	problems := incompatible(level, parsed, before)
	out := verdict{OK: len(problems) == 0}
	if flag(req, "verbose") {
		out.Messages = problems
	}
	return out, nil
}

func (r *Registry) getLevel(req *http.Request) (any, error) {
	subject := req.PathValue("subject")
	level := r.state.levels[subject]
	if subject == "" || level == "" && flag(req, "defaultToGlobal") {
		level = r.level(subject)
	}
	if level == "" {
		return nil, refuse(40408, "Subject '%s' does not have subject-level compatibility configured", subject)
	}
	return map[string]string{"compatibilityLevel": level}, nil
}

type levelRequest struct {
	Level string `json:"compatibility"`
}

func (r *Registry) putLevel(req *http.Request, want levelRequest) (any, error) {
	want.Level = strings.ToUpper(want.Level)
	if !isLevel(want.Level) {
		return nil, refuse(42203, "Invalid compatibility level %q. Valid values are %s", want.Level, strings.Join(levels, ", "))
	}
	return want, r.write(req.Context(), levelChange(req.PathValue("subject"), want.Level))
}

func (r *Registry) deleteLevel(req *http.Request) (any, error) {
	subject := req.PathValue("subject")
	old := r.state.levels[subject]
	if old == "" && subject != "" {
		return nil, refuse(40408, "Subject '%s' does not have subject-level compatibility configured", subject)
	}
	if old == "" {
		old = r.global()
	}
	return levelRequest{old}, r.write(req.Context(), levelChange(subject, ""))
}
