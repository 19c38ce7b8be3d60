package verify

import (
	"context"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// checkConclusions is I1: the ledger says what the router concluded, each thing once.
func checkConclusions(ctx context.Context, o Options, l *ledgers, r *Report) error {
	check := Check{Name: "I1 every conclusion and amendment is in the ledger once"}
	type said struct{ id string }
	records := map[stage.Position]said{}
	cases := map[string]bool{}
	for i := range l.records {
		rec := &l.records[i]
		at := stage.Position{Partition: rec.Source.Partition, Offset: rec.Source.Offset, Ordinal: rec.Source.Ordinal}
		switch rec.Kind {
		case record.KindCase:
			if cases[rec.Case.CaseID] {
				check.fault("%s sequence %d: case %s has a second record", rec.Ledger, rec.Sequence, rec.Case.CaseID)
			}
			cases[rec.Case.CaseID] = true
			records[at] = said{rec.Case.CaseID}
		case record.KindAmendment:
			records[at] = said{rec.Amendment.CaseID}
			if on, ok := records[stage.Position(rec.Amendment.Amends)]; !ok || on.id != rec.Amendment.CaseID {
				check.fault("%s sequence %d: amends a record that is not there", rec.Ledger, rec.Sequence)
			}
		}
	}
	seen := map[stage.Position]bool{}
	whole, err := each(ctx, o, pipelines.CaseConclusions, func(in stage.Record) error {
		m, err := o.Codec.Decode(in.Value)
		if err != nil || seen[in.Position] || in.Stage != pipelines.Router {
			return err
		}
		var id string
		switch m := m.(type) {
		case *schemas.CaseConclusion:
			id = m.Case.CaseID
		case *schemas.CaseAmendment:
			id = m.Amendment.CaseID
		default:
			return nil
		}
		if in.Position.After(l.last[in.Partition]) {
			return nil // not signed yet
		}
		seen[in.Position] = true
		check.Count++
		if got, ok := records[in.Position]; !ok || got.id != id {
			check.fault("case %s: what the router said at %v is not in the ledger", id, in.Position)
		}
		delete(records, in.Position)
		return nil
	})
	if whole && err == nil {
		for at, s := range records {
			check.fault("case %s: the ledger has a record of %v, which the router never said", s.id, at)
		}
	}
	r.Checks = append(r.Checks, check)
	return err
}
