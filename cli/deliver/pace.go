package deliver

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/casetrail/casetrail/pipelines/inject"
	"github.com/casetrail/casetrail/pipelines/stage"
)

// Pace is how often an alert is tried.
type Pace struct {
	First, Last time.Duration // the wait after the first failure; it doubles up to the last. Half of it is chance
	After       time.Duration // the longest Retry-After that is heeded
	Refusals    int           // how often one alert is tried that the receiver refuses
}

// DefaultPace is what operators get: a receiver that is back is found within a minute.
var DefaultPace = Pace{First: time.Second, Last: time.Minute, After: 15 * time.Minute, Refusals: 5}

// deliver tries until the receiver has the alert, will never take it, or the service ends.
func (h *handler) deliver(a *Alert, in *stage.Record) error {
	if inject.CommitFirst.Is() {
		go func() { _ = h.attempts(a, in) }()
		return nil
	}
	err := h.attempts(a, in)
	if err == nil {
		inject.Delivered.Pass()
	}
	return err
}

func (h *handler) attempts(a *Alert, in *stage.Record) error {
	wait, refused := h.pace.First, 0
	for {
		err := h.to.Send(h.ctx, a)
		if h.ctx.Err() != nil {
			return h.ctx.Err()
		}
		if err == nil {
			h.keep.Delivered(a)
			return nil
		}
		var answer *Answer
		if errors.As(err, &answer) && answer.refusal() {
			if refused++; refused >= h.pace.Refusals {
				h.keep.Undeliverable(a, in, err)
				return nil
			}
		}
		pause := wait/2 + rand.N(wait/2+1)
		if answer != nil {
			pause = max(pause, min(answer.After, h.pace.After))
		}
		h.keep.Retry(a, pause, err)
		if err := sleep(h.ctx, pause); err != nil {
			return err
		}
		wait = min(2*wait, h.pace.Last)
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
