package alert

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/casetrail/casetrail/schemas"
)

// measure is how a metric's figures are said.
type measure struct {
	name   string
	scale  float64 // from the figure to what is said
	digits int
	unit   string
}

// measureOf gives CSAT in points with two decimals, and shares in percentage points with as many as the change needs.
func measureOf(e *schemas.Episode) measure {
	if e.Metric == "csat" {
		return measure{name: "CSAT", scale: 1, digits: 2}
	}
	m := measure{scale: 100, digits: 1, unit: " percentage points"}
	if most := max(math.Abs(e.ChangeLow), math.Abs(e.ChangeHigh), math.Abs(e.Change)); most < 0.01 {
		m.digits = 2
	}
	m.name = map[string]string{"csat_response": "CSAT response rate", "complaint": "complaint rate",
		"escalation": "escalation rate", "repeat_contact": "repeat contact rate"}[e.Metric]
	if m.name == "" {
		m.name = spaced(e.Metric)
	}
	return m
}

// effect is the change with its interval, such as "down 0.31 (0.18 to 0.44)".
func (m measure) effect(e *schemas.Episode) string {
	way := m.way(e.Change)
	low, high := e.ChangeLow, e.ChangeHigh
	var interval string
	switch {
	case way == "down" && m.way(high) != "up":
		interval = m.size(high) + " to " + m.size(low)
	case way == "up" && m.way(low) != "down":
		interval = m.size(low) + " to " + m.size(high)
	default:
		interval = m.signed(low) + " to " + m.signed(high)
	}
	out := way
	if way != "unchanged" {
		out += " " + m.size(e.Change) + m.unit
	}
	if e.State == schemas.EpisodeStateClosed {
		out = "was " + out
	}
	out += " (" + interval + ")"
	switch e.Reference {
	case schemas.ReferenceKindHuman:
		out += " against humans on the same case type"
	case schemas.ReferenceKindAccepted:
		out += " against the accepted level"
	}
	return out
}

func (m measure) aggregate(e *schemas.Episode) string {
	is, change := "is", e.Aggregate1-e.Aggregate0
	if e.State == schemas.EpisodeStateClosed {
		is = "was"
	}
	return "the aggregate " + is + " " + m.signed(change)
}

// signed is a change with its direction: up 0.01, down 0.20, unchanged.
func (m measure) signed(change float64) string {
	if way := m.way(change); way != "unchanged" {
		return way + " " + m.size(change)
	}
	return "unchanged"
}

// way is the direction of what is said, after rounding.
func (m measure) way(change float64) string {
	switch {
	case strings.Trim(m.size(change), "0.") == "":
		return "unchanged"
	case change < 0:
		return "down"
	}
	return "up"
}

func (m measure) size(change float64) string {
	return strconv.FormatFloat(math.Abs(change*m.scale), 'f', m.digits, 64)
}

// basis is how much it rests on. A rating counts when it comes, so it may be of an earlier case.
func (m measure) basis(e *schemas.Episode) string {
	out := number(e.Cases, "case")
	if e.Metric == "csat" {
		out += ", " + number(e.N, "rating")
	}
	return out
}

func number(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return grouped(n) + " " + thing + "s"
}

// grouped is a whole number with commas.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// precise is how short the 90 % interval must be for an hour to be named, and not a day.
const precise = 24 * time.Hour

// since is when it began, as exactly as is known.
func since(e *schemas.Episode) string {
	if e.SinceHigh-e.SinceLow <= precise.Milliseconds() {
		return "about " + hour(e.Since, e.At)
	}
	return "about " + day(e.Since, e.At) + " UTC"
}

// hour is an hour and its day, with the year where that is not the one in which it is said.
func hour(ms, said int64) string {
	return time.UnixMilli(ms).UTC().Format("15:04 UTC on ") + day(ms, said)
}

func day(ms, said int64) string {
	t := time.UnixMilli(ms).UTC()
	if t.Year() != time.UnixMilli(said).UTC().Year() {
		return t.Format("2 January 2006")
	}
	return fmt.Sprintf("%d %s", t.Day(), t.Month())
}
