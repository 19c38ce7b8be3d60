package verify

import (
	"context"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/router/guard"
)

// checkWork is I6: what the guard promises, seen from the outside.
func checkWork(ctx context.Context, o Options, l *ledgers, r *Report) error {
	check := Check{Name: "I6 no work for an AI on a human's case; one Escalation for each tripwire"}
	human := map[string]stage.Position{} // from where on a case is a human's
	_, err := each(ctx, o, pipelines.WorkHuman, func(in stage.Record) error {
		var w schemas.WorkItem
		if err := o.Codec.DecodeInto(in.Value, &w); err != nil {
			return err
		}
		if w.Handler != schemas.HandlerHuman {
			check.fault("case %s: work.human holds work for %s", w.CaseID, w.Handler)
		}
		if at, ok := human[w.CaseID]; !ok || at.After(in.Position) {
			human[w.CaseID] = in.Position
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = each(ctx, o, pipelines.WorkAI, func(in stage.Record) error {
		var w schemas.WorkItem
		if err := o.Codec.DecodeInto(in.Value, &w); err != nil {
			return err
		}
		check.Count++
		// The AI answers what is the AI's, and greets who has not said what it is about.
		greets := w.Work == schemas.WorkKindGreeting && w.Reason == schemas.RouteReasonAwaitingContent && w.CaseType == guard.Unknown
		if w.Handler != schemas.HandlerAI || !greets && (w.Work != schemas.WorkKindReply || w.Reason != schemas.RouteReasonCaseTypeAIHandled || w.CaseType == guard.Unknown) {
			check.fault("case %s: work.ai holds a %s for %s, type %s, because of %s", w.CaseID, w.Work, w.Handler, w.CaseType, w.Reason)
		}
		if at, ok := human[w.CaseID]; ok && in.Position.After(at) {
			check.fault("case %s: work for the AI at %v, a human has it since %v", w.CaseID, in.Position, at)
		}
		return nil
	})
	if err != nil {
		return err
	}
	fired := map[string]map[string]int{}
	seen := map[stage.Position]bool{}
	whole, err := each(ctx, o, pipelines.CaseEscalations, func(in stage.Record) error {
		var x schemas.Escalation
		if err := o.Codec.DecodeInto(in.Value, &x); err != nil {
			return err
		}
		if seen[in.Position] {
			return nil
		}
		seen[in.Position] = true
		if fired[x.CaseID] == nil {
			fired[x.CaseID] = map[string]int{}
		}
		fired[x.CaseID][x.Signal.String()]++
		return nil
	})
	if err != nil {
		return err
	}
	for i := range l.records {
		if rec := &l.records[i]; rec.Kind == record.KindCase && whole {
			check.Count++
			want := map[string]int{}
			for _, s := range rec.Case.EscalationSignals {
				want[s.String()]++
			}
			got := fired[rec.Case.CaseID]
			for s, n := range want {
				if got[s] != n {
					check.fault("case %s: %s fired %d times in its record and %d times in case.escalations", rec.Case.CaseID, s, n, got[s])
				}
			}
			if rec.Case.Route == record.RouteHumanHandled && rec.Case.AIMessages > 0 && !rec.Case.GuardBreach {
				check.fault("%s sequence %d: case %s is a human's, an AI wrote, and no breach is recorded", rec.Ledger, rec.Sequence, rec.Case.CaseID)
			}
		}
	}
	r.Checks = append(r.Checks, check)
	return nil
}
