// Package world is the made-up company of the drift report and of casetrail simulate: two million conversations a month in
// 24 segments, with the noise that real ones have, in which the hard cases that the AI has get worse while the aggregate
// stands still. Its figures are in segments.go and path.go. It comes as hourly counts (Counts) or as single cases (Cases),
// drawn from one path of levels; both are functions of the seed alone. All of it is synthetic.
package world

import (
	"errors"
	"fmt"
	"math/rand/v2"
)

// Config is what a world may be told.
type Config struct {
	Seed  uint64
	Cases float64 // a 30 days, in the mean: 0 for Klarna's 2,300,000
	Start int64   // the first hour, since 1970
	Drift Drift
}

// Cases30 is how many cases 30 days have unless Config says otherwise.
const Cases30 = 2_300_000

// Bounds of a Config.
const (
	minCases = 240
	maxCases = 1e9
	maxDays  = 100 * 365
)

// Validate reports every fault of the configuration at once.
func (c *Config) Validate() error {
	var faults []error
	if c.Cases != 0 && !(c.Cases >= minCases && c.Cases <= maxCases) {
		faults = append(faults, fmt.Errorf("cases: %v a 30 days is not between %d and %.0f", c.Cases, minCases, maxCases))
	}
	return errors.Join(append(faults, c.Drift.validate()...)...)
}

// Count is what one segment adds in one hour. A late rating or complaint counts in the hour in which it comes, so there may
// be more ratings or complaints than cases.
type Count struct {
	Segment
	Cases, Complaints, Escalated, Repeats int64
	CSAT                                  [5]int64 // ratings of 1, 2, 3, 4, 5
}

// Levels are what the drift alone makes of a segment: no season, no noise.
type Levels struct{ CSAT, Complaint, Repeat, Response float64 }

// streams of random numbers: the path has one of its own, so that counts and cases of one seed share it.
const (
	streamPath = iota + 1
	streamCounts
	streamCases
)

func source(seed, stream uint64) *rand.PCG { return rand.NewPCG(seed, 0xca5e<<32|stream) }
