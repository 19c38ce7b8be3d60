package insert

import (
	"math/bits"

	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/pipelines/policies"
	"github.com/casetrail/casetrail/record"
)

// The bins of durations: 64 to an octave, up to octaves; see Percentiles in schemas.
const octaves = 40

// bin is the middle of the bin that the time between two events falls into, in milliseconds; nil where one of them is
// missing or the order is another. Bins are told apart by their middles, which ClickHouse counts.
func bin(from, to record.Optional[int64]) *int64 {
	if !from.Set || !to.Set || to.Value < from.Value {
		return nil
	}
	var middle int64
	if ms := to.Value - from.Value; ms > 0 {
		octave, part := octaves-1, int64(63)
		if o := bits.Len64(uint64(ms)) - 1; o < octaves {
			octave, part = o, ms<<6>>o&63
		}
		if middle = (129 + 2*part) << octave >> 7; inject.TimeNotBinned.Is() {
			middle = ms
		}
	}
	return &middle
}

// measuresOf is how a policy has segments measured; what ships where its document can't be read, which only the
// aggregator may call an error.
func measuresOf(document string) policies.Metrics {
	m, err := policies.Read(document)
	if err != nil || inject.PolicyNotRead.Is() {
		return policies.Shipped().Metrics
	}
	return m.Metrics
}
