// Package alert makes what is published about an episode of drift: its figures, the same in words, and the query for the
// cases behind it. It is pure.
package alert

import (
	"fmt"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/casetrail/casetrail/schemas"
)

// The names of case type and handler of a total.
const all = "all"

// Summary says in words what an alert's episode says in figures. Times are UTC.
func Summary(a *schemas.SegmentAlert) string {
	e := &a.Episode.Value
	var b strings.Builder
	if e.State == schemas.EpisodeStateClosed {
		b.WriteString("Over. ")
	}
	if a.Alert == schemas.AlertKindMaskedDrift {
		b.WriteString("Masked drift. ")
	}
	m := measureOf(e)
	fmt.Fprintf(&b, "%s: %s %s", subject(a), m.name, m.effect(e))
	if e.State == schemas.EpisodeStateClosed {
		fmt.Fprintf(&b, " from %s until %s", since(e), hour(e.At, e.At))
	} else {
		fmt.Fprintf(&b, " since %s", since(e))
	}
	fmt.Fprintf(&b, "; %s", m.aggregate(e))
	if a.Alert == schemas.AlertKindMaskedDrift && e.Masking.Set {
		fmt.Fprintf(&b, " (what fell took %.3f from it, what rose added %.3f)", -e.Masking.Value.GrossDown, e.Masking.Value.GrossUp)
	}
	fmt.Fprintf(&b, "; %s; %s.", m.basis(e), falseAlarm(e.FalseAlarmYears))
	return b.String()
}

// subject is whom an alert is about, at the beginning of a sentence.
func subject(a *schemas.SegmentAlert) string {
	who := map[string]string{"ai": "handled by AI", "human": "handled by humans", "ai_then_escalated": "escalated from AI to humans", all: ""}
	by, ok := who[a.Handler]
	if !ok {
		by = "handled by " + spaced(a.Handler)
	}
	if group := a.Episode.Value.Group; group.Set {
		name := map[string]string{"human_only": "All human-only case types", "ai_handles": "All case types that an AI may handle"}[group.Value]
		if name == "" {
			name = "All case types of " + spaced(group.Value)
		}
		if by != "" {
			name += ", "
		}
		return name + by
	}
	return strings.TrimSpace(cases(a.CaseType) + " " + by)
}

// cases is the cases of a type, of whatever company: dispute makes Disputes, refund_status makes Refund status cases.
func cases(caseType string) string {
	name := spaced(caseType)
	switch name {
	case "", all:
		return "All cases"
	case "unknown":
		return "Cases of unknown type"
	}
	first, size := utf8.DecodeRuneInString(name)
	return string(unicode.ToUpper(first)) + plural(name)[size:]
}

// adjectives are names of types that no s makes a plural.
var adjectives = map[string]bool{"other": true, "general": true, "misc": true, "urgent": true}

// plural is the English plural where the last word looks like a noun that has one, and the name with "cases" elsewhere.
func plural(name string) string {
	word := name[strings.LastIndexByte(name, ' ')+1:]
	odd := strings.ContainsFunc(word, func(r rune) bool { return r < 'a' || r > 'z' })
	for _, end := range []string{"s", "x", "z", "ch", "sh", "ing"} {
		odd = odd || strings.HasSuffix(word, end)
	}
	if odd || len(word) < 4 || adjectives[word] {
		return name + " cases"
	}
	if strings.HasSuffix(word, "y") && !strings.ContainsRune("aeiou", rune(word[len(word)-2])) {
		return name[:len(name)-1] + "ies"
	}
	return name + "s"
}

func spaced(name string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(name, "_", " ")), " ")
}

// falseAlarm says how rare an alert as strong as this is where nothing has changed.
func falseAlarm(years float64) string {
	const like = "a false alarm like this "
	switch {
	case math.IsNaN(years) || years <= 0:
		return like + "is not ruled out"
	case years >= 1e6:
		return like + "less than once in a million years"
	case years >= 9.5:
		return like + "once in " + grouped(int64(math.Round(years))) + " years"
	case years >= 1.05:
		return fmt.Sprintf(like+"once in %.1f years", years)
	case years >= 0.67:
		return like + "about once a year"
	}
	return fmt.Sprintf(like+"about %s times a year", grouped(int64(math.Round(1/years))))
}
