package window

import (
	"errors"
	"fmt"
	"math"
)

// Length is a window's length in minutes.
type Length int64

// The windows, in the order in which those with one end are published.
const (
	Hour  Length = 60
	Day   Length = 24 * 60
	Week  Length = 7 * 24 * 60
	Month Length = 30 * 24 * 60
)

// Lengths are all windows in their order.
var Lengths = [...]Length{Hour, Day, Week, Month}

// String gives the window's name in a metric record.
func (l Length) String() string {
	switch l {
	case Hour:
		return "1h"
	case Day:
		return "24h"
	case Week:
		return "7d"
	case Month:
		return "30d"
	}
	return fmt.Sprintf("%dm", int64(l))
}

// Step is how far the ends of a window's neighbours lie apart, in minutes: ends are the multiples of it since 1970, so
// that a day is a day of UTC.
func (l Length) Step() int64 {
	switch l {
	case Hour:
		return 1
	case Month:
		return int64(Day)
	}
	return int64(Hour)
}

// ErrClosed says that a fact belongs to a minute whose windows are closed.
var ErrClosed = errors.New("the fact's minute is closed")

// Windows adds up facts and closes windows. It holds one pane a minute for the last hour and for what is not closed
// yet, one an hour for a week, one a day for 30 days, and the running sum of each window; stretches without a fact
// take no memory. At 30 segments that is about 2 MB.
type Windows struct {
	segments  segments
	pending   pending
	hour, day *pane // what is closed of the current hour and day
	rollers   [len(Lengths)]roller
	closed    int64 // the last end whose windows are closed
}

// New makes empty windows.
func New() *Windows {
	w := &Windows{segments: newSegments(), pending: pending{panes: map[int64]*pane{}}, hour: new(pane), day: new(pane), closed: math.MinInt64}
	for i, l := range Lengths {
		w.rollers[i].length = l
	}
	return w
}

// Add counts a fact in the minute that it lies in; all windows that reach over that minute will have it. It returns
// ErrClosed, and counts nothing, where Next has passed that minute.
func (w *Windows) Add(f *Fact) error {
	m := Minute(f.At)
	if m < w.closed {
		return fmt.Errorf("%w: %d, windows are closed up to minute %d", ErrClosed, f.At, w.closed)
	}
	p := w.pending.at(m)
	p.facts++
	p.at(w.segments.number(f.Type, f.Handler)).add(&f.Sums)
	return nil
}

// Next closes all windows of the next end (in minutes since 1970) at which a window may hold a fact, if that end is not
// after limit; Rows then gives them. It returns false when there is none, and from then on everything before limit is
// closed. Ends rise. The work does not depend on how long nothing happened: there are at most 60 + 7 * 24 + 30 ends
// after the last fact, and the rest is one jump.
func (w *Windows) Next(limit int64) (end int64, ok bool) {
	end = w.next()
	if end > limit {
		w.closed = max(w.closed, limit)
		return 0, false
	}
	w.closed = end
	if m := w.pending.take(end - 1); m != nil {
		w.rollers[0].push(end-1, m)
		w.hour.add(m)
	}
	if end%int64(Hour) == 0 && w.hour.facts > 0 {
		w.rollers[1].push(end-int64(Hour), w.hour)
		w.rollers[2].push(end-int64(Hour), w.hour)
		w.day.add(w.hour)
		w.hour = new(pane)
	}
	if end%int64(Day) == 0 && w.day.facts > 0 {
		w.rollers[3].push(end-int64(Day), w.day)
		w.day = new(pane)
	}
	for i := range w.rollers {
		w.rollers[i].expire(end - int64(w.rollers[i].length))
	}
	return end, true
}

// next is the first end after the closed ones at which something changes or is to be shown; MaxInt64 where nothing is
// left.
func (w *Windows) next() int64 {
	end := int64(math.MaxInt64)
	if len(w.pending.starts) > 0 {
		end = w.pending.starts[0] + 1
	}
	if w.rollers[0].sum.facts > 0 {
		end = min(end, w.closed+1)
	}
	if w.hour.facts+w.rollers[2].sum.facts > 0 {
		end = min(end, after(w.closed, int64(Hour)))
	}
	if w.day.facts+w.rollers[3].sum.facts > 0 {
		end = min(end, after(w.closed, int64(Day)))
	}
	return end
}

// after is the first multiple of step after t.
func after(t, step int64) int64 { return (floor(t, step) + 1) * step }

// Rows gives the window of a length that ends at the end that Next returned last: its segments with a case, a rating or a
// complaint and the totals over them, sorted by case type and handler. It returns nothing where no window of that length
// ends there, or where it holds no fact. The slice is good until the next call.
func (w *Windows) Rows(l Length) []Row {
	for i := range w.rollers {
		if r := &w.rollers[i]; r.length == l && w.closed%l.Step() == 0 && r.sum.facts > 0 {
			return w.segments.rows(&r.sum)
		}
	}
	return nil
}
