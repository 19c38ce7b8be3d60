package verify

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
)

// effect is something that an event must cause, or something that the router wrote: what matters of it.
type effect struct {
	topic  string
	caseID string
	event  string // work and escalations: the event that is named
	what   string // the kind of work, the signal, amends, the policy's version, or the reason of a reject
	at     int64
	body   string // of conclusions and amendments: all that they say, encoded
}

func (e effect) String() string {
	s := e.topic + ": " + e.what
	if e.caseID != "" {
		s += " of case " + e.caseID
	}
	if e.event != "" {
		s += ", event " + e.event
	}
	if e.at != 0 {
		s += ", at " + clock(e.at)
	}
	return s
}

// told is an effect that stands in a topic.
type told struct {
	effect
	offset   int64 // in that topic
	position stage.Position
}

// tell reads what the router wrote.
func (v *run) tell(r stage.Record) (told, error) {
	t := told{effect: effect{topic: r.Topic}, offset: r.Offset, position: r.Position}
	m, err := v.Codec.Decode(r.Value)
	if err != nil {
		return t, err
	}
	switch m := m.(type) {
	case *schemas.WorkItem:
		t.caseID, t.event, t.what, t.at = m.CaseID, m.EventID, m.Work.String(), m.AssignedAt
		if want := (map[schemas.Handler]string{schemas.HandlerAI: pipelines.WorkAI, schemas.HandlerHuman: pipelines.WorkHuman}[m.Handler]); want != r.Topic {
			return t, fmt.Errorf("work for %s", m.Handler)
		}
		// The AI answers what is the AI's, and greets who has not said what it is about.
		greets := m.Work == schemas.WorkKindGreeting && m.Reason == schemas.RouteReasonAwaitingContent && m.CaseType == unknown
		answers := m.Work == schemas.WorkKindReply && m.Reason == schemas.RouteReasonCaseTypeAIHandled && m.CaseType != unknown
		if r.Topic == pipelines.WorkAI && !greets && !answers {
			return t, fmt.Errorf("a %s for the AI on case %s, type %s, because of %s", m.Work, m.CaseID, m.CaseType, m.Reason)
		}
	case *schemas.Escalation:
		t.caseID, t.event, t.what, t.at = m.CaseID, m.EventID, m.Signal.String(), m.EscalatedAt
	case *schemas.CaseConclusion:
		t.effect = concluded(&m.Case)
	case *schemas.CaseAmendment:
		t.effect = amended(&m.Amendment)
	case *schemas.PolicyApplied:
		t.what, t.at = "policy "+m.Policy.Version, m.Policy.AppliedAt
	case *schemas.LedgerOrder:
		t.effect = ordered(m)
	case *schemas.ChatReject:
		t.what = m.Reason
		if m.Topic != pipelines.CaseEvents || m.Partition != r.Position.Partition || m.Offset != r.Position.Offset {
			return t, fmt.Errorf("sends %s/%d offset %d back because of offset %d", m.Topic, m.Partition, m.Offset, r.Position.Offset)
		}
	case *schemas.Tick:
		t.what, t.at = ticked, m.Time
	default:
		return t, fmt.Errorf("is a %s", m.AvroName())
	}
	return t, nil
}

const ticked = "tick"

func concluded(c *schemas.ConductCase) effect {
	return effect{topic: pipelines.CaseConclusions, caseID: c.CaseID, what: "conclusion", at: c.ConcludedAt, body: string(c.AppendAvro(nil))}
}

func amended(a *schemas.ConductAmendment) effect {
	return effect{topic: pipelines.CaseConclusions, caseID: a.CaseID, what: "amendment", at: a.AmendedAt, body: string(a.AppendAvro(nil))}
}

func ordered(o *schemas.LedgerOrder) effect {
	return effect{topic: pipelines.CaseConclusions, what: "order", body: string(o.AppendAvro(nil))}
}

// is compares what must be with what is. A reason that is left open fits any.
func (e effect) is(want effect) bool {
	return e == want || e.topic == pipelines.ChatRejects && want.topic == e.topic && want.what == ""
}

// unlike says how an effect differs from the one that must be in its place; empty where it is not in its place at all.
func (e effect) unlike(want effect) string {
	if e.topic != want.topic || e.caseID != want.caseID || e.what != want.what || e.event != want.event {
		return ""
	}
	var ours, theirs schemas.Message
	switch e.what {
	case "conclusion":
		ours, theirs = &schemas.ConductCase{}, &schemas.ConductCase{}
	case "amendment":
		ours, theirs = &schemas.ConductAmendment{}, &schemas.ConductAmendment{}
	case "order":
		ours, theirs = &schemas.LedgerOrder{}, &schemas.LedgerOrder{}
	default:
		return fmt.Sprintf("at %d, want %d", e.at, want.at)
	}
	if ours.DecodeAvro([]byte(e.body)) != nil || theirs.DecodeAvro([]byte(want.body)) != nil {
		return "does not read"
	}
	return fields(ours, theirs)
}

// fields names the fields in which two messages of a type differ.
func fields(got, want schemas.Message) string {
	var out []string
	a, b := reflect.ValueOf(got).Elem(), reflect.ValueOf(want).Elem()
	for i := range a.NumField() {
		if x, y := a.Field(i).Interface(), b.Field(i).Interface(); fmt.Sprint(x) != fmt.Sprint(y) {
			out = append(out, fmt.Sprintf("%s is %v, want %v", a.Type().Field(i).Name, x, y))
		}
	}
	return strings.Join(out, "; ")
}

// match takes from got what is in want, and returns what is left of both.
func match(want []effect, got []told) ([]effect, []told) {
	var missing []effect
	for _, w := range want {
		if i := slices.IndexFunc(got, func(t told) bool { return t.is(w) }); i >= 0 {
			got = slices.Delete(got, i, i+1)
		} else {
			missing = append(missing, w)
		}
	}
	return missing, got
}
