// Package replay is a simulated chat platform: it plays conversations into Casetrail as a real platform would, answering
// from the work that the router gives out. It talks to Casetrail over Kafka only.
package replay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/casetrail/casetrail/schemas"
)

// Chat is the way to Casetrail.
type Chat interface {
	// Publish writes events to chat.events, each in its case's partition, in order; it returns once they are durable.
	Publish(ctx context.Context, events []schemas.ChatEvent) error
	// Clock writes a clock event to every partition of chat.events.
	Clock(ctx context.Context, at int64) error
	// Work is what the router gives out, on work.ai and work.human, from the moment of the first call on.
	Work() <-chan *schemas.WorkItem
}

// Progress is told how far a replay is.
type Progress func(events, conversations int)

// Pace is how fast a replay may run, and when it gives up.
type Pace struct {
	EventsPerSecond int           // 0 for as fast as the pipeline answers
	Patience        time.Duration // without an answer of the router's for so long, it ends with ErrNoAnswer
}

// ErrNoAnswer says that cases wait for the router in vain.
var ErrNoAnswer = errors.New("the router gives no work for customers' messages")

const (
	maxBatch = 500
	// clockStep is the least step of the clock, simulated milliseconds.
	clockStep  = 1_000
	clockEvery = 250 * time.Millisecond
	unhold     = 2 * time.Second
)

// Run plays the platform's conversations to their end and returns the simulated time at which the last event happened.
func Run(ctx context.Context, p *Platform, chat Chat, pace Pace, progress Progress) (int64, error) {
	work := chat.Work()
	begin, heard, told := time.Now(), time.Now(), time.Time{}
	ticked := int64(0)
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for !p.Done() {
		n := maxBatch
		if pace.EventsPerSecond > 0 {
			n = min(n, int(time.Since(begin).Seconds()*float64(pace.EventsPerSecond))-p.Events())
		}
		events := p.Next(n)
		if len(events) > 0 {
			if err := chat.Publish(ctx, events); err != nil {
				return 0, fmt.Errorf("publish to chat.events: %w", err)
			}
		}
		moved := false
		// Each tick makes checkpoints, and each checkpoint a block in ClickHouse: not more of them than a few a second, unless
		// there is nothing else to do and a timer may be what everybody waits for.
		if at := p.Clock(); at >= ticked+clockStep && (len(events) == 0 || time.Since(told) >= clockEvery) {
			if err := chat.Clock(ctx, at); err != nil {
				return 0, fmt.Errorf("publish the clock to chat.events: %w", err)
			}
			ticked, moved, told = at, true, time.Now()
		}
		progress(p.Events(), p.Left())
		if len(events) > 0 || moved {
			heard = time.Now()
			if !take(p, work) {
				continue
			}
		}
		select {
		case w, ok := <-work:
			if !ok {
				return 0, fmt.Errorf("%w: reading work.ai and work.human has ended", ErrNoAnswer)
			}
			heard = time.Now()
			p.Work(w)
			take(p, work)
		case <-poll.C:
			if since := time.Since(heard); since > pace.Patience {
				return 0, fmt.Errorf("%w: nothing for %v, %d conversations are not over; is the router running?", ErrNoAnswer, since.Round(time.Second), p.Left())
			} else if since > unhold {
				p.Unhold()
			}
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return p.Last(), nil
}

// take takes the work that is there already. It tells whether there was none.
func take(p *Platform, work <-chan *schemas.WorkItem) (none bool) {
	none = true
	for {
		select {
		case w, ok := <-work:
			if !ok {
				return true
			}
			p.Work(w)
			none = false
		default:
			return none
		}
	}
}
