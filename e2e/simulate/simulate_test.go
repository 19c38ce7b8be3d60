package simulate

import (
	"flag"
	"reflect"
	"strings"
	"testing"
)

var seeds = flag.Int("seeds", 200, "how many seeds to play")

func TestSeeds(t *testing.T) {
	for seed := range uint64(*seeds) {
		if r := Run(seed); r.Err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, r.Err, strings.Join(r.Trace, "\n"))
		}
	}
}

func TestASeedPlaysEqually(t *testing.T) {
	for seed := range uint64(20) {
		if a, b := Run(seed), Run(seed); !reflect.DeepEqual(a.Stats, b.Stats) {
			t.Fatalf("seed %d: %+v, then %+v", seed, a.Stats, b.Stats)
		}
	}
}
