package simulate

import (
	"fmt"
	"time"
)

// traced is how much of what happened a failing seed shows: the end, which is where it went wrong.
const traced = 60

// trace is what happened last.
type trace struct {
	world *world
	ring  []string
	n     int
}

// say adds to the trace. What goes as it should is not said.
func (w *world) say(format string, a ...any) {
	t := &w.trace
	line := fmt.Sprintf("%7d  %s  ", w.stats.Steps, clock(w.now)) + fmt.Sprintf(format, a...)
	if len(t.ring) < traced {
		t.ring = append(t.ring, line)
	} else {
		t.ring[t.n%traced] = line
	}
	t.n++
}

func (t *trace) lines() []string {
	if t.n <= traced {
		return t.ring
	}
	return append(append([]string{t.ring[0], "..."}, t.ring[t.n%traced:]...), t.ring[:t.n%traced]...)
}

func clock(ms int64) string { return time.UnixMilli(ms).UTC().Format("01-02 15:04:05.000") }
