package alert

import (
	"fmt"
	"strings"
	"time"

	"github.com/casetrail/casetrail/schemas"
)

// Query is SQL for ClickHouse: the cases behind an alert's episode, those first that speak the most for it. types are
// those of the episode's group, where it is about a group.
func Query(a *schemas.SegmentAlert, types []string) string {
	e := &a.Episode.Value
	var where []string
	if a.CaseType != all {
		types = []string{a.CaseType}
	}
	if len(types) > 0 {
		quoted := make([]string, len(types))
		for i, t := range types {
			quoted[i] = literal(t)
		}
		where = append(where, "case_type IN ("+strings.Join(quoted, ", ")+")")
	}
	if a.Handler != all {
		where = append(where, "handler_path = "+literal(a.Handler))
	}
	where = append(where, "concluded_at >= "+instant(e.Since), "concluded_at < "+instant(e.At))
	order := "concluded_at DESC"
	switch e.Metric {
	case "csat":
		where, order = append(where, "csat IS NOT NULL"), "csat, concluded_at DESC"
	case "csat_response":
		where = append(where, "csat IS NULL")
	case "complaint":
		where = append(where, "complaint")
	case "escalation":
		where = append(where, "escalated")
	}
	return fmt.Sprintf("SELECT * FROM cases WHERE %s ORDER BY %s LIMIT 100", strings.Join(where, " AND "), order)
}

// instant is a time as ClickHouse takes it in any time zone of a session.
func instant(ms int64) string {
	return "toDateTime64('" + time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05") + "', 3, 'UTC')"
}

// literal is a string as SQL has it. What comes from outside stands in no query otherwise.
func literal(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\x00", `\0`, "\n", `\n`).Replace(s) + "'"
}
