package aggregate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/pipelines/policies"
	"github.com/casetrail/casetrail/services/aggregator/window"
)

// measured is what is decided about a minute's facts when it closes, under the policy that is in force then.
type measured struct {
	policies.Measures
	types     map[string]int32
	recent    map[visit]int64 // when a customer's last case of a type was concluded, since the last turn
	before    map[visit]int64 // the same, since the turn before
	turned    int64
	since     int64 // cases concluded before are not looked back to: under another policy, they may have been forgotten
	reference reference
}

type visit struct {
	customer [16]byte
	caseType int32
}

func newMeasured() *measured {
	return &measured{Measures: policies.Shipped(), types: map[string]int32{}, recent: map[visit]int64{}, since: -1 << 63}
}

// enforce puts a policy in force from an end on: its minute is the first that is decided under it.
func (m *measured) enforce(p *policy, end int64) error {
	measures, err := policies.Read(p.document)
	if err != nil {
		return fmt.Errorf("ledger %s sequence %d: this version of Casetrail can't read its metrics and drift: %w", p.ledger, p.sequence, err)
	}
	from := (end - 1) * minute
	if old := m.Metrics.RepeatContact; old != measures.Metrics.RepeatContact {
		m.since = max(m.since, from-old.Milliseconds())
	}
	m.Measures = *measures
	m.reference.change(from, m.Drift.Reference.Milliseconds())
	return nil
}

// minute decides about the facts of a minute: which requests for a human were met in time, and which cases are repeats.
func (m *measured) minute(facts []window.Fact) {
	slices.SortFunc(facts, func(a, b window.Fact) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Sequence, b.Sequence))
	})
	within, repeat := m.Metrics.HumanWithin.Milliseconds(), m.Metrics.RepeatContact.Milliseconds()
	if now := facts[0].At; now-m.turned > repeat {
		m.before, m.recent, m.turned = m.recent, map[visit]int64{}, now
	}
	for i := range facts {
		f := &facts[i]
		if f.ToRequest >= 0 && f.ToRequest < within {
			f.Sums[window.HumanInTime] = 1
		}
		m.reference.count(f, m.Drift.Reference.Milliseconds())
		if f.Sums[window.Identified] == 0 {
			continue
		}
		v := visit{f.Customer, m.number(f.Type)}
		last, ok := m.recent[v]
		if !ok {
			last, ok = m.before[v]
		}
		if ok && last >= max(f.At-repeat, m.since) && !inject.RepeatsForgotten.Is() {
			f.Sums[window.Repeats] = 1
		}
		m.recent[v] = f.At
	}
}

func (m *measured) number(caseType string) int32 {
	n, ok := m.types[caseType]
	if !ok {
		n = int32(len(m.types))
		m.types[strings.Clone(caseType)] = n
	}
	return n
}
