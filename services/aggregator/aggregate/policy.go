package aggregate

import (
	"math"

	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/services/aggregator/window"
)

// policy is a policy's record in one ledger.
type policy struct {
	ledger    string
	sequence  int64
	appliedAt int64
	document  string
}

// standing are the policies that checkpoints vouch for. Intake passes every policy to every partition, in the same order,
// so the n-th of one ledger is the n-th of all; where they differ, partition 0's counts.
type standing struct {
	lists [][]policy // by partition
	next  int        // the first that is not in force
	last  int64      // the end from which on the one before is
}

func (s *standing) add(partition int32, p policy) { s.lists[partition] = append(s.lists[partition], p) }

// due gives the policy that takes effect next, if the end from which on it does is not after limit; nil otherwise. That is
// the end of the first minute at which every ledger has it. Of several with one end, it is the last.
func (s *standing) due(limit int64) (p *policy, end int64) {
	for {
		at, ok := s.effect()
		if !ok || at > limit || p != nil && at > end {
			return p, end
		}
		p, end = &s.lists[0][s.next], at
		s.next++
		s.last = at
	}
}

func (s *standing) effect() (end int64, ok bool) {
	end = math.MinInt64
	if s.next > 0 {
		end = s.last
	}
	for i, l := range s.lists {
		if i > 0 && inject.PolicyEarly.Is() {
			break
		}
		if s.next >= len(l) {
			return 0, false
		}
		end = max(end, window.Minute(l[s.next].appliedAt)+1)
	}
	return end, true
}
