// Package cases is the router's core: the state machine of a case, from the customer's first message to its conclusion
// and late amendments. It is a pure function of case.events: no clock, no I/O, no map order in its output.
package cases

import (
	"fmt"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/router/guard"
)

// MaxTimers bounds how many timers fire on one tick; the rest fire on the next ones, and no time is promised before
// they have. One of a case with many events counts for more: so what a tick writes is bounded too.
const MaxTimers = 10_000

// Faults of an event that the router sends back. Each is a reason code of chat.rejects.
var (
	// ErrNoCase says that an event is about a case that no customer's message has opened, or that is long over.
	ErrNoCase = fmt.Errorf("no_case: %w", stage.ErrReject)
	// ErrCaseClosed says that an event came after the case's conclusion and is neither a rating nor a complaint.
	ErrCaseClosed = fmt.Errorf("case_closed: %w", stage.ErrReject)
)

// Router is the stage.Handler of one partition of case.events.
type Router struct {
	partition  int32
	codec      *schemas.Codec
	policy     *guard.Policy
	published  schemas.Optional[schemas.PolicyChange]
	applied    stage.Filter
	clock      clock
	timers     timers
	cases      map[string]*schemas.CaseState
	dirty      []string            // cases touched since the last Checkpoint, in that order
	isDirty    map[string]struct{} // the same as a set
	weight     int                 // of dirty in the changelog, in bytes
	out        []stage.Record
	in         stage.Record
	nextOffset int64
	arena      []byte
	duplicates int64
}

// New makes the router of one partition.
func New(partition int32, codec *schemas.Codec) *Router {
	return &Router{partition: partition, codec: codec, policy: guard.None(), applied: stage.Filter{},
		cases: map[string]*schemas.CaseState{}, isDirty: map[string]struct{}{}}
}

// Definition is the router as a stage.
func Definition(codec *schemas.Codec) stage.Definition {
	return stage.Definition{
		Name:   pipelines.Router,
		Inputs: []string{pipelines.CaseEvents},
		Outputs: []string{pipelines.WorkAI, pipelines.WorkHuman, pipelines.CaseEscalations, pipelines.CaseConclusions,
			pipelines.CaseStates, pipelines.ChatRejects},
		New: func(partition int32) (stage.Handler, error) { return New(partition, codec), nil },
		Reject: func(in stage.Record, err error) stage.Record {
			return pipelines.Reject(codec, in, err, in.Time.UnixMilli(), pipelines.Reason{Err: ErrNoCase, Code: "no_case"}, pipelines.Reason{Err: ErrCaseClosed, Code: "case_closed"})
		},
	}
}

// Handle implements stage.Handler.
func (r *Router) Handle(in stage.Record) ([]stage.Record, error) {
	r.in, r.out, r.nextOffset = in, r.out[:0], in.Offset+1
	name, _, err := r.codec.Name(in.Value)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, stage.ErrReject)
	}
	switch name {
	case "casetrail.Tick":
		var t schemas.Tick
		if err := r.codec.DecodeInto(in.Value, &t); err != nil {
			return nil, fmt.Errorf("%w: %w", err, stage.ErrReject)
		}
		err = r.tick(&t)
	case "casetrail.CaseEvent":
		if in.Stage != pipelines.Intake {
			return nil, fmt.Errorf("not written by intake: case.events takes no message from outside; publish to chat.events: %w", stage.ErrReject)
		}
		if !r.applied.Accept(in.Position) {
			r.duplicates++
			return nil, nil
		}
		var e schemas.CaseEvent
		if err := r.codec.DecodeInto(in.Value, &e); err != nil {
			return nil, fmt.Errorf("%w: %w", err, stage.ErrReject)
		}
		err = r.event(&e)
	case "casetrail.PolicyChange":
		if !r.applied.Accept(in.Position) {
			r.duplicates++
			return nil, nil
		}
		var c schemas.PolicyChange
		if err := r.codec.DecodeInto(in.Value, &c); err != nil {
			return nil, fmt.Errorf("%w: %w", err, stage.ErrReject)
		}
		err = r.apply(&c)
	case "casetrail.LedgerOrder":
		if in.Stage != pipelines.Intake {
			return nil, fmt.Errorf("an order that intake has not judged; publish it to chat.events: %w", stage.ErrReject)
		}
		if !r.applied.Accept(in.Position) {
			r.duplicates++
			return nil, nil
		}
		var o schemas.LedgerOrder
		if err := r.codec.DecodeInto(in.Value, &o); err != nil {
			return nil, fmt.Errorf("%w: %w", err, stage.ErrReject)
		}
		r.emit(pipelines.CaseConclusions, nil, &o) // whether a ledger can follow it is for the ledger to say
	default:
		err = fmt.Errorf("case.events holds no %s: %w", name, stage.ErrReject)
	}
	return r.out, err // what happened before a reject stands
}

// apply puts a policy in force from here on. Cases that are open keep the route that they have.
func (r *Router) apply(c *schemas.PolicyChange) error {
	p, err := guard.Parse([]byte(c.Document))
	if err != nil {
		return fmt.Errorf("%w: %w", err, stage.ErrReject)
	}
	r.policy, r.published = p, schemas.Some(*c)
	r.timers.rebuild(r.policy, r.cases)
	r.emit(pipelines.CaseConclusions, nil, &schemas.PolicyApplied{Policy: schemas.ConductPolicy{
		Version: p.Version, SHA256: documentHash(c.Document), AppliedAt: r.clock.at(0), Document: c.Document}})
	return nil
}

// Duplicates is how many messages were dropped because their position had been applied, or their event taken, before.
func (r *Router) Duplicates() int64 { return r.duplicates }

// OpenCases is how many cases are open; Held adds those that still take amendments.
func (r *Router) OpenCases() (open, held int) {
	for _, c := range r.cases {
		if !c.Concluded.Set {
			open++
		}
	}
	return open, len(r.cases)
}
