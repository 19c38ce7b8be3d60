package record

import (
	"fmt"
	"io"
	"maps"
	"slices"
)

// Verdict says whether a statement holds.
type Verdict uint8

// The verdicts.
const (
	Held         Verdict = iota
	Broken               // something contradicts it
	NotCheckable         // nothing does, but what there is to see does not show that it holds
)

func (v Verdict) String() string { return [...]string{"held", "broken", "not checkable here"}[v] }

// Statement is one thing that is said of a deployment's conduct, and whether it holds.
type Statement struct {
	Name, Says string
	Verdict    Verdict
	Count      int64  // over how many cases, requests, or whatever it is about
	Against    int64  // how many of them break it, or show nothing
	First      string // the first of those, by ledger and sequence, and why; of what is not checkable at all, why
	Notes      []string
	// Figure marks a measure of how well it was done. If it is broken, no one has lied, so no verification fails.
	Figure bool
}

// Err is an error if the statement is broken, unless it is a figure.
func (s *Statement) Err() error {
	if s.Verdict == Broken && !s.Figure {
		return fmt.Errorf("statement %s is broken %d times, first by %s", s.Name, s.Against, s.First)
	}
	return nil
}

func (s *Statement) against(r *Record, why string) {
	if s.Verdict != Broken {
		s.Verdict, s.Against, s.First = Broken, 0, where(r)+": "+why
	}
	s.Against++
}

func (s *Statement) unsure(r *Record, why string) {
	if s.Count++; s.Verdict == Broken {
		return
	}
	if s.Verdict, s.Against = NotCheckable, s.Against+1; s.Against == 1 {
		s.First = where(r) + ": " + why
	}
}

// join adds what was found of other ledgers.
func (s *Statement) join(o *Statement) {
	s.Count += o.Count
	switch {
	case o.Verdict == s.Verdict:
		if s.Against += o.Against; s.First == "" {
			s.First = o.First
		}
	case o.Verdict == Broken || s.Verdict == Held:
		s.Verdict, s.Against, s.First = o.Verdict, o.Against, o.First
	}
}

// Month is what became of the requests for a human that were made in a month of UTC, of cases that are concluded. A case counts once, by
// its first request.
type Month struct {
	Month    string // such as 2026-11
	Requests int64
	InTime   int64 // a human joined less than 3 minutes after, or was there already
	Never    int64 // nobody ever joined
}

// Met tells whether 95 % were in time.
func (m Month) Met() bool { return 100*m.InTime >= duty*m.Requests }

func (m Month) String() string {
	met := "met"
	if !m.Met() {
		met = "not met"
	}
	return fmt.Sprintf("%s: %d of %d requests under 3 minutes, %.2f %%; 95 %% is %s; %d never answered", m.Month, m.InTime, m.Requests,
		100*float64(m.InTime)/float64(m.Requests), met, m.Never)
}

// Months are those in which a human was asked for, in order.
func (s *Statements) Months() []Month {
	var out []Month
	for _, key := range slices.Sorted(maps.Keys(s.months)) {
		out = append(out, *s.months[key])
	}
	return out
}

// List gives all statements, in the order in which they are told. Two of them records alone can't show.
func (s *Statements) List() []Statement {
	noAI, met, within := s.noAI, s.met, s.within
	if s.flagged > 0 {
		noAI.Notes = append(noAI.Notes, fmt.Sprintf("%d have a turn of an AI that is on record as a breach of the guard, the first: %s", s.flagged, s.firstFlagged))
	}
	if s.turned > 0 {
		noAI.Notes = append(noAI.Notes, fmt.Sprintf("%d the AI had before they were of such a type; that it said nothing after, the topics show (casetrail verify --deep)", s.turned))
	}
	for _, m := range s.Months() {
		within.Notes = append(within.Notes, m.String())
		if !m.Met() {
			if within.Verdict = Broken; within.Against == 0 {
				within.First = "the requests of " + m.Month
			}
			within.Against += m.Requests - m.InTime
		}
	}
	if open := s.open; open > 0 {
		met.Notes = append(met.Notes, fmt.Sprintf("%d are open breaches: a human had the case, and nobody joined until it was over", open))
	}
	return []Statement{noAI, met, within,
		{Name: "metrics-recompute", Says: "every MetricRecord is what the ledger gives", Verdict: NotCheckable, First: "it needs conduct.metrics: casetrail verify --deep"},
		{Name: "events-accounted", Says: "every offset of chat.events is taken, a duplicate, or rejected", Verdict: NotCheckable, First: "it needs the topics: casetrail verify --deep"}}
}

// Print writes statements for people.
func Print(w io.Writer, statements []Statement) error {
	for _, s := range statements {
		line := fmt.Sprintf("%-18s  %s: %s (%d checked)\n", s.Verdict, s.Name, s.Says, s.Count)
		switch {
		case s.Verdict == NotCheckable && s.Count == 0:
			line = fmt.Sprintf("%-18s  %s: %s; %s\n", s.Verdict, s.Name, s.Says, s.First)
		case s.First != "":
			line += fmt.Sprintf("%20s%d of them, the first: %s\n", "", s.Against, s.First)
		}
		for _, n := range s.Notes {
			line += fmt.Sprintf("%20s%s\n", "", n)
		}
		if _, err := io.WriteString(w, line); err != nil {
			return err
		}
	}
	return nil
}
