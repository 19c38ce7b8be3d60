package record

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Statements judges what a deployment's records say of its conduct, beyond that each of them is in order. It takes the records of one
// ledger after another, each in order, after they have been verified.
type Statements struct {
	noAI, met, within Statement
	policies          map[string][]string // of the ledger in hand and its earlier generations: the types that are human-only, by version; nil where it can't be told
	why               map[string]string   // why it can't
	series            string              // the ledger's name without its generation: the next one goes on with the policies
	flagged, turned   int64               // cases of a human-only type: with a breach on record; that the AI had before they were of it
	firstFlagged      string
	open              int64          // requests that are open breaches
	months            map[int]*Month // by months since the year 0
}

// NewStatements begins without records.
func NewStatements() *Statements {
	return &Statements{
		noAI:     Statement{Name: "no-ai-on-human-only", Says: "no case of a human-only type has an AI's turn that is not on record as a breach"},
		met:      Statement{Name: "human-requests-met", Says: "every request for a human has the time at which one joined, or an open breach"},
		within:   Statement{Name: "human-within-3-minutes", Says: "of the requests of each month, UTC, 95 % waited under 3 minutes", Figure: true},
		policies: map[string][]string{}, why: map[string]string{}, months: map[int]*Month{},
	}
}

// next begins with the next generation of the ledger in hand, without records. Its cases may name policies of this one.
func (s *Statements) next() *Statements {
	n := NewStatements()
	n.series, n.policies, n.why = s.series, maps.Clone(s.policies), maps.Clone(s.why)
	return n
}

// Take takes the next record.
func (s *Statements) Take(r *Record) {
	if series := r.Ledger[:strings.LastIndexByte(r.Ledger, '/')+1]; series != s.series || series == "" && r.Kind == KindGenesis {
		s.series, s.policies, s.why = series, map[string][]string{}, map[string]string{}
	}
	switch r.Kind {
	case KindPolicy:
		s.policy(&r.Policy)
	case KindCase:
		s.guarded(r)
		if r.Case.HumanRequestedAt.Set {
			s.requested(r)
		}
	}
}

// policy keeps what a policy says, for the cases that name it.
func (s *Statements) policy(p *Policy) {
	types, err := HumanOnly(p.Document)
	before, known := s.policies[p.Version]
	if s.policies[p.Version] = types; err != nil {
		s.why[p.Version] = err.Error()
	} else if known && !slices.Equal(before, types) {
		s.why[p.Version] = "two policies have that version"
	}
}

// guarded is no-ai-on-human-only of one case.
func (s *Statements) guarded(r *Record) {
	c := &r.Case
	turns := c.AIMessages > 0 || c.Route != RouteHumanHandled
	types, known := s.policies[c.PolicyVersion]
	switch why := s.why[c.PolicyVersion]; {
	case c.PolicyVersion == "": // everything goes to a human then
		if s.noAI.Count++; c.Route != RouteHumanHandled {
			s.noAI.against(r, "an AI had it while no policy was in force")
			return
		}
	case !known || why != "":
		if turns && !known {
			s.noAI.unsure(r, fmt.Sprintf("names policy %q, which is not in the ledger before it", c.PolicyVersion))
		} else if turns {
			s.noAI.unsure(r, fmt.Sprintf("names policy %q, of which this program can't read the human-only types: %s", c.PolicyVersion, why))
		}
		return
	case !slices.Contains(types, c.CaseType):
		return
	default:
		s.noAI.Count++
	}
	switch {
	case c.Route == RouteAIHandled:
		s.noAI.against(r, fmt.Sprintf("type %s, which is human-only, and the AI had it to its end", c.CaseType))
	case c.Route == RouteHumanHandled && c.AIMessages > 0 && !c.GuardBreach:
		s.noAI.against(r, fmt.Sprintf("type %s, with %d messages of an AI, and no breach on record", c.CaseType, c.AIMessages))
	case c.GuardBreach:
		if s.flagged++; s.flagged == 1 {
			s.firstFlagged = where(r)
		}
	case c.Route == RouteAIThenEscalated:
		s.turned++
	}
}

// under is what a request may wait, in milliseconds, and duty the share of requests, in percent, that must wait less.
const (
	under = 3 * 60 * 1000
	duty  = 95
)

// requested is human-requests-met and human-within-3-minutes of one case. A request that nobody answered is an open breach: the record
// says when it was made, that nobody has joined, and that the case was a human's from then on at the latest.
func (s *Statements) requested(r *Record) {
	c := &r.Case
	at := c.HumanRequestedAt.Value
	day := time.UnixMilli(at).UTC()
	key := day.Year()*12 + int(day.Month()) - 1
	m := s.months[key]
	if m == nil {
		m = &Month{Month: day.Format("2006-01")}
		s.months[key] = m
	}
	m.Requests++
	s.met.Count++
	s.within.Count++
	switch {
	case c.HumanJoinedAt.Set:
		// Who was there before has not been waited for. Unsigned, as times of a hostile ledger may be far apart.
		if joined := c.HumanJoinedAt.Value; joined <= at || uint64(joined)-uint64(at) < under {
			m.InTime++
		}
	case c.Handler == HandlerHuman && (c.Route == RouteHumanHandled || c.EscalatedAt.Set && c.EscalatedAt.Value <= at):
		m.Never++
		s.open++
	default:
		m.Never++
		s.met.against(r, "its customer asked for a human, no human joined, and the AI kept it")
	}
}

// Join adds what was found of other ledgers, which come after.
func (s *Statements) Join(o *Statements) {
	s.noAI.join(&o.noAI)
	s.met.join(&o.met)
	s.within.join(&o.within)
	if s.flagged == 0 {
		s.firstFlagged = o.firstFlagged
	}
	s.flagged, s.turned, s.open = s.flagged+o.flagged, s.turned+o.turned, s.open+o.open
	for key, m := range o.months {
		sum := s.months[key]
		if sum == nil {
			sum = &Month{Month: m.Month}
			s.months[key] = sum
		}
		sum.Requests, sum.InTime, sum.Never = sum.Requests+m.Requests, sum.InTime+m.InTime, sum.Never+m.Never
	}
}

func where(r *Record) string {
	return fmt.Sprintf("ledger %s sequence %d, case %q", r.Ledger, r.Sequence, r.Case.CaseID)
}
