package verify

import (
	"fmt"
	"slices"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/record"
	"github.com/casetrail/casetrail/schemas"
)

// conduct is what the ledgers' records say of conduct, to be held against what case.events says.
type conduct struct {
	sources []record.Source // of the records in order
	begins  []int           // where in sources each generation does
	said    map[record.Source]said
}

// said is what a record says of a case with a request for a human or a breach of the guard.
type said struct {
	breach            bool
	requested, joined record.Optional[int64]
}

// keep keeps of a record what is needed.
func (c *conduct) keep(r *record.Record) {
	if c.said == nil {
		c.said = map[record.Source]said{}
	}
	source := r.Source
	if n := len(c.sources); r.Kind == record.KindGenesis {
		if c.begins = append(c.begins, n); n > 0 {
			source = c.sources[n-1] // after the seal's, nothing is before it
		}
	}
	c.sources = append(c.sources, source)
	if r.Kind == record.KindCase && (r.Case.GuardBreach || r.Case.HumanRequestedAt.Set) {
		c.said[r.Source] = said{r.Case.GuardBreach, r.Case.HumanRequestedAt, r.Case.HumanJoinedAt}
	}
}

// contradiction is what case.events says against a statement.
type contradiction struct {
	count int64
	first string
}

// settle holds cases that have just been concluded against their records. Those that the signer has not come to are I1's.
func (s *shadow) settle() {
	defer func() { s.ended = s.ended[:0] }()
	if int(s.partition) >= len(s.ledgers) || inject.ConductBelieved.Is() {
		return
	}
	l := &s.ledgers[s.partition]
	for _, c := range s.ended {
		source := record.Source(c.source)
		n, there := slices.BinarySearchFunc(l.conduct.sources, source, func(a, b record.Source) int {
			if a == b {
				return 0
			}
			if a.After(b) {
				return 1
			}
			return -1
		})
		if n == len(l.conduct.sources) {
			continue
		}
		name, sequence := l.place(n)
		where := fmt.Sprintf("ledger %s sequence %d, case %q", name, sequence, c.CaseID)
		if !there {
			where = fmt.Sprintf("ledger %s, which has no record of case %q at %v", name, c.CaseID, source)
		}
		told := l.conduct.said[source]
		if c.GuardBreach && !told.breach && (c.routed.Version == "" || c.routed.HumanOnly(c.CaseType)) {
			s.against(noAI, fmt.Sprintf("%s: an AI had a turn on it, by %s/%d, when it was a human's, type %s, and no breach is on record", where, pipelines.CaseEvents, s.partition, c.CaseType))
		}
		if c.HumanRequestedAt.Set && (told.requested != record.Optional[int64](c.HumanRequestedAt) || told.joined != record.Optional[int64](c.HumanJoinedAt)) {
			s.against(requestsMet, fmt.Sprintf("%s: by %s/%d a human was asked for %s and joined %s; the record says %s and %s", where, pipelines.CaseEvents, s.partition,
				when(c.HumanRequestedAt), when(c.HumanJoinedAt), when(schemas.Optional[int64](told.requested)), when(schemas.Optional[int64](told.joined))))
		}
	}
}

func when(at schemas.Optional[int64]) string {
	if !at.Set {
		return "never"
	}
	return "at " + clock(at.Value)
}

// The statements that case.events may contradict, and those that the ledger alone can't show.
const (
	noAI        = "no-ai-on-human-only"
	requestsMet = "human-requests-met"
)

func (v *run) against(statement, what string) {
	c := v.contradicted[statement]
	if c.count++; c.count == 1 {
		c.first = what
	}
	v.contradicted[statement] = c
}

// judged are the statements: by the records, by case.events, and by the checks I3 and I5.
func (v *run) judged() []record.Statement {
	list := v.statements.List()
	for i := range list {
		s := &list[i]
		if c, ok := v.contradicted[s.Name]; ok {
			if s.Verdict != record.Broken {
				s.Verdict, s.Against, s.First = record.Broken, 0, c.first
			}
			s.Against += c.count
		}
		switch {
		case s.Name == noAI && s.Verdict == record.NotCheckable && v.Deep && !v.MetricsOnly && !v.forgotten && v.i1.Wrong+v.i1.Pending+v.i6.Wrong == 0:
			s.Notes = append(s.Notes, fmt.Sprintf("of %d the records do not show it, the first: %s; case.events does", s.Against, s.First))
			s.Verdict, s.Against, s.First = record.Held, 0, ""
		case s.Name == "metrics-recompute" && (v.Deep || v.MetricsOnly):
			by(s, &v.i3)
		case s.Name == "events-accounted" && v.Deep && !v.MetricsOnly:
			by(s, &v.i5)
		}
	}
	return list
}

// by makes a statement say what a check says.
func by(s *record.Statement, c *Check) {
	s.Verdict, s.Count, s.Against, s.First = record.Held, c.Count, c.Wrong, ""
	if c.Wrong > 0 {
		s.Verdict, s.First = record.Broken, c.Faults[0]
	}
	if c.Pending > 0 {
		s.Notes = append(s.Notes, fmt.Sprintf("%d are still to come, the first: %s", c.Pending, c.Next))
	}
}
