package insert

import (
	"github.com/casetrail/casetrail/pipelines/policies"
	"github.com/casetrail/casetrail/record"
)

// Rows are records as columns of the table records, for one INSERT.
type Rows struct {
	ledger, kind                                     []string
	partition                                        []int32
	sequence                                         []int64
	leaf, keyID, commitment, body                    [][]byte
	sourcePartition, sourceOrdinal                   []int32
	sourceOffset                                     []int64
	workflow, caseID, caseType, route, handler, path []string
	model, classifier, policy, outcome               []string
	csat                                             []*uint8
	complaint, escalated, breach, synthetic          []bool
	signals                                          [][]string
	opened, concluded, amended                       []int64
	requested, escalatedAt, joined                   []*int64
	customerMessages, aiMessages, humanMessages      []uint32
	amendsPartition, amendsOrdinal                   []int32
	amendsOffset                                     []int64
	resolution, toHuman                              []*int64
	applied, minimum, within, repeat                 []int64
	handlers                                         [][]string
	document                                         []string
	names                                            []string // the signals of all rows
	hashes                                           []byte   // what leaf, keyID and commitment point into
}

// Len is how many rows there are.
func (r *Rows) Len() int { return len(r.sequence) }

// Body is the signed body of a row, which must not be changed.
func (r *Rows) Body(row int) []byte { return r.body[row] }

// Reset empties the rows and keeps their memory.
func (r *Rows) Reset() {
	for _, c := range recordColumns {
		c.reset(r)
	}
	r.names, r.hashes = nil, nil // the columns that were sent may still point into them
}

var ratings = [...]uint8{0, 1, 2, 3, 4, 5}

// rating is a valid rating, or nothing: what is not 1 to 5 counts as none, here and in the aggregator.
func rating(o record.Optional[int32]) *uint8 {
	if !o.Set || o.Value < 1 || o.Value > 5 {
		return nil
	}
	return &ratings[o.Value]
}

func optional(o record.Optional[int64]) *int64 {
	if !o.Set {
		return nil
	}
	v := o.Value
	return &v
}

// segment names the handler of a case's segment.
func segment(r record.Route) string {
	switch r {
	case record.RouteAIHandled:
		return "ai"
	case record.RouteHumanHandled:
		return "human"
	}
	return r.String()
}

func (r *Rows) bytes(b []byte) []byte {
	if cap(r.hashes)-len(r.hashes) < len(b) {
		r.hashes = make([]byte, 0, 64<<10)
	}
	r.hashes = append(r.hashes, b...)
	return r.hashes[len(r.hashes)-len(b) : len(r.hashes) : len(r.hashes)]
}

// add appends a record. It keeps s.Body and the texts of s, and nothing else of it.
func (r *Rows) add(partition int32, s *record.Signed, leaf record.Hash) {
	r.ledger, r.partition = append(r.ledger, s.Ledger), append(r.partition, partition)
	r.sequence, r.kind = append(r.sequence, s.Sequence), append(r.kind, s.Kind.String())
	r.leaf, r.keyID = append(r.leaf, r.bytes(leaf[:])), append(r.keyID, r.bytes(s.KeyID[:]))
	r.body = append(r.body, s.Body)
	r.sourcePartition = append(r.sourcePartition, s.Source.Partition)
	r.sourceOffset = append(r.sourceOffset, s.Source.Offset)
	r.sourceOrdinal = append(r.sourceOrdinal, s.Source.Ordinal)
	// A kind that is neither case nor amendment leaves its columns empty.
	var c record.Case
	var a record.Amendment
	var route, handler, path, outcome string
	var measures policies.Metrics
	var applied int64
	var resolution, toHuman *int64
	switch s.Kind {
	case record.KindCase:
		c = s.Case
		outcome = c.ResolutionOutcome.String()
		resolution, toHuman = bin(record.Some(c.OpenedAt), record.Some(c.ConcludedAt)), bin(c.EscalatedAt, c.HumanJoinedAt)
	case record.KindAmendment:
		a = s.Amendment
		c = record.Case{CaseID: a.CaseID, CaseType: a.CaseType, Route: a.Route, Handler: a.Handler,
			CustomerSatisfactionScore: a.CustomerSatisfactionScore, ComplaintLodged: a.ComplaintLodged, Synthetic: a.Synthetic}
	case record.KindPolicy:
		c.PolicyVersion, measures, applied = s.Policy.Version, measuresOf(s.Policy.Document), s.Policy.AppliedAt
	}
	if s.Kind == record.KindCase || s.Kind == record.KindAmendment {
		route, handler, path = c.Route.String(), c.Handler.String(), segment(c.Route)
	}
	r.workflow, r.caseID, r.caseType = append(r.workflow, c.Workflow), append(r.caseID, c.CaseID), append(r.caseType, c.CaseType)
	r.route, r.handler, r.path = append(r.route, route), append(r.handler, handler), append(r.path, path)
	r.model, r.classifier = append(r.model, c.AIModelVersion.Value), append(r.classifier, c.ClassifierVersion)
	r.policy, r.outcome = append(r.policy, c.PolicyVersion), append(r.outcome, outcome)
	r.csat = append(r.csat, rating(c.CustomerSatisfactionScore))
	r.complaint, r.escalated = append(r.complaint, c.ComplaintLodged), append(r.escalated, c.EscalationTriggered)
	r.breach, r.synthetic = append(r.breach, c.GuardBreach), append(r.synthetic, c.Synthetic)
	from := len(r.names)
	for _, sig := range c.EscalationSignals {
		r.names = append(r.names, sig.String())
	}
	r.signals = append(r.signals, r.names[from:len(r.names):len(r.names)])
	r.opened, r.concluded = append(r.opened, c.OpenedAt), append(r.concluded, c.ConcludedAt)
	r.amended = append(r.amended, a.AmendedAt)
	r.requested = append(r.requested, optional(c.HumanRequestedAt))
	r.escalatedAt, r.joined = append(r.escalatedAt, optional(c.EscalatedAt)), append(r.joined, optional(c.HumanJoinedAt))
	r.customerMessages = append(r.customerMessages, uint32(max(0, c.CustomerMessages)))
	r.aiMessages, r.humanMessages = append(r.aiMessages, uint32(max(0, c.AIMessages))), append(r.humanMessages, uint32(max(0, c.HumanMessages)))
	r.resolution, r.toHuman = append(r.resolution, resolution), append(r.toHuman, toHuman)
	r.applied, r.minimum = append(r.applied, applied), append(r.minimum, measures.MinimumCases)
	r.within, r.repeat = append(r.within, measures.HumanWithin.Milliseconds()), append(r.repeat, measures.RepeatContact.Milliseconds())
	r.handlers, r.document = append(r.handlers, measures.Handlers), append(r.document, s.Policy.Document)
	r.commitment = append(r.commitment, r.bytes(c.CustomerCommitment[:]))
	r.amendsPartition = append(r.amendsPartition, a.Amends.Partition)
	r.amendsOffset, r.amendsOrdinal = append(r.amendsOffset, a.Amends.Offset), append(r.amendsOrdinal, a.Amends.Ordinal)
}
