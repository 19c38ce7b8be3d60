package window

import (
	"cmp"
	"math/bits"
	"slices"
)

// Bin is a range of durations. Bins are counted, and their counts add up and subtract exactly, so that percentiles of any
// union of panes are those of its cases. They are the bins of a DDSketch with a linearly interpolated logarithm (Masson, Rim,
// Lee, "DDSketch", VLDB 2019) at 64 to an octave, in whole numbers, so that every machine, and ClickHouse, has the same.
type Bin int16

// NoBin is the bin of no duration.
const NoBin Bin = -1

const (
	octaves = 40 // up to 34 years
	bins    = octaves*64 + 1
)

// BinOf gives the bin of a duration in milliseconds: 0 for 0 and less, 1 + 64 * octave + the 6 bits after the first one.
func BinOf(ms int64) Bin {
	if ms <= 0 {
		return 0
	}
	octave := bits.Len64(uint64(ms)) - 1
	if octave >= octaves {
		return bins - 1
	}
	return Bin(1 + octave<<6 + int(uint64(ms)<<6>>octave&63))
}

// Middle is the middle of a bin in milliseconds, rounded down: within 1/128 of every duration in it.
func (b Bin) Middle() int64 {
	if b <= 0 {
		return 0
	}
	octave, part := int64(b-1)>>6, int64(b-1)&63
	return (129 + 2*part) << octave >> 7
}

// Percentiles are the middles of the bins where the cases stand of which 50, 90 and 99 in 100 took no longer.
type Percentiles struct{ P50, P90, P99 int64 }

// histogram counts durations by bin. low to high are the bins that have been touched.
type histogram struct {
	n         int64
	low, high int
	bins      []int64
}

func (h *histogram) count(b Bin, n int64) {
	if h.bins == nil {
		h.bins, h.low = make([]int64, bins), bins
	}
	h.bins[b] += n
	h.n += n
	h.low, h.high = min(h.low, int(b)), max(h.high, int(b)+1)
}

func (h *histogram) add(o *histogram) {
	if o.n == 0 {
		return
	}
	if h.bins == nil {
		h.bins, h.low = make([]int64, bins), bins
	}
	for i, n := range o.bins[o.low:o.high] {
		h.bins[o.low+i] += n
	}
	h.n += o.n
	h.low, h.high = min(h.low, o.low), max(h.high, o.high)
}

func (h *histogram) clear() {
	if h.bins != nil {
		clear(h.bins[h.low:max(h.low, h.high)])
		h.n, h.low, h.high = 0, bins, 0
	}
}

// percentiles are zeros where nothing is counted.
func (h *histogram) percentiles() (p Percentiles) {
	if h.n == 0 {
		return p
	}
	rank := func(q int64) int64 { return (h.n*q + 99) / 100 }
	var sum int64
	b := h.low - 1
	at := func(rank int64) int64 {
		for sum < rank {
			b++
			sum += h.bins[b]
		}
		return Bin(b).Middle()
	}
	p.P50 = at(rank(50))
	p.P90 = at(rank(90))
	p.P99 = at(rank(99))
	return p
}

// durations are the histograms of one segment.
type durations struct{ resolution, toHuman histogram }

func (d *durations) add(o *durations) {
	d.resolution.add(&o.resolution)
	d.toHuman.add(&o.toHuman)
}

func (d *durations) clear() {
	d.resolution.clear()
	d.toHuman.clear()
}

// binned is how often one bin of one segment's durations was met in a pane.
type binned struct {
	key uint64 // segment, whether it is the time to a human, bin
	n   int64
}

const (
	binBits = 12
	toHuman = 1 << binBits
)

func binKey(segment int, kind uint64, b Bin) uint64 {
	return uint64(segment)<<(binBits+1) | kind | uint64(b)
}

// count adds a pane's bins to the durations of all segments, or takes them away.
func (b binned) count(to []durations, sign int64) {
	d := &to[b.key>>(binBits+1)]
	h := &d.resolution
	if b.key&toHuman != 0 {
		h = &d.toHuman
	}
	h.count(Bin(b.key&(toHuman-1)), sign*b.n)
}

// compact joins what is of one bin.
func compact(bs []binned) []binned {
	slices.SortFunc(bs, func(a, b binned) int { return cmp.Compare(a.key, b.key) })
	out := bs[:0]
	for _, b := range bs {
		if k := len(out) - 1; k >= 0 && out[k].key == b.key {
			out[k].n += b.n
		} else {
			out = append(out, b)
		}
	}
	return out
}
