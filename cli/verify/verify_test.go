package verify

import (
	"testing"
)

// TestSoundHistories: what the services make of any history holds, to its end.
func TestSoundHistories(t *testing.T) {
	for seed := range uint64(40) {
		w := newWorld(t, seed)
		w.random(50 + int(seed)*8)
		w.flow()
		r := w.verify()
		if r.Err() != nil || r.Pending() != nil {
			t.Fatalf("seed %d: %v, %v", seed, r.Err(), r.Pending())
		}
	}
}
