package main

import (
	"testing"

	"github.com/casetrail/casetrail/schemas"
)

func TestAlertsInWords(t *testing.T) {
	drift := &schemas.SegmentAlert{Alert: schemas.AlertKindMaskedDrift, Summary: "In words.", RaisedAt: 1_800_000_000_000,
		Episode: schemas.Some(schemas.Episode{State: schemas.EpisodeStateUpdated, At: 1_800_003_600_000})}
	breach := &schemas.SegmentAlert{Alert: schemas.AlertKindGuardBreach, Summary: "An AI wrote.", RaisedAt: 1_800_000_000_000}
	for want, m := range map[string]schemas.Message{
		"2027-01-15 09:00:00Z  masked_drift  updated  In words.": drift, "2027-01-15 08:00:00Z  guard_breach  An AI wrote.": breach} {
		if got := line(m); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if a, b := fields(drift), fields(drift); string(a) != string(b) {
		t.Errorf("the same message is\n%s and\n%s", a, b)
	}
}
