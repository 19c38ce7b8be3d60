package torture

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/casetrail/casetrail/cli/corpus"
	"github.com/casetrail/casetrail/cli/replay"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/schemas"
)

// player plays conversations without a pause, as a chat platform would. It is not what is tested: it waits for as long as it
// takes.
type player struct {
	client *kafka.Client
	codec  *schemas.Codec

	clock  int64 // simulated time of the last round's end
	rounds uint64
	played int          // conversations, of rounds that have ended
	events atomic.Int64 // published

	end  chan struct{}
	done chan error
	once *sync.Once
}

const (
	stock    = 5_000           // conversations that are ready to be played
	spacing  = 8 * time.Second // simulated, between two of their beginnings
	ahead    = time.Hour       // simulated, how far events may run ahead of the clock while the router is away
	patience = 5 * time.Minute
	idle     = 4*time.Hour + time.Minute // the idle time-out of cases that nobody ends
)

// start begins to play.
func (p *player) start(ctx context.Context) {
	p.end, p.done, p.once = make(chan struct{}), make(chan error, 1), &sync.Once{}
	go func() {
		for !p.over() {
			if err := p.play(ctx); err != nil {
				p.done <- fmt.Errorf("play: %w", err)
				return
			}
		}
		p.done <- nil
	}()
}

func (p *player) over() bool {
	select {
	case <-p.end:
		return true
	default:
		return false
	}
}

// finish lets no conversation begin any more, waits until all have ended, and returns why playing ended before, if it did.
func (p *player) finish() error {
	p.once.Do(func() { close(p.end) })
	err := <-p.done
	p.done <- err
	return err
}

// play plays conversations until there are no more, or it is over.
func (p *player) play(ctx context.Context) error {
	shipped, err := corpus.Shipped()
	if err != nil {
		return err
	}
	p.rounds++
	if p.clock == 0 {
		p.clock = time.Now().Add(-30 * 24 * time.Hour).UnixMilli()
	}
	from := p.clock + time.Minute.Milliseconds()
	sample := corpus.Sample(shipped, stock, *seed+p.rounds)
	for i := range sample {
		sample[i].ID = fmt.Sprintf("%s-r%d", sample[i].ID, p.rounds)
	}
	platform := replay.New(sample, replay.Options{Seed: *seed + p.rounds, Start: from, Span: stock * spacing, Ahead: ahead,
		Misbehaves: .02, BotVersion: "torture-1", Duration: 10 * time.Minute})
	chat, err := replay.NewKafka(ctx, p.client, p.codec)
	if err != nil {
		return err
	}
	defer chat.Close()
	conversations, before := platform.Left(), p.events.Load()
	last, err := replay.Run(ctx, platform, chat, replay.Pace{EventsPerSecond: *speed, Patience: patience}, func(events, _ int) {
		p.events.Store(before + int64(events))
		if p.over() {
			conversations -= platform.Finish()
		}
	})
	if err != nil {
		return err
	}
	p.clock = last + idle.Milliseconds()
	if err := chat.Clock(ctx, p.clock); err != nil {
		return err
	}
	p.played += conversations
	return nil
}
