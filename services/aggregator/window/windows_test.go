package window

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

const minute = 60_000

func facts(t *rapid.T) []Fact {
	base := rapid.SampledFrom([]int64{-3 * int64(Day), 0, 29_000_000, 29_000_017}).Draw(t, "base")
	step := rapid.SampledFrom([]int64{1, 40, 700, 20_000, 90_000}).Draw(t, "step")
	out := make([]Fact, rapid.IntRange(0, 60).Draw(t, "n"))
	for i := range out {
		at := (base+step*rapid.Int64Range(0, 20).Draw(t, "at"))*minute + rapid.SampledFrom([]int64{0, 1, minute - 1}).Draw(t, "ms")
		f := Fact{At: at, Type: rapid.SampledFrom([]string{"a", "b", "all", "zz"}).Draw(t, "type"),
			Handler: Handler(rapid.IntRange(0, 2).Draw(t, "handler"))}
		for j := range f.Sums {
			f.Sums[j] = rapid.Int64Range(0, 3).Draw(t, "sum")
		}
		f.Sums[Cases] = 1
		out[i] = f
	}
	return out
}

type closed struct {
	end    int64
	length Length
	rows   []Row
}

// naive is what windows are by definition: for every end, the facts in it.
func naive(facts []Fact, limit int64) []closed {
	ends := map[int64]bool{}
	for _, f := range facts {
		for _, l := range Lengths {
			for end := after(Minute(f.At), l.Step()); end <= min(limit, Minute(f.At)+int64(l)); end += l.Step() {
				ends[end] = true
			}
		}
	}
	var sorted []int64
	for end := range ends {
		sorted = append(sorted, end)
	}
	slices.Sort(sorted)
	var out []closed
	for _, end := range sorted {
		for _, l := range Lengths {
			rows := map[[2]string]*Sums{}
			for _, f := range facts {
				if end%l.Step() != 0 || Minute(f.At) < end-int64(l) || Minute(f.At) >= end {
					continue
				}
				keys := [][2]string{{All, All}, {All, f.Handler.String()}}
				if f.Type != All {
					keys = append(keys, [2]string{f.Type, All}, [2]string{f.Type, f.Handler.String()})
				}
				for _, k := range keys {
					if rows[k] == nil {
						rows[k] = new(Sums)
					}
					rows[k].add(&f.Sums)
				}
			}
			c := closed{end: end, length: l}
			for k, s := range rows {
				c.rows = append(c.rows, Row{k[0], k[1], *s})
			}
			slices.SortFunc(c.rows, func(a, b Row) int {
				return slices.Compare([]string{a.Type, a.Handler}, []string{b.Type, b.Handler})
			})
			if len(rows) > 0 {
				out = append(out, c)
			}
		}
	}
	return out
}

// TestWindowsAreTheirFacts adds facts in any order that the promise allows, with the clock anywhere in between.
func TestWindowsAreTheirFacts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		facts := facts(t)
		limit := int64(29_000_000 + 20*90_000 + 2*int64(Month))
		limit -= rapid.Int64Range(0, 3*int64(Month)).Draw(t, "short")
		order := rapid.Permutation(facts).Draw(t, "order")
		w, clock := New(), int64(math.MinInt64)
		var got []closed
		drain := func() {
			for {
				end, ok := w.Next(clock)
				if !ok {
					return
				}
				for _, l := range Lengths {
					if rows := w.Rows(l); rows != nil {
						got = append(got, closed{end, l, slices.Clone(rows)})
					}
				}
			}
		}
		for i := range order {
			if err := w.Add(&order[i]); err != nil {
				t.Fatal(err)
			}
			if rapid.Bool().Draw(t, "tick") {
				clock = limit
				for _, f := range order[i+1:] {
					clock = min(clock, Minute(f.At))
				}
				drain()
			}
		}
		clock = limit
		drain()
		want := naive(facts, limit)
		for i := range min(len(want), len(got)) {
			if fmt.Sprint(want[i]) != fmt.Sprint(got[i]) {
				t.Fatalf("window %d\n got %v\nwant %v", i, got[i], want[i])
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%d windows, want %d", len(got), len(want))
		}
	})
}

func TestBoundsAreHalfOpen(t *testing.T) {
	w := New()
	at := int64(29_000_040) // a full hour, not a full day
	for _, ms := range []int64{at * minute, at*minute + minute - 1} {
		if err := w.Add(&Fact{At: ms, Type: "a", Sums: Sums{Cases: 1}}); err != nil {
			t.Fatal(err)
		}
	}
	var hours []int64
	for end, ok := w.Next(at + 200); ok; end, ok = w.Next(at + 200) {
		if rows := w.Rows(Hour); rows != nil {
			hours = append(hours, end)
			if rows[0].Type != "a" || rows[0].Sums[Cases] != 2 {
				t.Fatalf("end %d: %v", end, rows)
			}
		}
	}
	if len(hours) != 60 || hours[0] != at+1 || hours[59] != at+60 {
		t.Fatalf("1h windows end at %v", hours)
	}
}

func TestAFactBehindTheClockIsRefused(t *testing.T) {
	w := New()
	if _, ok := w.Next(100); ok {
		t.Fatal("a window without a fact")
	}
	if err := w.Add(&Fact{At: 100*minute - 1}); !errors.Is(err, ErrClosed) {
		t.Fatalf("got %v", err)
	}
	if err := w.Add(&Fact{At: 100 * minute}); err != nil {
		t.Fatal(err)
	}
}

// TestIdleTimeCostsNothing closes windows over a million years.
func TestIdleTimeCostsNothing(t *testing.T) {
	w := New()
	n := 0
	for _, at := range []int64{0, 1 << 39, 1 << 40} {
		if err := w.Add(&Fact{At: at * minute, Type: "a", Sums: Sums{Cases: 1}}); err != nil {
			t.Fatal(err)
		}
		for _, ok := w.Next(at + 1<<38); ok; _, ok = w.Next(at + 1<<38) {
			n++
		}
	}
	if most := 3 * (60 + 7*24 + 30 + 1); n > most {
		t.Fatalf("%d ends, want at most %d", n, most)
	}
	if len(w.pending.panes) != 0 || w.rollers[3].sum.facts != 0 {
		t.Fatal("something is left")
	}
}

// TestMemoryIsBounded holds no more panes after a year than after a month.
func TestMemoryIsBounded(t *testing.T) {
	w := New()
	for m := int64(0); m < 365*int64(Day); m += 7 {
		if err := w.Add(&Fact{At: m * minute, Type: "a", Sums: Sums{Cases: 1}}); err != nil {
			t.Fatal(err)
		}
		for _, ok := w.Next(m); ok; _, ok = w.Next(m) {
		}
	}
	if n := len(w.pending.panes); n > 1 {
		t.Errorf("%d minutes are pending", n)
	}
	for i, most := range []int{60, 24, 168, 30} {
		if n := len(w.rollers[i].panes); n > most {
			t.Errorf("%v has %d panes", Lengths[i], n)
		}
	}
}
