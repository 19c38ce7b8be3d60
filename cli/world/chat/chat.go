// Package chat tells the cases of the simulated company as a chat platform would: one customer's message, whoever answers,
// the customer's call for a human, the end, a rating, a complaint. All of it is flagged as synthetic.
package chat

import (
	"errors"
	"fmt"
	"slices"

	"github.com/casetrail/casetrail/cli/world"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/intake/classify"
	"github.com/casetrail/casetrail/services/router/guard"
)

// BotVersion is the model that the simulated company's bot says it is.
const BotVersion = "simulated-bot-1"

// Script knows which sentence brings a case of each type to the AI and to a human, under one policy.
type Script struct {
	prefix   string
	openings map[string]*texts
}

type texts struct{ ai, human []string }

// New tries all sentences on the classifier and the policy. prefix begins the id of every case, event and customer. A
// sentence that the classifier takes for another type, or for nothing at all, is an error: the simulation would be of
// another company than it says.
func New(prefix string, model *classify.Model, policy *guard.Policy) (*Script, error) {
	s := &Script{prefix: prefix, openings: map[string]*texts{}}
	var faults []error
	for caseType, list := range openings {
		t := new(texts)
		for _, text := range list {
			f := model.Classify(text)
			if f.CaseType != caseType || f.Bare {
				faults = append(faults, fmt.Errorf("classifier %s takes %q for %s, not for %s", model.Version(), text, f.CaseType, caseType))
				continue
			}
			if h, _ := policy.Route(f.CaseType, schemas.Some(f.AIProbability)); h == schemas.HandlerAI {
				t.ai = append(t.ai, text)
			} else {
				t.human = append(t.human, text)
			}
		}
		s.openings[caseType] = t
	}
	return s, errors.Join(faults...)
}

// Never are the case types of which, under the policy, none goes to the AI, and those of which all do: their cases are
// handled so, whatever the company would have done.
func (s *Script) Never() (ai, human []string) {
	for caseType, t := range s.openings {
		if len(t.ai) == 0 {
			ai = append(ai, caseType)
		}
		if len(t.human) == 0 {
			human = append(human, caseType)
		}
	}
	slices.Sort(ai)
	slices.Sort(human)
	return ai, human
}

// ID is a case's id.
func (s *Script) ID(c *world.Case) string { return fmt.Sprintf("%s-%d", s.prefix, c.Number) }

const second = 1000

// Events appends what happens in a case, in order. A case whose handler the policy doesn't allow is handled as it does.
func (s *Script) Events(out []schemas.ChatEvent, c world.Case) []schemas.ChatEvent {
	text := s.open(&c)
	id, serial := s.ID(&c), 0
	add := func(at int64, kind schemas.EventKind, sender schemas.Sender) *schemas.ChatEvent {
		serial++
		e := schemas.ChatEvent{EventID: fmt.Sprintf("%s-%d", id, serial), CaseID: id, Kind: kind, Sender: sender, OccurredAt: at, Synthetic: true}
		if sender == schemas.SenderAI {
			e.AIModelVersion = schemas.Some(BotVersion)
		}
		out = append(out, e)
		return &out[len(out)-1]
	}
	says := func(at int64, sender schemas.Sender, text string) *schemas.ChatEvent {
		e := add(at, schemas.EventKindMessage, sender)
		e.Text = schemas.Some(text)
		return e
	}
	says(c.Opened, schemas.SenderCustomer, text).CustomerID = schemas.Some(fmt.Sprintf("%s-customer-%d", s.prefix, c.Customer))
	by := schemas.SenderAI
	if c.Handler != world.Human {
		says(c.Opened+3*second, schemas.SenderAI, botSays)
	}
	if c.Handler == world.Escalated {
		list := calls[c.Signal]
		says(c.Escalated, schemas.SenderCustomer, list[c.Number%int64(len(list))])
	}
	if c.Handler != world.AI {
		add(c.Joined, schemas.EventKindAgentJoined, schemas.SenderHuman)
		says(c.Joined+second, schemas.SenderHuman, deskSays)
		by = schemas.SenderHuman
	}
	end := func(late bool) {
		if c.Rating > 0 && late == (c.Rated >= c.Concluded) {
			add(c.Rated, schemas.EventKindRating, schemas.SenderCustomer).Rating = schemas.Some(c.Rating)
		}
		if c.Complained > 0 && late == (c.Complained >= c.Concluded) {
			add(c.Complained, schemas.EventKindComplaint, schemas.SenderCustomer)
		}
	}
	end(false)
	if c.Outcome == schemas.OutcomeAbandoned { // the idle time-out ends it, counted from the last event
		says(c.Concluded-world.IdleClose, schemas.SenderHuman, deskAsks)
	} else {
		add(c.Concluded, schemas.EventKindResolved, by).Outcome = schemas.Some(c.Outcome)
	}
	end(true)
	return out
}

// open chooses the first message, and hands the case to whom the policy will give it.
func (s *Script) open(c *world.Case) string {
	t := s.openings[c.CaseType]
	list, other := t.ai, t.human
	if c.Handler == world.Human {
		list, other = other, list
	}
	if len(list) > 0 {
		return list[c.Number%int64(len(list))]
	}
	if c.Handler == world.Human { // the bot has it, and is done in time
		c.Handler, c.Joined = world.AI, 0
		if c.Outcome == schemas.OutcomeAbandoned {
			c.Outcome = schemas.OutcomeResolvedUnconfirmed
		}
		c.Opened = max(c.Opened, c.Concluded-300*second)
	} else {
		c.Joined = c.Opened + (c.Concluded-c.Opened)/3
		if c.Handler == world.Escalated {
			c.Joined = c.Escalated
		}
		c.Handler, c.Escalated = world.Human, 0
	}
	return other[c.Number%int64(len(other))]
}
