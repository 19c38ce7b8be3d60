package verify

import (
	"testing"

	"github.com/casetrail/casetrail/pipelines"
)

// TestForgottenBeginnings: wherever the topics' beginnings were deleted, what is left of a sound history holds.
func TestForgottenBeginnings(t *testing.T) {
	for seed := range uint64(4) {
		w := newWorld(t, seed)
		w.random(60)
		w.flow()
		last := int64(len(w.Records(pipelines.CaseEvents, 0)))
		for start := int64(1); start < last; start += 1 + last/60 {
			w.starts[pipelines.CaseEvents] = start
			if r := w.verify(); r.Err() != nil {
				t.Fatalf("seed %d, case.events begins at offset %d of %d: %v", seed, start, last, r.Err())
			}
		}
	}
}
