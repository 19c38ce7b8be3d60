package window

import (
	"fmt"
	"testing"
)

// world is a month's minute: 53 facts over 24 segments.
func world(m int64) []Fact {
	out := make([]Fact, 53)
	for i := range out {
		out[i] = Fact{At: m*minute + int64(i), Type: fmt.Sprintf("type_%d", i%8), Handler: Handler(i % 3), Resolution: BinOf(int64(i) * 9999), ToHuman: BinOf(int64(i) * 777)}
		for j := range out[i].Sums {
			out[i].Sums[j] = int64(i * j % 3)
		}
		out[i].Sums[Cases] = 1
	}
	return out
}

func BenchmarkAdd(b *testing.B) {
	w, fs := newWindows(shipped), world(0)
	for i := range b.N {
		f := &fs[i%len(fs)]
		f.At = int64(i) * 1100
		if err := w.Add(f); err != nil {
			b.Fatal(err)
		}
		if i%64 == 63 {
			for _, ok := w.Next(Minute(f.At)); ok; _, ok = w.Next(Minute(f.At)) {
			}
		}
	}
}

// BenchmarkMinute is a whole minute: its 53 facts, its close and the rows of all its windows.
func BenchmarkMinute(b *testing.B) {
	w, fs := newWindows(shipped), world(0)
	for m := int64(0); b.Loop(); m++ {
		for i := range fs {
			fs[i].At = m * minute
			if err := w.Add(&fs[i]); err != nil {
				b.Fatal(err)
			}
		}
		if _, ok := w.Next(m + 1); !ok {
			b.Fatal("nothing to close")
		}
		for range w.Ending {
			continue
		}
	}
}
