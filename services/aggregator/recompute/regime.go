package recompute

import (
	"fmt"
	"math"
	"slices"

	"github.com/casetrail/casetrail/pipelines/policies"
)

// applied is a policy as one ledger has it.
type applied struct {
	at       int64
	document string
}

// regime is a stretch of time under one policy: of the windows that end at or after from.
type regime struct {
	policies.Measures
	from    int64 // a whole minute
	windows []kind
	since   int64 // what was concluded before is too long ago to make a repeat

	referenceEnd int64
}

// kind is one rolling window.
type kind struct {
	name         string
	length, step int64
	since        int64 // a window that begins before is not shown
}

// regimes tells under which policies the time up to until was: the n-th one of all ledgers holds from the end of the first
// minute at which each has it; of those with one end, the last.
func (r *Records) regimes(until int64) ([]regime, error) {
	out := []regime{{Measures: policies.Shipped(), from: math.MinInt64 + 1, since: math.MinInt64}}
	out[0].open(nil, math.MinInt64)
	ledgers := max(r.Ledgers, len(r.policies))
	last := int64(math.MinInt64)
	for n := 0; len(r.policies) == ledgers && ledgers > 0; n++ {
		if slices.ContainsFunc(r.policies, func(l []applied) bool { return n >= len(l) }) {
			break
		}
		for _, l := range r.policies {
			last = max(last, above(l[n].at, minute))
		}
		if last > until {
			break
		}
		m, err := policies.Read(r.policies[0][n].document)
		if err != nil {
			return nil, fmt.Errorf("policy %d of the ledger: %w", n, err)
		}
		if k := len(out) - 1; k > 0 && out[k].from == last {
			out = out[:k]
		}
		before := &out[len(out)-1]
		g := regime{Measures: *m, from: last, since: before.since}
		if old := before.Metrics.RepeatContact; old != m.Metrics.RepeatContact {
			g.since = max(g.since, last-minute-old.Milliseconds())
		}
		since := last - minute
		if len(r.entries) == 0 || r.entries[0].at >= since {
			since = math.MinInt64 // nothing had happened yet
		}
		g.open(before.windows, since)
		out = append(out, g)
	}
	return out, nil
}

// open names the windows, and from when on they have all their facts.
func (g *regime) open(before []kind, since int64) {
	for _, w := range g.Metrics.Windows {
		k := kind{w.Name, w.Length * minute, w.Step * minute, since}
		for _, b := range before {
			if b.length == k.length && b.step == k.step {
				k.since = b.since
			}
		}
		g.windows = append(g.windows, k)
	}
}

// of is the policy under which the minute of a time was closed.
func of(regimes []regime, at int64) *regime {
	i := len(regimes) - 1
	for regimes[i].from > above(at, minute) {
		i--
	}
	return &regimes[i]
}

// decide tells of every case whether its request for a human was met in time, and whether it is a repeat.
func (r *Records) decide(regimes []regime) {
	type visit struct {
		customer [32]byte
		caseType int32
	}
	last := map[visit]int64{}
	for i := range r.entries {
		e := &r.entries[i]
		g := of(regimes, e.at)
		e.inTime = e.waited >= 0 && e.waited < g.Metrics.HumanWithin.Milliseconds()
		if !e.identified {
			continue
		}
		v := visit{e.customer, e.caseType}
		at, ok := last[v]
		e.repeat = ok && at >= g.since && e.at-at <= g.Metrics.RepeatContact.Milliseconds()
		last[v] = e.at
	}
}
