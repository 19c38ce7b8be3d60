package window

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/casetrail/casetrail/pipelines/policies"
)

// ErrClosed says that a fact belongs to a minute whose windows are closed.
var ErrClosed = errors.New("the fact's minute is closed")

// Windows adds up facts and closes windows. It holds the facts of minutes that are not closed yet, and of each window a pane
// for each of its steps and the running sum; stretches without a fact take no memory. At 30 segments and the shipped
// windows that is about 15 MB.
type Windows struct {
	segments segments
	pending  pending
	decide   func([]Fact)
	filling  []filling // the panes that are being filled, one for each length of a step
	rollers  []roller
	hour     *pane // of the hour that has just ended; nil otherwise
	closed   int64 // the last end whose windows are closed
	begun    bool  // a fact has been counted
}

// filling is a pane for the steps of one length, as far as it is closed.
type filling struct {
	step int64
	*pane
}

// New makes empty windows. When a minute closes, decide gets all its facts, in any order, before they are counted: what of
// them depends on other facts, or on the policy, it fills in.
func New(ws policies.Windows, decide func([]Fact)) *Windows {
	w := &Windows{segments: newSegments(), pending: pending{facts: map[int64][]Fact{}}, decide: decide, closed: math.MinInt64}
	w.change(math.MinInt64, ws)
	return w
}

// Change has other windows from an end on, which must be above all that Next has returned, and at or below the next one. A
// window that was not there before begins empty: the first one that is shown is the first that begins at or after the minute
// which that end closes, unless there has been no fact at all. What has the same length and step goes on.
func (w *Windows) Change(end int64, ws policies.Windows) {
	w.closed = max(w.closed, end-1)
	since := end - 1
	if !w.begun {
		since = math.MinInt64
	}
	w.change(since, ws)
}

func (w *Windows) change(since int64, ws policies.Windows) {
	rollers := make([]roller, len(ws))
	all := []filling{{hour, new(pane)}} // always, for Hour
	if len(w.filling) > 0 {
		all[0] = w.filling[0]
	}
	for i, x := range ws {
		same := func(r roller) bool { return r.Length == x.Length && r.Step == x.Step }
		if k := slices.IndexFunc(w.rollers, same); k >= 0 {
			rollers[i] = w.rollers[k]
		} else {
			rollers[i].since = since
		}
		rollers[i].Window = x
		if slices.ContainsFunc(all, func(f filling) bool { return f.step == x.Step }) {
			continue
		}
		if k := slices.IndexFunc(w.filling, func(f filling) bool { return f.step == x.Step }); k >= 0 {
			all = append(all, w.filling[k])
		} else {
			all = append(all, filling{x.Step, new(pane)})
		}
	}
	w.rollers, w.filling = rollers, all
}

// Add counts a fact in the minute that it lies in; all windows that reach over that minute will have it. It returns
// ErrClosed, and counts nothing, where Next has passed that minute.
func (w *Windows) Add(f *Fact) error {
	m := Minute(f.At)
	if m < w.closed {
		return fmt.Errorf("%w: %d, windows are closed up to minute %d", ErrClosed, f.At, w.closed)
	}
	w.pending.add(m, f)
	return nil
}

// Next closes all windows of the next end (in minutes since 1970) at which a window may hold a fact, if that end is not
// after limit; Ending then gives them. It returns false when there is none, and from then on everything before limit is
// closed. Ends rise. The work does not depend on how long nothing happened: after the last fact there are at most as many
// ends as the windows have steps, and the rest is one jump.
func (w *Windows) Next(limit int64) (end int64, ok bool) {
	end = w.Peek()
	if end > limit {
		w.closed = max(w.closed, limit)
		return 0, false
	}
	w.closed, w.hour = end, nil
	if fs := w.pending.take(end - 1); fs != nil {
		w.begun = true
		w.decide(fs)
		p := &pane{sums: make([]Sums, 0, len(w.segments.types)*int(handlers))}
		for i := range fs {
			p.count(w.segments.number(fs[i].Type, fs[i].Handler), &fs[i])
		}
		for i := range w.filling {
			w.filling[i].add(p)
		}
		clear(fs)
		w.pending.free = fs
	}
	for i := range w.filling {
		f := &w.filling[i]
		if end%f.step != 0 || f.facts == 0 {
			continue
		}
		f.finish()
		if f.step == hour {
			w.hour = f.pane
		}
		for j := range w.rollers {
			if r := &w.rollers[j]; r.Step == f.step {
				r.push(end-f.step, f.pane)
			}
		}
		f.pane = new(pane)
	}
	for i := range w.rollers {
		w.rollers[i].expire(end - w.rollers[i].Length)
	}
	return end, true
}

// Peek is the end that Next would close; MaxInt64 where nothing is left.
func (w *Windows) Peek() int64 {
	end := int64(math.MaxInt64)
	if len(w.pending.starts) > 0 {
		end = w.pending.starts[0] + 1
	}
	for i := range w.filling {
		if f := &w.filling[i]; f.facts > 0 {
			end = min(end, after(w.closed, f.step))
		}
	}
	for i := range w.rollers {
		if r := &w.rollers[i]; r.facts > 0 {
			end = min(end, after(w.closed, r.Step))
		}
	}
	return end
}

// after is the first multiple of step after t.
func after(t, step int64) int64 { return (floor(t, step) + 1) * step }

// Ending are the windows that end at the end which Next returned last and hold a fact, in their order.
func (w *Windows) Ending(yield func(policies.Window, []Row) bool) {
	for i := range w.rollers {
		r := &w.rollers[i]
		if w.closed%r.Step != 0 || r.facts == 0 || r.since != math.MinInt64 && w.closed-r.Length < r.since {
			continue
		}
		if !yield(r.Window, w.segments.rows(r)) {
			return
		}
	}
}
