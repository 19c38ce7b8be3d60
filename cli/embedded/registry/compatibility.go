package registry

import (
	"fmt"
	"slices"
	"strings"

	"github.com/casetrail/casetrail/cli/embedded/registry/avro"
)

var levels = []string{"NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"}

func isLevel(s string) bool { return slices.Contains(levels, s) }

// level is what holds for a subject.
func (r *Registry) level(subject string) string {
	if l := r.state.levels[subject]; l != "" {
		return l
	}
	return r.global()
}

func (r *Registry) global() string {
	if l := r.state.levels[""]; l != "" {
		return l
	}
	return r.fallback
}

// incompatible lists why a schema may not follow the versions before it, oldest first.
func incompatible(level string, next *avro.Schema, before []*version) (problems []string) {
	if !strings.HasSuffix(level, "_TRANSITIVE") && len(before) > 0 {
		before = before[len(before)-1:]
	}
	base := strings.TrimSuffix(level, "_TRANSITIVE")
	for _, v := range slices.Backward(before) {
		if v.parsed == nil {
			continue
		}
		if base == "BACKWARD" || base == "FULL" {
			problems = append(problems, against("can't read what was written with", v, avro.Unreadable(next, v.parsed))...)
		}
		if base == "FORWARD" || base == "FULL" {
			problems = append(problems, against("can't be read by", v, avro.Unreadable(v.parsed, next))...)
		}
	}
	return problems
}

func against(what string, v *version, problems []string) []string {
	for i, p := range problems {
		problems[i] = fmt.Sprintf("the new schema %s version %d: %s", what, v.Version, p)
	}
	return problems
}
