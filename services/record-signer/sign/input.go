package sign

import (
	"errors"
	"fmt"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// tick is what read gives for a tick, where a record's kind stands otherwise.
const tick = record.Kind(-1)

// messages are the inputs' memory, used again and again.
type messages struct {
	conclusion schemas.CaseConclusion
	amendment  schemas.CaseAmendment
	policy     schemas.PolicyApplied
	order      schemas.LedgerOrder
	tick       schemas.Tick
}

// read decodes the input in hand into s.rec or s.msg.tick and says which kind of record it makes. All errors are the
// input's.
func (s *Signer) read() (kind record.Kind, caseID string, err error) {
	if s.in.Stage != pipelines.Router {
		return 0, "", errors.New("not written by the router: case.conclusions takes no message from outside")
	}
	if s.in.Position.Partition != s.partition || s.in.Position.Offset < 0 || s.in.Position.Ordinal < 0 {
		return 0, "", fmt.Errorf("position %v is not of partition %d", s.in.Position, s.partition)
	}
	name, _, err := s.codec.Name(s.in.Value)
	if err != nil {
		return 0, "", err
	}
	switch name {
	case "casetrail.Tick":
		if err = s.codec.DecodeInto(s.in.Value, &s.msg.tick); err == nil && (s.msg.tick.Time < 0 || s.msg.tick.Sources != 1) {
			err = fmt.Errorf("tick of %d sources at %d: the router is the one source, and no time is before 1970", s.msg.tick.Sources, s.msg.tick.Time)
		}
		return tick, "", err
	case "casetrail.CaseConclusion":
		m := &s.msg.conclusion
		if err = s.codec.DecodeInto(s.in.Value, m); err == nil {
			conduct(&s.rec.Case, &m.Case)
			if inject.RandomSigned.Is() {
				s.rec.Case.OpenedAt = min(m.Case.OpenedAt, m.Case.ConcludedAt) - inject.Noise()%1000
			}
		}
		return record.KindCase, m.Case.CaseID, err
	case "casetrail.CaseAmendment":
		m := &s.msg.amendment
		if err = s.codec.DecodeInto(s.in.Value, m); err == nil {
			s.rec.Amendment = amendment(&m.Amendment)
		}
		return record.KindAmendment, m.Amendment.CaseID, err
	case "casetrail.PolicyApplied":
		p := &s.msg.policy.Policy
		if err = s.codec.DecodeInto(s.in.Value, &s.msg.policy); err == nil {
			s.rec.Policy = record.Policy{Version: p.Version, SHA256: record.Hash(p.SHA256), AppliedAt: p.AppliedAt, Document: p.Document}
		}
		return record.KindPolicy, "", err
	case "casetrail.LedgerOrder":
		if err = s.codec.DecodeInto(s.in.Value, &s.msg.order); err != nil {
			return 0, "", err
		}
		kind, err = s.order(&s.msg.order)
		return kind, "", err
	}
	return 0, "", fmt.Errorf("case.conclusions holds no %s", name)
}

// conduct fills a record's case. Enumerations have the same values on both sides.
func conduct(to *record.Case, c *schemas.ConductCase) {
	signals := to.EscalationSignals[:0]
	for _, x := range c.EscalationSignals {
		signals = append(signals, record.Signal(x))
	}
	*to = record.Case{
		Workflow: c.Workflow, CaseID: c.CaseID, CaseType: c.CaseType, Route: record.Route(c.Route), Handler: record.Handler(c.Handler),
		AIModelVersion: record.Optional[string](c.AIModelVersion), ClassifierVersion: c.ClassifierVersion, PolicyVersion: c.PolicyVersion,
		ResolutionOutcome: record.Outcome(c.ResolutionOutcome), CustomerSatisfactionScore: record.Optional[int32](c.CustomerSatisfactionScore),
		ComplaintLodged: c.ComplaintLodged, EscalationTriggered: c.EscalationTriggered, EscalationSignals: signals, OpenedAt: c.OpenedAt,
		HumanRequestedAt: record.Optional[int64](c.HumanRequestedAt), EscalatedAt: record.Optional[int64](c.EscalatedAt),
		HumanJoinedAt: record.Optional[int64](c.HumanJoinedAt), ConcludedAt: c.ConcludedAt, CustomerMessages: c.CustomerMessages,
		AIMessages: c.AIMessages, HumanMessages: c.HumanMessages, GuardBreach: c.GuardBreach, Synthetic: c.Synthetic,
		CustomerCommitment: record.Hash(c.CustomerCommitment),
	}
}

func amendment(a *schemas.ConductAmendment) record.Amendment {
	return record.Amendment{
		Amends: record.Source(a.Amends), CaseID: a.CaseID, CaseType: a.CaseType, Route: record.Route(a.Route), Handler: record.Handler(a.Handler),
		AmendedAt: a.AmendedAt, CustomerSatisfactionScore: record.Optional[int32](a.CustomerSatisfactionScore),
		ComplaintLodged: a.ComplaintLodged, Synthetic: a.Synthetic,
	}
}
