package verify

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrIncomplete says that ClickHouse does not hold all of a time yet.
var ErrIncomplete = errors.New("ClickHouse is not complete")

const waitEvery = 100 * time.Millisecond

// Wait returns when ClickHouse holds every record and every window up to a time, in milliseconds. Where ctx ends first,
// the error wraps ErrIncomplete and ctx's cause, and says how far ClickHouse has come.
func (c ClickHouse) Wait(ctx context.Context, until int64) error {
	windows := until / time.Hour.Milliseconds() * time.Hour.Milliseconds()
	poll := time.NewTicker(waitEvery)
	defer poll.Stop()
	var complete, window int64
	for {
		err := c.progress(ctx, &complete, &window)
		if err == nil && complete >= until && window >= windows {
			return nil
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return fmt.Errorf("%w: it has the records up to %s and the windows up to %s, and not up to %s: %w", ErrIncomplete,
				clock(complete), clock(window), clock(until), context.Cause(ctx))
		}
	}
}

// progress tells up to when ClickHouse has records and windows.
func (c ClickHouse) progress(ctx context.Context, complete, window *int64) (err error) {
	if *complete, err = c.Complete(ctx); err != nil {
		return err
	}
	const last = "SELECT toUnixTimestamp64Milli(toDateTime64(max(window_end), 3, 'UTC')) FROM metrics"
	return c.Conn.QueryRow(ctx, last).Scan(window)
}
