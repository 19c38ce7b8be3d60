package registry

import (
	"slices"

	"github.com/casetrail/casetrail/cli/embedded/registry/avro"
)

// state is what the topic says. It is changed only by apply.
type state struct {
	subjects map[string][]*version // by version, the deleted ones too
	byID     map[int]string        // schema text
	byText   map[string]int        // id, by avro.Identity: one schema is one id, in whatever subjects
	levels   map[string]string     // compatibility by subject; "" is the global one
	lastID   int
}

// version is one schema of a subject.
type version struct {
	Subject string `json:"subject"`
	Version int    `json:"version"`
	ID      int    `json:"id"`
	Schema  string `json:"schema"`

	deleted  bool
	identity string
	parsed   *avro.Schema // nil where the topic holds what can't be read: it is shown, but nothing is compared with it
}

func newState() *state {
	return &state{subjects: map[string][]*version{}, byID: map[int]string{}, byText: map[string]int{}, levels: map[string]string{}}
}

// put adds or replaces a version.
func (s *state) put(v *version) {
	v.identity, _ = avro.Identity(v.Schema)
	if parsed, err := avro.Parse(v.Schema); err == nil {
		v.parsed = parsed
	}
	list := s.subjects[v.Subject]
	i, found := slices.BinarySearchFunc(list, v.Version, func(x *version, n int) int { return x.Version - n })
	if found {
		list[i] = v
	} else {
		list = slices.Insert(list, i, v)
	}
	s.subjects[v.Subject] = list
	s.byID[v.ID] = v.Schema
	if _, taken := s.byText[v.identity]; !taken {
		s.byText[v.identity] = v.ID
	}
	s.lastID = max(s.lastID, v.ID)
}

// drop takes a version out for good.
func (s *state) drop(subject string, n int) {
	list := slices.DeleteFunc(s.subjects[subject], func(v *version) bool { return v.Version == n })
	if s.subjects[subject] = list; len(list) == 0 {
		delete(s.subjects, subject)
	}
}

// live are the versions of a subject that are not deleted; with deleted, all.
func (s *state) live(subject string, deleted bool) []*version {
	var out []*version
	for _, v := range s.subjects[subject] {
		if deleted || !v.deleted {
			out = append(out, v)
		}
	}
	return out
}

// names are the subjects that have a live version; with deleted, all.
func (s *state) names(deleted bool) []string {
	out := []string{}
	for name := range s.subjects {
		if len(s.live(name, deleted)) > 0 {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// users are the versions with an id, by subject.
func (s *state) users(id int, deleted bool) []*version {
	var out []*version
	for _, name := range s.names(deleted) {
		for _, v := range s.live(name, deleted) {
			if v.ID == id {
				out = append(out, v)
			}
		}
	}
	return out
}
