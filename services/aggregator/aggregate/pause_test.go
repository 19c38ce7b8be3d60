package aggregate

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/stage"
)

// What is held is bounded, and yet the aggregator never waits for what it holds up itself: the slowest ledger's inputs are
// never both paused, and none is while little is held.
func TestPauseLeavesAWayOn(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 1))
		h := &Handler{}
		slowest := int64(math.MaxInt64)
		for p := range int32(1 + r.IntN(5)) {
			l := newLedger(p, &h.shared)
			if r.IntN(4) > 0 {
				l.clock = 1_800_000_000_000 + r.Int64N(3*maxLead)
			}
			l.held, l.waiting = make([][]byte, r.IntN(2*maxHeld)), make([]checkpoint, r.IntN(2*maxWaiting)*r.IntN(2))
			slowest = min(slowest, l.clock)
			h.ledgers = append(h.ledgers, l)
		}
		paused := h.Pause()
		for _, l := range h.ledgers {
			records := slices.Contains(paused, stage.TopicPartition{Topic: pipelines.ConductRecords, Partition: l.partition})
			checkpoints := slices.Contains(paused, stage.TopicPartition{Topic: pipelines.ConductCheckpoints, Partition: l.partition})
			if l.clock == slowest && records && checkpoints {
				t.Fatalf("seed %d: both inputs of the slowest ledger are paused", seed)
			}
			if far := l.clock > slowest && l.clock-maxLead > slowest; far != (records && checkpoints) {
				t.Errorf("seed %d: a ledger at %d, the slowest at %d: records paused %v, checkpoints %v", seed, l.clock, slowest, records, checkpoints)
			} else if !far && (records != (len(l.waiting) == 0 && len(l.held) > maxHeld) || checkpoints != (len(l.waiting) > maxWaiting)) {
				t.Errorf("seed %d: %d bodies, %d checkpoints: records paused %v, checkpoints %v", seed, len(l.held), len(l.waiting), records, checkpoints)
			}
		}
	}
}
