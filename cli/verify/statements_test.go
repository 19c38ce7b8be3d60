package verify

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// lie has the signer himself sign other ledgers: every record as change leaves it, chained and under checkpoints as if it were so.
func (w *world) lie(change func(*record.Record) bool) {
	w.t.Helper()
	other, lies := map[string]map[int64][]byte{pipelines.ConductRecords: {}, pipelines.ConductCheckpoints: {}}, 0
	of := func(p int32, offset int64) int64 { return offset*partitions + int64(p) }
	for p := range int32(partitions) {
		var last record.Hash
		var tree record.Frontier
		roots := []record.Hash{tree.Root()}
		for _, r := range w.Records(pipelines.ConductRecords, p) {
			s := must1(record.Decode(r.Value[frame:]))
			if s.PreviousHash = last; change(&s.Record) {
				lies++
			}
			body := must1(w.key.SignPayload(nil, s.Append(nil)))
			last = record.LeafHash(body)
			tree.Append(last)
			roots = append(roots, tree.Root())
			other[r.Topic][of(p, r.Offset)] = append(bytes.Clone(r.Value[:frame]), body...)
		}
		for _, r := range w.Records(pipelines.ConductCheckpoints, p) {
			var m schemas.Checkpoint
			check(w.t, codec.DecodeInto(r.Value, &m))
			cp := must1(w.key.SignCheckpoint(m.Ledger, m.Size, roots[m.Size]))
			m.Root, m.Note = schemas.Hash(cp.Root), string(cp.Note)
			other[r.Topic][of(p, r.Offset)] = codec.Append(nil, r.Topic, &m)
		}
	}
	if lies == 0 {
		w.t.Fatal("nothing to lie about")
	}
	w.alters = func(r *stage.Record) {
		if v, ok := other[r.Topic][of(r.Partition, r.Offset)]; ok {
			r.Value = v
		}
	}
}

// A signer who lies signs well: I2 holds, and the statement that is not true is named.
func TestFalseLedgers(t *testing.T) {
	humanOnly := func(r *record.Record) bool {
		return r.Kind == record.KindCase && slices.Contains([]string{"dispute", "fraud_claim", "hardship_request", "complex_multi_product"}, r.Case.CaseType)
	}
	for _, c := range []struct {
		name, statement, says string
		change                func(*record.Record) bool
	}{
		{"an AI had it to its end", noAI, "which is human-only, and the AI had it to its end", func(r *record.Record) bool {
			if !humanOnly(r) || r.Case.Route != record.RouteHumanHandled {
				return false
			}
			c := &r.Case
			c.Route, c.Handler, c.EscalationTriggered, c.EscalationSignals, c.EscalatedAt, c.GuardBreach = record.RouteAIHandled, record.HandlerAI, false, nil, record.Optional[int64]{}, false
			return true
		}},
		{"an AI's turn that is kept quiet", noAI, "when it was a human's, type ", func(r *record.Record) bool {
			c := &r.Case
			if !humanOnly(r) || !c.GuardBreach {
				return false
			}
			c.GuardBreach, c.AIMessages = false, 0
			if c.EscalationSignals = slices.DeleteFunc(c.EscalationSignals, func(s record.Signal) bool { return s == record.SignalGuardBreach }); len(c.EscalationSignals) == 0 {
				c.EscalationTriggered, c.EscalatedAt = false, record.Optional[int64]{}
			}
			return true
		}},
		{"a request that nobody heard", requestsMet, "the record says never and never", func(r *record.Record) bool {
			was := r.Case.HumanRequestedAt.Set && !r.Case.HumanJoinedAt.Set
			if r.Kind == record.KindCase && was {
				r.Case.HumanRequestedAt = record.Optional[int64]{}
			}
			return was
		}},
		{"a human who never joined", requestsMet, "and joined never; the record says at", func(r *record.Record) bool {
			was := r.Kind == record.KindCase && r.Case.HumanRequestedAt.Set && !r.Case.HumanJoinedAt.Set
			if was {
				r.Case.HumanJoinedAt = r.Case.HumanRequestedAt
			}
			return was
		}},
		{"a request that the AI kept", requestsMet, "no human joined, and the AI kept it", func(r *record.Record) bool {
			c := &r.Case
			if r.Kind != record.KindCase || c.Route != record.RouteAIThenEscalated || !c.HumanRequestedAt.Set || c.HumanJoinedAt.Set || c.GuardBreach {
				return false
			}
			c.Route, c.Handler, c.EscalationTriggered, c.EscalationSignals, c.EscalatedAt = record.RouteAIHandled, record.HandlerAI, false, nil, record.Optional[int64]{}
			return true
		}},
		{"nobody is answered", "human-within-3-minutes", "the requests of 2027-01", func(r *record.Record) bool {
			was := r.Kind == record.KindCase && r.Case.HumanRequestedAt.Set
			r.Case.HumanJoinedAt = record.Optional[int64]{}
			return was
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, 11)
			w.random(600)
			w.flow()
			w.lie(c.change)
			r := w.verify()
			s := w.statement(r, c.statement)
			if s.Verdict != record.Broken || s.Against == 0 || !strings.Contains(s.First, c.says) || !strings.HasPrefix(s.First, "ledger "+prefixName) && !s.Figure {
				t.Errorf("%+v", s)
			}
			for _, x := range r.Checks {
				if strings.HasPrefix(x.Name, "I2") && x.Wrong > 0 {
					t.Errorf("it is not signed well: %v", x.Faults)
				}
			}
			if s.Figure != (s.Err() == nil) || r.Err() == nil {
				t.Errorf("%v, %v", s.Err(), r.Err())
			}
		})
	}
}

func (w *world) statement(r *Report, name string) record.Statement {
	w.t.Helper()
	i := slices.IndexFunc(r.Statements, func(s record.Statement) bool { return s.Name == name })
	if i < 0 {
		w.t.Fatalf("no statement %s", name)
	}
	return r.Statements[i]
}

// What topics show of metrics and events is a statement too.
func TestStatementsOfTopics(t *testing.T) {
	w := newWorld(t, 11)
	w.random(600)
	w.flow()
	r := w.verify()
	for _, s := range r.Statements {
		if s.Verdict == record.NotCheckable || s.Verdict == record.Broken && !s.Figure || s.Count == 0 {
			t.Errorf("%+v", s)
		}
	}
	alter(w, w.find(pipelines.ConductMetrics, any1), func(m *schemas.MetricRecord) { m.Segments[0].Complaints++ })
	w.hide(w.find(pipelines.CaseEvents, is[*schemas.CaseEvent]))
	r = w.verify()
	if s := w.statement(r, "metrics-recompute"); s.Verdict != record.Broken || s.Against != 2 || !strings.Contains(s.First, "Complaints: ") {
		t.Errorf("%+v", s)
	}
	if s := w.statement(r, "events-accounted"); s.Verdict != record.Broken || s.Against != 1 || !strings.Contains(s.First, "accounted for 0 times, want 1") {
		t.Errorf("%+v", s)
	}
}
