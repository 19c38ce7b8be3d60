package kafka

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	minBackoff = 20 * time.Millisecond
	maxBackoff = time.Second
)

// backoff spaces out retries: doubling, with jitter. The zero value is ready.
type backoff struct{ next time.Duration }

// sleep waits for the next delay or until ctx ends, and returns why ctx ended.
func (b *backoff) sleep(ctx context.Context) error {
	b.next = min(max(2*b.next, minBackoff), maxBackoff)
	t := time.NewTimer(b.next/2 + rand.N(b.next/2+1))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// retrying calls f until it succeeds, fails for good, or ctx ends. Every failure but the last is reported.
func retrying(ctx context.Context, what string, report func(string, error), f func() error) error {
	var wait backoff
	for {
		err := f()
		if err = classify(err); err == nil || fatal(err) {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		report(what, err)
		if err := wait.sleep(ctx); err != nil {
			return err
		}
	}
}
