package window

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/DataDog/sketches-go/ddsketch/mapping"
	"pgregory.net/rapid"

	"github.com/casetrail/casetrail/pipelines/policies"
)

const (
	minute = 60_000
	day    = 24 * 60
	month  = 30 * day
)

var shipped = policies.Shipped().Metrics.Windows

func newWindows(ws policies.Windows) *Windows { return New(ws, func([]Fact) {}) }

// configs are windows of several policies.
var configs = []policies.Windows{
	shipped,
	{{Name: "5m", Length: 5, Step: 5}, {Name: "1h", Length: 60, Step: 5}, {Name: "24h", Length: day, Step: 60}},
	{{Name: "2h", Length: 120, Step: 1}, {Name: "14d", Length: 14 * day, Step: 2 * day}},
}

func facts(t *rapid.T) []Fact {
	base := rapid.SampledFrom([]int64{-3 * int64(day), 0, 29_000_000, 29_000_017}).Draw(t, "base")
	step := rapid.SampledFrom([]int64{1, 40, 700, 20_000, 90_000}).Draw(t, "step")
	out := make([]Fact, rapid.IntRange(0, 60).Draw(t, "n"))
	for i := range out {
		at := (base+step*rapid.Int64Range(0, 20).Draw(t, "at"))*minute + rapid.SampledFrom([]int64{0, 1, minute - 1}).Draw(t, "ms")
		f := Fact{At: at, Type: rapid.SampledFrom([]string{"a", "b", "all", "zz"}).Draw(t, "type"),
			Handler: Handler(rapid.IntRange(0, 2).Draw(t, "handler")), Resolution: NoBin, ToHuman: NoBin}
		for j := range f.Sums {
			f.Sums[j] = rapid.Int64Range(0, 3).Draw(t, "sum")
		}
		f.Sums[Cases] = 1
		if rapid.Bool().Draw(t, "lasts") {
			f.Resolution = BinOf(rapid.Int64Range(0, 1e9).Draw(t, "resolution"))
		}
		if rapid.Bool().Draw(t, "joins") {
			f.ToHuman = BinOf(rapid.Int64Range(0, 1e6).Draw(t, "to human"))
		}
		out[i] = f
	}
	return out
}

type closed struct {
	end    int64
	window policies.Window
	rows   []Row
}

// naive is what windows are by definition: for every end, the facts in it.
func naive(ws policies.Windows, facts []Fact, limit int64) []closed {
	ends := map[int64]bool{}
	for _, f := range facts {
		for _, w := range ws {
			for end := after(Minute(f.At), w.Step); end <= min(limit, Minute(f.At)+w.Length); end += w.Step {
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
		for _, w := range ws {
			rows := map[[2]string]*Sums{}
			durations := map[[2]string]*[2][]Bin{}
			for _, f := range facts {
				if end%w.Step != 0 || Minute(f.At) < end-w.Length || Minute(f.At) >= end {
					continue
				}
				keys := [][2]string{{All, All}, {All, f.Handler.String()}}
				if f.Type != All {
					keys = append(keys, [2]string{f.Type, All}, [2]string{f.Type, f.Handler.String()})
				}
				for _, k := range keys {
					if rows[k] == nil {
						rows[k], durations[k] = new(Sums), new([2][]Bin)
					}
					rows[k].add(&f.Sums)
					for i, b := range []Bin{f.Resolution, f.ToHuman} {
						if b != NoBin {
							durations[k][i] = append(durations[k][i], b)
						}
					}
				}
			}
			c := closed{end: end, window: w}
			for k, s := range rows {
				c.rows = append(c.rows, Row{k[0], k[1], *s, percentilesOf(durations[k][0]), percentilesOf(durations[k][1])})
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

// percentilesOf is what percentiles are by definition.
func percentilesOf(bs []Bin) (p Percentiles) {
	if len(bs) == 0 {
		return p
	}
	slices.Sort(bs)
	at := func(q float64) int64 { return bs[int(math.Ceil(q*float64(len(bs))/100))-1].Middle() }
	return Percentiles{at(50), at(90), at(99)}
}

// TestWindowsAreTheirFacts adds facts in any order that the promise allows, with the clock anywhere in between.
func TestWindowsAreTheirFacts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		facts := facts(t)
		ws := rapid.SampledFrom(configs).Draw(t, "windows")
		limit := int64(29_000_000 + 20*90_000 + 2*int64(month))
		limit -= rapid.Int64Range(0, 3*int64(month)).Draw(t, "short")
		order := rapid.Permutation(facts).Draw(t, "order")
		w, clock := newWindows(ws), int64(math.MinInt64)
		var got []closed
		drain := func() {
			for {
				end, ok := w.Next(clock)
				if !ok {
					return
				}
				for l, rows := range w.Ending {
					got = append(got, closed{end, l, slices.Clone(rows)})
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
		want := naive(ws, facts, limit)
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
	w := newWindows(shipped)
	at := int64(29_000_040) // a full hour, not a full day
	for _, ms := range []int64{at * minute, at*minute + minute - 1} {
		if err := w.Add(&Fact{At: ms, Type: "a", Sums: Sums{Cases: 1}, ToHuman: NoBin}); err != nil {
			t.Fatal(err)
		}
	}
	var hours []int64
	for end, ok := w.Next(at + 200); ok; end, ok = w.Next(at + 200) {
		for l, rows := range w.Ending {
			if l.Name != "1h" {
				continue
			}
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
	w := newWindows(shipped)
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
	w := newWindows(shipped)
	n := 0
	for _, at := range []int64{0, 1 << 39, 1 << 40} {
		if err := w.Add(&Fact{At: at * minute, Type: "a", Sums: Sums{Cases: 1}, ToHuman: NoBin}); err != nil {
			t.Fatal(err)
		}
		for _, ok := w.Next(at + 1<<38); ok; _, ok = w.Next(at + 1<<38) {
			n++
		}
	}
	if most := 3 * (60 + 7*24 + 30 + 1); n > most {
		t.Fatalf("%d ends, want at most %d", n, most)
	}
	if len(w.pending.facts) != 0 || w.rollers[3].facts != 0 {
		t.Fatal("something is left")
	}
}

// TestMemoryIsBounded holds no more panes after a year than after a month.
func TestMemoryIsBounded(t *testing.T) {
	w := newWindows(shipped)
	for m := int64(0); m < 365*int64(day); m += 7 {
		if err := w.Add(&Fact{At: m * minute, Type: "a", Sums: Sums{Cases: 1}, ToHuman: NoBin}); err != nil {
			t.Fatal(err)
		}
		for _, ok := w.Next(m); ok; _, ok = w.Next(m) {
		}
	}
	if n := len(w.pending.facts); n > 1 {
		t.Errorf("%d minutes are pending", n)
	}
	for i, most := range []int{60, 24, 168, 30} {
		if n := len(w.rollers[i].panes); n > most {
			t.Errorf("%v has %d panes", shipped[i].Name, n)
		}
	}
}

// TestBinsAreExact: every duration is within 1/128 of its bin's middle, bins rise, and they are DDSketch's: at 1000 points of
// each octave, away from the edges, where that one's floats may fall on the other side.
func TestBinsAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := rapid.Int64Range(0, 1<<octaves-1).Draw(t, "ms")
		b := BinOf(ms)
		if m := b.Middle(); max(m-ms, ms-m) > ms/128 || BinOf(ms+1) < b || BinOf(m) != b {
			t.Fatalf("%d ms are in bin %d, whose middle is %d", ms, b, m)
		}
	})
	if BinOf(-1) != 0 || BinOf(math.MaxInt64) != bins-1 || BinOf(1<<octaves-1) != bins-1 {
		t.Error("the ends")
	}
	m, err := mapping.NewLinearlyInterpolatedMappingWithGamma(math.Exp2(1.0/64), 0)
	if err != nil {
		t.Fatal(err)
	}
	for octave := 11; octave < octaves; octave++ {
		for part := range int64(1000) {
			ms := int64(1)<<octave + (2*part+1)<<octave/2000
			if within := ms << 6 >> octave << octave >> 6; ms-within < 2 {
				continue
			}
			if got, want := BinOf(ms), Bin(1+m.Index(float64(ms))); got != want {
				t.Fatalf("%d: %d, %d", ms, got, want)
			}
		}
	}
}

// TestAChangeOfWindows: what stays the same goes on, and a new window is shown once it has all its facts.
func TestAChangeOfWindows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		facts := facts(t)
		limit := int64(29_000_000 + 20*90_000 + 2*month)
		before, after := rapid.SampledFrom(configs).Draw(t, "before"), rapid.SampledFrom(configs).Draw(t, "after")
		change := int64(29_000_000) + rapid.Int64Range(-5*day, 2*month).Draw(t, "change")
		var want, got []closed
		first := int64(math.MaxInt64)
		for _, f := range facts {
			first = min(first, Minute(f.At))
		}
		for _, c := range naive(before, facts, limit) {
			if c.end < change {
				want = append(want, c)
			}
		}
		for _, c := range naive(after, facts, limit) {
			kept := slices.ContainsFunc(before, func(w policies.Window) bool { return w.Length == c.window.Length && w.Step == c.window.Step })
			if c.end >= change && (kept || c.end-c.window.Length >= change-1 || first >= change-1) {
				want = append(want, c)
			}
		}
		w := newWindows(before)
		for i := range facts {
			if err := w.Add(&facts[i]); err != nil {
				t.Fatal(err)
			}
		}
		changed := false
		for {
			if !changed && change <= w.Peek() {
				w.Change(change, after)
				changed = true
			}
			end, ok := w.Next(limit)
			if !ok {
				break
			}
			for l, rows := range w.Ending {
				got = append(got, closed{end, l, slices.Clone(rows)})
			}
		}
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
