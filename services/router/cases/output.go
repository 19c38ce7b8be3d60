package cases

import (
	"crypto/sha256"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/router/tripwire"
)

// arenaSize is how much the encoded outputs share one allocation.
const arenaSize = 64 << 10

// emit adds an output at the next ordinal of the input in hand.
func (r *Router) emit(topic string, key []byte, m schemas.Message) {
	r.out = append(r.out, stage.Record{
		Topic: topic, Partition: r.partition, Key: key, Value: r.encode(topic, m), Trace: r.in.Trace,
		Position: stage.Position{Partition: r.partition, Offset: r.in.Offset, Ordinal: int32(len(r.out))},
	})
}

func (r *Router) encode(topic string, m schemas.Message) []byte {
	if cap(r.arena)-len(r.arena) < arenaSize/16 {
		r.arena = make([]byte, 0, arenaSize)
	}
	from := len(r.arena)
	r.arena = r.codec.Append(r.arena, topic, m)
	return r.arena[from:len(r.arena):len(r.arena)]
}

// work gives the customer's message to whoever has the case. decided says that the message gave the case its type.
func (r *Router) work(c *schemas.CaseState, e *schemas.CaseEvent, kind schemas.WorkKind, decided bool, at int64) {
	w := schemas.WorkItem{CaseID: c.Case.CaseID, Work: kind, Handler: c.Case.Handler, CaseType: c.Case.CaseType, Reason: c.Reason,
		Signals: c.Case.EscalationSignals, PolicyVersion: r.policy.Version, ClassifierVersion: c.Case.ClassifierVersion,
		AssignedAt: at, Synthetic: c.Case.Synthetic}
	if c.Case.EscalatedAt.Set {
		w.Reason = schemas.RouteReasonEscalated
	}
	if e != nil {
		w.EventID, w.Text = e.EventID, e.Text
	}
	if decided {
		w.CaseTypeProbability, w.AIProbability, w.Because = e.CaseTypeProbability, e.AIProbability, e.Because
	}
	topic := pipelines.WorkHuman
	if w.Handler == schemas.HandlerAI {
		topic = pipelines.WorkAI
	}
	r.emit(topic, []byte(c.Case.CaseID), &w)
}

// escalate pulls a human in: one Escalation for each tripwire that fired, and one handoff. From here on the case is never
// the AI's again.
func (r *Router) escalate(c *schemas.CaseState, e *schemas.CaseEvent, fired []tripwire.Fired, decided bool, at int64) {
	from := c.Case.Handler
	r.takeOver(c)
	if inject.TripwireTwice.Is() {
		fired = append(fired[:len(fired):len(fired)], fired...)
	}
	for _, f := range fired {
		r.escalation(c, e, f, from, at)
	}
	r.work(c, e, schemas.WorkKindHandoff, decided, at)
}

// escalation says that a tripwire fired.
func (r *Router) escalation(c *schemas.CaseState, e *schemas.CaseEvent, f tripwire.Fired, from schemas.Handler, at int64) {
	if !c.Case.EscalatedAt.Set {
		c.Case.EscalatedAt = schemas.Some(at)
	}
	c.Case.EscalationTriggered = true
	c.Case.EscalationSignals = append(c.Case.EscalationSignals, f.Signal)
	x := schemas.Escalation{CaseID: c.Case.CaseID, Signal: f.Signal, Evidence: f.Evidence, CaseType: c.Case.CaseType, FromHandler: from,
		WaitingMS: at - c.Case.OpenedAt, EscalatedAt: at, CustomerMessages: c.Case.CustomerMessages, AIMessages: c.Case.AIMessages,
		PolicyVersion: r.policy.Version, Synthetic: c.Case.Synthetic}
	if e != nil {
		x.EventID = e.EventID
	}
	r.emit(pipelines.CaseEscalations, []byte(c.Case.CaseID), &x)
}

// conclude ends the case. Its position is what amendments name.
func (r *Router) conclude(c *schemas.CaseState, o schemas.Outcome, at int64) {
	c.Case.ResolutionOutcome, c.Case.ConcludedAt = o, at
	r.emit(pipelines.CaseConclusions, []byte(c.Case.CaseID), &schemas.CaseConclusion{Case: c.Case})
	c.Concluded = schemas.Some(position(r.out[len(r.out)-1].Position))
}

func (r *Router) amend(c *schemas.CaseState, e *schemas.CaseEvent, at int64) {
	a := schemas.ConductAmendment{Amends: c.Concluded.Value, CaseID: c.Case.CaseID, CaseType: c.Case.CaseType, Route: c.Case.Route,
		Handler: c.Case.Handler, AmendedAt: at, Synthetic: e.Synthetic}
	if e.Kind == schemas.EventKindRating {
		a.CustomerSatisfactionScore = e.Rating
	} else {
		a.ComplaintLodged = true
	}
	r.emit(pipelines.CaseConclusions, []byte(c.Case.CaseID), &schemas.CaseAmendment{Amendment: a})
}

func position(p stage.Position) schemas.Position {
	return schemas.Position{Partition: p.Partition, Offset: p.Offset, Ordinal: p.Ordinal}
}

func documentHash(document string) schemas.Hash { return sha256.Sum256([]byte(document)) }
