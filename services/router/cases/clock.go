package cases

import (
	"slices"

	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/schemas"
)

// clock is a partition's time: the least over its sources of their last tick, in milliseconds.
type clock struct {
	ticks    []schemas.Tick // by source; Sources is 0 where a source has not ticked
	now      int64          // 0 until every source has ticked
	promised int64          // the last tick passed on
}

// advance takes a tick and tells whether the partition's time moved. Ticks that come twice, late or from an earlier owner
// of the source change nothing, since a source's time is the highest that it promised.
func (c *clock) advance(t *schemas.Tick) bool {
	for len(c.ticks) < int(t.Sources) {
		c.ticks = append(c.ticks, schemas.Tick{Source: int32(len(c.ticks))})
	}
	if last := &c.ticks[t.Source]; t.Time > last.Time || last.Sources == 0 {
		*last = *t
	}
	least := slices.MinFunc(c.ticks, func(a, b schemas.Tick) int {
		if a.Sources == 0 || b.Sources == 0 {
			return int(a.Sources) - int(b.Sources)
		}
		return int(min(1, max(-1, a.Time-b.Time)))
	})
	if least.Sources == 0 || least.Time <= c.now {
		return false
	}
	c.now = least.Time
	return true
}

// at is the time of an event: its own, but never before a time that has been promised to be over.
func (c *clock) at(observed int64) int64 {
	if inject.ClockRead.Is() {
		observed += inject.Noise() % 1000
	}
	return max(observed, c.now, c.promised)
}
